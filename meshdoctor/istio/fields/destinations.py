"""Where routes go: destinations, weights, and the gateways for which they hold."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_port
from meshdoctor.istio.fields.names import is_label, not_domain, not_fqdn
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault


def bad_destination(destination: Field) -> Iterator[Fault]:
    if not destination:
        return
    host, subset = destination["host"], destination["subset"]
    if host.text == "*" or not_domain(host.text):
        yield host.wrong("is *, a destination is one host" if host.text == "*" else not_domain(host.text))
    if subset.text and not is_label(subset.text):
        yield subset.wrong(f"is {subset.text!r}, a subset's name is a DNS label")
    if destination["port"]:
        yield from bad_port(destination["port"]["number"])


def bad_weights(routes: Field) -> Iterator[Fault]:
    """Each part of a split has a destination; the weights are not negative, and not all zero."""
    parts = routes.items
    for part in parts:
        if not part["destination"]:
            yield part.wrong("has no destination")
        yield from bad_destination(part["destination"])
        if part["weight"].number < 0:
            yield part["weight"].wrong("is negative")
    if len(parts) > 1 and not sum(p["weight"].number for p in parts):
        yield routes.wrong("has several destinations, and the sum of their weights is 0")


def bad_gateways(gateways: Field) -> Iterator[Fault]:
    """Gateways are named NAMESPACE/NAME or NAME; names of hosts are an older way."""
    for gateway in gateways.items:
        namespace, slash, name = gateway.text.partition("/")
        if not slash:
            if "." in gateway.text:
                first, second, *_ = gateway.text.split(".")
                yield gateway.doubtful(f"is written as a host, which is an older way: write {second}/{first}")
            if reason := not_fqdn(gateway.text):
                yield gateway.wrong(f"is {gateway.text!r}: it {reason}")
        elif not is_label(namespace) or not is_label(name):
            part = "namespace" if not is_label(namespace) else "gateway"
            yield gateway.wrong(f"is {gateway.text!r}, it must be NAMESPACE/NAME: no {part} is called so")
