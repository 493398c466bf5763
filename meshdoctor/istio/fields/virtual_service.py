"""VirtualService."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.fields.common import bad_exports, bad_port
from meshdoctor.istio.fields.destinations import bad_gateways, bad_weights
from meshdoctor.istio.fields.headers import is_claim
from meshdoctor.istio.fields.http_route import bad_http_route
from meshdoctor.istio.fields.names import bad_labels, covers, is_address, is_subnet, not_domain, overlap
from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.schema.fault import Fault

MESH = "mesh"
# the host of a cluster behind an AUTO_PASSTHROUGH gateway: outbound_.80_._.reviews.shop.svc.cluster.local
_PASSED = re.compile(r"outbound_[^_]*\d[^_]*_[^_]*_[^_]*[a-zA-Z][^_]*(?:_.*)?")


def virtual_service(body: Field) -> Iterator[Fault]:
    spec = body["spec"]
    if not spec:
        return
    if not spec["hosts"].size:
        yield from _bad_delegate(spec)
    yield from bad_gateways(spec["gateways"])
    yield from _bad_claims(spec)
    yield from _bad_hosts(spec)
    if not any(spec[kind].size for kind in ("http", "tls", "tcp")):
        yield spec.wrong("has no rules: it needs http, tls or tcp")
    for rule in spec["http"].items:
        yield from bad_http_route(rule, is_delegate=not spec["hosts"].size)
    for rule in spec["tls"].items:
        yield from _bad_tls(rule, spec)
    for rule in spec["tcp"].items:
        yield from _bad_tcp(rule)
    yield from bad_exports(spec["exportTo"], body["metadata"]["namespace"].text)


def for_gateways_only(spec: Field) -> bool:
    """Whether no sidecar follows it."""
    return spec["gateways"].size > 0 and MESH not in spec["gateways"].texts


def _bad_delegate(spec: Field) -> Iterator[Fault]:
    for kind in ("gateways", "tls", "tcp"):
        if spec[kind].size:
            yield spec[kind].wrong("is set without hosts: a delegate has http only")


def _bad_claims(spec: Field) -> Iterator[Fault]:
    """Only gateways route on the claims of a token."""
    if for_gateways_only(spec):
        return
    for rule in spec["http"].items:
        for match in rule["match"].items:
            for kind in ("headers", "withoutHeaders"):
                for name, value in match[kind].entries:
                    if is_claim(name):
                        yield value.wrong("routes on a claim of a token: only gateways can, and this holds for sidecars too")


def _bad_hosts(spec: Field) -> Iterator[Fault]:
    hosts = spec["hosts"].items
    at_gateways = for_gateways_only(spec)
    passes = at_gateways and any(m["sniHosts"].size for r in spec["tls"].items for m in r["match"].items)
    sound = True
    for host in hosts:
        reason = _not_host(host.text, passes)
        if reason and not is_address(host.text):
            sound = False
            yield host.wrong(f"is {host.text!r}: it {reason}")
        elif host.text == "*" and not at_gateways:
            sound = False
            yield host.wrong("is *, which only gateways can have: sidecars need a host")
    for i, later in enumerate(hosts if sound else ()):
        earlier = next((h for h in hosts[:i] if overlap(h.text, later.text)), None)
        if earlier is not None:
            yield later.wrong(f"is {later.text}, which {earlier.path} ({earlier.text}) has already")


def _not_host(text: str, passes: bool) -> str:
    if passes and text.startswith("outbound_") and len(text) <= 255:
        return "" if _PASSED.fullmatch(text) else "is not of the form outbound_.PORT_.SUBSET_.HOST"
    return not_domain(text)


def _bad_tls(rule: Field, spec: Field) -> Iterator[Fault]:
    if not rule["match"].size:
        yield rule.wrong("has no match: a rule of tls needs the names of servers")
    for match in rule["match"].items:
        yield from _bad_l4_match(match)
        if not match["sniHosts"].size:
            yield match.wrong("has no sniHosts")
        for host in match["sniHosts"].items:
            yield from _bad_sni(host, spec)
    yield from _bad_route(rule)


def _bad_sni(host: Field, spec: Field) -> Iterator[Fault]:
    """The name of a server is a name, and one of the hosts."""
    reason = _not_host(host.text, for_gateways_only(spec))
    if reason and is_address(host.text):
        yield host.doubtful("is an address: clients send names only")
    elif reason:
        yield host.wrong(f"is {host.text!r}: it {reason}")
    elif not any(covers(h, host.text) for h in spec["hosts"].texts):
        yield host.wrong(f"is {host.text}, which is none of the hosts ({', '.join(spec['hosts'].texts)})")


def _bad_tcp(rule: Field) -> Iterator[Fault]:
    for match in rule["match"].items:
        yield from _bad_l4_match(match)
    yield from _bad_route(rule)


def _bad_l4_match(match: Field) -> Iterator[Fault]:
    for subnet in match["destinationSubnets"].items:
        if not is_subnet(subnet.text):
            yield subnet.wrong(f"is {subnet.text!r}, which is neither an address nor a CIDR block")
    if match["port"].number:
        yield from bad_port(match["port"])
    yield from bad_labels(match["sourceLabels"])
    yield from bad_gateways(match["gateways"])


def _bad_route(rule: Field) -> Iterator[Fault]:
    if not rule["route"].size:
        yield rule.wrong("has no route")
    yield from bad_weights(rule["route"])
