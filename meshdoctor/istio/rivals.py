"""Objects that speak of the same host: VirtualServices and DestinationRules that some proxy sees both of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeVar

from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import Patterns, fqdn, long_name
from meshdoctor.istio.imports import seen_together
from meshdoctor.istio.visibility import is_limited, meet
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.subject import Subject

X = TypeVar("X", VirtualService, DestinationRule)


def rival_rules(mesh: Mesh) -> dict[Subject, DestinationRule]:
    """DestinationRules with another one that speaks of the same host and subset (no subsets: of all of them).

    Rules that switch mutual TLS on for a wildcard stand beside any other: they are made for that.
    """
    rules = [(long_name(mesh, r.spec.host, r.namespace), r) for r in mesh[DestinationRule] if not _is_mutual_for_all(r)]
    index = Patterns(rules)
    pairs = ((rule, other) for host, rule in rules for other in index.covering(host))
    return _partners(pairs, lambda a, b: a is not b and _share_subset(a, b) and seen_together(mesh, a, b))


def _is_mutual_for_all(rule: DestinationRule) -> bool:
    policy = rule.spec.traffic_policy
    return rule.spec.host.startswith("*") and policy is not None and policy.tls is not None and policy.tls.mode == "ISTIO_MUTUAL"


def _share_subset(one: DestinationRule, other: DestinationRule) -> bool:
    first, second = ({s.name for s in r.spec.subsets} for r in (one, other))
    return not first or not second or bool(first & second)


def _partners(pairs: Iterable[tuple[X, X]], test: Callable[[X, X], bool]) -> dict[Subject, X]:
    """The first partner of each, both ways. Pairs of which both have one already are not tested."""
    found: dict[int, tuple[X, X]] = {}
    for one, other in pairs:
        if (id(one) not in found or id(other) not in found) and test(one, other):
            found.setdefault(id(one), (one, other))
            found.setdefault(id(other), (other, one))
    return {one.subject: other for one, other in found.values()}


def same_host_at_a_gateway(mesh: Mesh) -> dict[Subject, VirtualService]:
    """VirtualServices with another one for the same host at the same gateway (or for sidecars), or for all of its namespace.

    One that names a host twice (`cart` and `cart.shop`) is its own partner.
    Gateways of one short name in two namespaces count as the same: they are most often meant for the same pods.
    """
    found: dict[str, list[tuple[str, VirtualService]]] = {}
    for each in mesh[VirtualService]:
        for name in {*gateway_names(each), *each.spec.gateways}:
            found.setdefault(name, []).extend((_host(mesh, h, each.namespace), each) for h in each.spec.hosts)
    pairs = (p for those in found.values() for p in _at_one(mesh, those))
    return _partners(pairs, lambda a, b: a is b or seen_together(mesh, a, b))


def _host(mesh: Mesh, host: str, namespace: str) -> str:
    return f"*.{namespace}.svc.{mesh.cluster.domain}" if host == "*" else long_name(mesh, host, namespace)


def _at_one(mesh: Mesh, those: list[tuple[str, VirtualService]]) -> Iterator[tuple[VirtualService, VirtualService]]:
    index = Patterns((host, (i, each)) for i, (host, each) in enumerate(those))
    suffix = f".svc.{mesh.cluster.domain}"
    for i, (host, each) in enumerate(those):
        whole = f"*.{host.partition('.')[2]}" if host.endswith(suffix) else host  # all Services of its namespace
        for j, other in (*index.equal(host), *(index.equal(whole) if whole != host else ())):
            if i != j:
                yield each, other


def same_host_in_the_mesh(mesh: Mesh) -> dict[Subject, VirtualService]:
    """VirtualServices for sidecars with another one for the same host that some sidecar sees too.

    One that is exported to named namespaces meets those for everybody by wildcard as well.
    """
    those = [
        (fqdn(h, v.namespace, mesh.cluster.domain).lower(), v)
        for v in mesh[VirtualService]
        if MESH in gateway_names(v)
        for h in v.spec.hosts
    ]
    index = Patterns(those)
    equal = ((v, o) for h, v in those for o in index.equal(h))
    limited = {id(v) for _, v in those if is_limited(mesh, v)}
    wild = ((v, o) for h, v in those for o in index.covering(h) if (id(v) in limited) != (id(o) in limited))
    return _partners(chain(equal, wild), lambda a, b: a is not b and meet(mesh, a, b))
