"""Objects that speak of the same host: VirtualServices and DestinationRules that some proxy sees both of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    return _partners((a, b) for a, b in pairs if _share_subset(a, b) and seen_together(mesh, a, b))


def _is_mutual_for_all(rule: DestinationRule) -> bool:
    policy = rule.spec.traffic_policy
    return rule.spec.host.startswith("*") and policy is not None and policy.tls is not None and policy.tls.mode == "ISTIO_MUTUAL"


def _share_subset(one: DestinationRule, other: DestinationRule) -> bool:
    first, second = ({s.name for s in r.spec.subsets} for r in (one, other))
    return not first or not second or bool(first & second)


def _partners(pairs: Iterable[tuple[X, X]]) -> dict[Subject, X]:
    """The first partner of each, both ways."""
    found: dict[Subject, X] = {}
    for one, other in pairs:
        if one is not other:
            found.setdefault(one.subject, other)
            found.setdefault(other.subject, one)
    return found


def same_host_at_a_gateway(mesh: Mesh) -> dict[Subject, VirtualService]:
    """VirtualServices with another one for the same host at the same gateway (or for sidecars), or for all of its namespace.

    Gateways of one short name in two namespaces count as the same: they are most often meant for the same pods.
    """
    found: dict[str, list[tuple[str, VirtualService]]] = {}
    for each in mesh[VirtualService]:
        for name in {*gateway_names(each), *each.spec.gateways}:
            found.setdefault(name, []).extend((_host(mesh, h, each.namespace), each) for h in each.spec.hosts)
    return _partners(p for those in found.values() for p in _at_one(mesh, those))


def _host(mesh: Mesh, host: str, namespace: str) -> str:
    return f"*.{namespace}.svc.{mesh.cluster.domain}" if host == "*" else long_name(mesh, host, namespace)


def _at_one(mesh: Mesh, those: list[tuple[str, VirtualService]]) -> Iterator[tuple[VirtualService, VirtualService]]:
    index = Patterns(those)
    suffix = f".svc.{mesh.cluster.domain}"
    for host, each in those:
        whole = f"*.{host.partition('.')[2]}" if host.endswith(suffix) else host  # all Services of its namespace
        for other in (*index.equal(host), *(index.equal(whole) if whole != host else ())):
            if other is not each and seen_together(mesh, each, other):
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
    wild = ((v, o) for h, v in those for o in index.covering(h) if is_limited(mesh, v) != is_limited(mesh, o))
    return _partners((v, o) for pairs in (equal, wild) for v, o in pairs if v is not o and meet(mesh, v, o))
