"""AuthorizationPolicy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from meshdoctor.istio.fields.common import bad_selector, bad_targets
from meshdoctor.istio.fields.names import is_subnet
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

_IDENTITY = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
_ADDRESSES = ("ipBlocks", "remoteIpBlocks")
_OF_CONNECTIONS = ("principals", "ipBlocks", "namespaces", "remoteIpBlocks", "serviceAccounts")
_OPERATION = ("ports", "methods", "paths", "hosts")
_PLAIN_KEYS = {
    *("source.namespace", "source.principal", "request.auth.principal", "request.auth.audiences", "request.auth.presenter"),
    "connection.sni",
}
_REPLACED = {
    "destination.namespace": "the policy's own namespace says that",
    "destination.name": "it was of v1alpha1",
    "destination.user": "it was of v1alpha1",
}
_MAX_ACCOUNTS = 16
_SEGMENT = re.compile(r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+", re.ASCII)
Check = Callable[[str], str]


def authorization_policy(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    action = spec["action"].text or "ALLOW"
    yield from bad_targets(spec)
    yield from bad_selector(spec["selector"])
    yield from _bad_action(spec, action)
    for rule in spec["rules"].items:
        for part in ("from", "to"):
            if rule[part] and not rule[part].size:
                yield rule[part].wrong("is empty: leave it out, or say something")
        for entry in rule["from"].items:
            yield from _bad_source(entry)
        for entry in rule["to"].items:
            yield from _bad_operation(entry)
        for condition in rule["when"].items:
            yield from _bad_condition(condition)
        if action == "DENY" and _denies_tcp(rule):
            yield rule.doubtful("denies every connection to ports of TCP: it asks only what HTTP has, name the port too")


def _bad_action(spec: Field, action: str) -> Iterator[Fault]:
    provider = spec["provider"]
    if action in ("CUSTOM", "DENY") and not spec["rules"]:
        yield spec.wrong(f"has no rules, so {action} never happens: add an empty rule {{}} for every request")
    elif action == "CUSTOM" and not provider["name"].text:
        yield (provider if provider else spec).wrong("names no provider, which CUSTOM asks")
    if provider and action != "CUSTOM":
        yield provider.wrong(f"is set, but only CUSTOM asks one, not {action}")
    for rule in spec["rules"].items if action == "CUSTOM" else ():
        yield from _bad_custom(rule)


def _bad_custom(rule: Field) -> Iterator[Fault]:
    """What CUSTOM cannot ask: identities are known only after it."""
    for entry in rule["from"].items:
        for name in (n for known in _IDENTITY for n in (known, _negated(known))):
            if entry["source"][name].size:
                yield entry["source"][name].wrong("cannot be asked by CUSTOM")
    for condition in rule["when"].items:
        key = condition["key"].text
        identity = {"source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"}
        if key in identity or key.startswith("request.auth."):
            yield condition["key"].wrong(f"is {key}, which CUSTOM cannot ask")


def _negated(name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}"


def _bad_source(entry: Field) -> Iterator[Fault]:
    source = entry["source"]
    checks: dict[str, Check] = {"serviceAccounts": _not_account, "trustDomains": _not_trust_domain}
    checks |= dict.fromkeys(_ADDRESSES, _not_address)
    yield from _bad_lists(source, entry, (*_IDENTITY, *_ADDRESSES), checks)
    accounts = source.given("serviceAccounts", "notServiceAccounts")
    others = source.given("principals", "notPrincipals", "namespaces", "notNamespaces")
    if accounts and others:
        yield source[accounts[0]].wrong(f"stands beside {' and '.join(others)}: a service account says both already")
    for name in accounts:
        if source[name].size > _MAX_ACCOUNTS:
            yield source[name].wrong(f"has {source[name].size} accounts, more than {_MAX_ACCOUNTS}")


def _bad_operation(entry: Field) -> Iterator[Fault]:
    checks: dict[str, Check] = {"ports": _not_port, "paths": _not_path}
    yield from _bad_lists(entry["operation"], entry, _OPERATION, checks)


def _bad_lists(of: Field, entry: Field, names: tuple[str, ...], checks: dict[str, Check]) -> Iterator[Fault]:
    """Neither nothing at all, nor empty values, nor values that have not the form of their list."""
    if not of:
        yield entry.wrong("says nothing")
        return
    whole = [(n, checks.get(n)) for n in names] + [(_negated(n), checks.get(n)) for n in names]
    if not any(of[name].size for name, _ in whole):
        yield of.wrong("says nothing: leave it out, or name something")
    for name, check in whole:
        for value in of[name].items:
            reason = (check(value.text) if check else "") if value.text else "is empty"
            if reason:
                yield value.wrong(reason if not value.text else f"is {value.text!r}, {reason}")


def _not_account(text: str) -> str:
    if "*" in text:
        return "a service account is named without wildcards"
    parts = text.split("/")
    return "" if len(parts) <= 2 and all(parts) and len(text) <= 320 else "it must be ACCOUNT or NAMESPACE/ACCOUNT"


def _not_wildcard(text: str) -> str:
    inside = text.count("*") > 1 or ("*" in text.strip("*"))
    return "a wildcard stands once, at the beginning or the end" if inside else ""


def _not_trust_domain(text: str) -> str:
    return "a trust domain has no slash" if "/" in text else _not_wildcard(text)


def _not_address(text: str) -> str:
    return "" if is_subnet(text) else "which is neither an address nor a CIDR block"


def _not_port(text: str) -> str:
    return "" if text.isascii() and text.isdigit() and int(text) <= 65535 else "which is no port"


def _not_path(path: str) -> str:
    """`{*}` is one part of a path, `{**}` all that follow."""
    templated = "{*}" in path or "{**}" in path
    rest = False
    for part in path.strip("/").split("/"):
        if part in ("{*}", "{**}"):
            if rest:
                return "nothing may follow {**} but fixed parts"
            rest = part == "{**}"
        elif "{" in part or "}" in part:
            return "{*} and {**} stand for whole parts, other braces are not known"
        elif templated and not _SEGMENT.fullmatch(part):
            return f"its part {part!r} is no part of a path"
    return ""


def _bad_condition(condition: Field) -> Iterator[Fault]:
    key = condition["key"]
    values = [v for name in ("values", "notValues") for v in condition[name].items]
    if not key.text:
        yield condition.wrong("has no key")
        return
    if not values:
        yield condition.wrong(f"asks {key.text}, but has neither values nor notValues")
        return
    if reason := _not_key(key.text):
        yield key.wrong(f"is {key.text}, {reason}")
    check = _check_of(key.text)
    for value in values:
        reason = check(value.text) if value.text else "which is empty"
        if reason:
            yield value.wrong(f"is {value.text!r}, {reason}")


def _not_key(key: str) -> str:
    if key.startswith(("request.headers", "request.auth.claims", "experimental.envoy.filters.")):
        at = key.find("[")
        return "" if key.endswith("]") and 0 < at < len(key) - 2 else "it must be of the form a[b]"
    if key in _REPLACED or key.startswith("destination.labels"):
        return f"which is known no more: {_REPLACED.get(key, 'the selector says that')}"
    return "" if key in _PLAIN_KEYS or _check_of(key) is not _any else "which is no attribute that Istio knows"


def _check_of(key: str) -> Check:
    if key in ("source.ip", "remote.ip", "destination.ip"):
        return _not_address
    known: dict[str, Check] = {"source.serviceAccount": _not_account, "source.trustDomain": _not_wildcard}
    return {**known, "destination.port": _not_port}.get(key, _any)


def _any(_text: str) -> str:
    return ""


def _denies_tcp(rule: Field) -> bool:
    """Whether a rule asks only what connections of TCP lack: it then denies all of them."""
    sources = [e["source"] for e in rule["from"].items if e["source"]]
    operations = [e["operation"] for e in rule["to"].items if e["operation"]]
    tcp = [n for known in _OF_CONNECTIONS for n in (known, _negated(known))]
    by_source = any(s[n] for s in sources for n in tcp)
    by_port = any(o[n] for o in operations for n in ("ports", "notPorts"))
    return bool((sources and not operations and not by_source) or (operations and not by_port))
