"""Checks that several kinds share: durations, ports, regular expressions, exportTo, selectors and targets."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.names import PROTOCOLS, is_label, protocol_of
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.cel_functions import CelFault, duration
from meshdoctor.istio.schema.fault import Fault
from meshdoctor.istio.schema.re2 import NotRE2, compiled

MILLISECOND = 10**6
MAX_REGEX = 1024
TARGETS = {  # group and kind of what a policy may be attached to
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.istio.io", "ServiceEntry"),
    ("", "Service"),
    ("core", "Service"),
}


def nanoseconds(field: Field) -> int | None:
    """The length of a duration; None where it is none."""
    try:
        return int(duration(field.text))
    except CelFault:
        return None


def bad_duration(field: Field) -> Iterator[Fault]:
    """A duration, where there is one, is at least 1ms and has no part below the millisecond."""
    if not field:
        return
    length = nanoseconds(field)
    if length is None:
        yield field.wrong(f"is {field.value!r}, which is no duration (such as 5s or 100ms)")
    elif length < MILLISECOND:
        yield field.wrong(f"is {field.text}, the least is 1ms")
    elif length % MILLISECOND:
        yield field.wrong(f"is {field.text}, Istio knows nothing shorter than a millisecond")


def bad_port(field: Field) -> Iterator[Fault]:
    if not 1 <= field.number <= 65535:
        yield field.wrong(f"is {field.value if field else 'missing'}, a port is between 1 and 65535")


def bad_protocol(port: Field) -> Iterator[Fault]:
    """A protocol may be left out; where it is given it is one of Istio's."""
    said = protocol_of(port)
    if said and said not in PROTOCOLS:
        yield port["protocol"].wrong(f"is {port['protocol'].text}, it must be one of {', '.join(sorted(PROTOCOLS)).upper()}")


def bad_port_name(port: Field) -> Iterator[Fault]:
    name = port["name"]
    if not is_label(name.text):
        yield (name if name else port).wrong(
            f"is {name.text!r}, a port's name is a DNS label" if name else "has no name, a port's name is a DNS label"
        )


def bad_regex(field: Field) -> Iterator[Fault]:
    """RE2 compiles the expression, and it has at most 1024 characters."""
    if not field.text:
        yield field.wrong("is an empty expression")
    elif len(field.text) > MAX_REGEX:
        yield field.wrong(f"has more than {MAX_REGEX} characters")
    else:
        try:
            compiled(field.text)
        except NotRE2 as why:
            yield field.wrong(f"is no RE2 expression: {why}")


def bad_match(match: Field) -> Iterator[Fault]:
    """A string match is neither an empty prefix nor a broken expression."""
    if match["prefix"].value == "":
        yield match["prefix"].wrong("is an empty prefix")
    elif match["regex"]:
        yield from bad_regex(match["regex"])


def bad_exports(exports: Field, namespace: str, *, service_entry: bool = False, selector: bool = False) -> Iterator[Fault]:
    """exportTo names each namespace once, and `*` or `~` alone."""
    seen: list[str] = []
    for entry in exports.items:
        name = namespace if entry.text == "." else entry.text
        if name in seen:
            yield entry.wrong(f"names {entry.text} again" if name == entry.text else f"means {namespace}, which is named too")
        elif entry.text not in (".", "*") and not (service_entry and name == "~") and not is_label(name):
            yield entry.wrong(f"is {name!r}, which is neither a namespace nor . or *")
        else:
            seen.append(name)
    if selector and seen and (namespace not in seen or len(seen) > 1):
        yield exports.wrong("goes beyond the rule's own namespace, a workloadSelector allows only that")
    if len(exports.items) > 1:
        for word, means in (("*", "every namespace"), ("~", "no namespace")):
            if word in seen:
                yield exports.wrong(f"has {word} ({means}) and other namespaces")


def bad_selector(selector: Field) -> Iterator[Fault]:
    """The selector of a policy: neither empty keys nor wildcards; without labels it selects everything."""
    if not selector:
        return
    yield from _bad_labels(selector["matchLabels"])
    if not selector["matchLabels"].size:
        yield selector.doubtful("has no labels: it selects every workload of the namespace")


def bad_alpha_selector(selector: Field) -> Iterator[Fault]:
    """The selector of Sidecar, ServiceEntry and EnvoyFilter, with `labels`."""
    yield from _bad_labels(selector["labels"])


def _bad_labels(labels: Field) -> Iterator[Fault]:
    for key, value in labels.entries:
        if not key:
            yield labels.wrong("has an empty key")
        if "*" in key or "*" in value.text:
            yield value.wrong("has a wildcard, a selector compares labels exactly")


def bad_targets(spec: Field, selector: str = "selector") -> Iterator[Fault]:
    """One of selector, targetRef and targetRefs; a target is one that Istio knows, in the own namespace."""
    given = [n for n in (selector, "targetRef", "targetRefs") if spec[n] and (n != "targetRefs" or spec[n].size)]
    if len(given) > 1:
        yield spec[given[-1]].wrong(f"stands beside {' and '.join(given[:-1])}: only one of them may be set")
    for target in (*([spec["targetRef"]] if spec["targetRef"] else []), *spec["targetRefs"].items):
        yield from _bad_target(target)


def _bad_target(target: Field) -> Iterator[Fault]:
    for name in ("kind", "name"):
        if not target[name].text:
            yield target.wrong(f"names no {name}")
    if target["namespace"].text:
        yield target["namespace"].wrong(f"is {target['namespace'].text}, a policy reaches its own namespace only")
    kind = (target["group"].text, target["kind"].text)
    if kind[1] and kind not in TARGETS:
        known = ", ".join(sorted({f"{k} ({g or 'core'})" for g, k in TARGETS if g != "core"}))
        yield target["kind"].wrong(f"is {kind[1]} of {kind[0] or 'core'}, a policy is attached to one of {known}")
