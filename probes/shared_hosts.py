"""Objects that speak of the same host: which of them counts is left to their order."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import fqdn
from meshdoctor.istio.imports import RUNNING
from meshdoctor.istio.rivals import rival_rules, same_host_at_a_gateway, same_host_in_the_mesh
from meshdoctor.istio.visibility import exports, meet
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, HTTPRoute, L4Route, Sidecar, VirtualService
from meshdoctor.model.subject import Subject
from probes.registry import Draft, fail, probe, quote

Ignored = dict[Subject, tuple[VirtualService, str]]  # whom, and for which host, it stands behind


@probe("RT-004", needs=(VirtualService, Namespace, Service, Sidecar, *RUNNING))
def two_rules_for_a_host(mesh: Mesh) -> Iterator[Draft]:
    """Two VirtualServices define one host for sidecars that see both: these do not merge, the younger one is ignored.

    Others that share a host are told of as well: the older one, those at one gateway (they merge, in no sure order),
    and those for a wildcard of their namespace.
    """
    ignored, in_mesh, at_gateway = _ignored(mesh), same_host_in_the_mesh(mesh), same_host_at_a_gateway(mesh)
    for each in mesh[VirtualService].everywhere():
        subject = each.subject
        older, host = ignored.get(subject, (None, ""))
        other = older or in_mesh.get(subject) or at_gateway.get(subject)
        if other is None:
            continue
        if older is not None:
            says = f"{other.subject} already defines {host} for the mesh; sidecars keep one and ignore the other"
        elif other is each:
            says = "it names one host twice, in two forms or by a wildcard"
        else:
            says = f"{other.subject} speaks of a host of it too"
        found = (("IST0109", in_mesh), ("KIA1106", at_gateway))
        yield fail(
            each,
            says,
            at="spec.hosts",
            evidence=[quote(v, "spec.hosts", list(v.spec.hosts)) for v in ((each,) if other is each else (each, other))],
            severity=None if older is not None else "info",
            also=() if other is each else (other,),
            since=each.created,
            codes=[code for code, those in found if subject in those],
        )


def _ignored(mesh: Mesh) -> Ignored:
    """The VirtualServices that sidecars pass over for an older one."""
    found: Ignored = {}
    for host, those in _by_host(mesh).items():
        ordered = sorted(those, key=_age)
        for i, younger in enumerate(ordered):
            older = next((o for o in ordered[:i] if _collide(mesh, o, younger)), None)
            if older is not None:
                found.setdefault(younger.subject, (older, host))
    return found


def _by_host(mesh: Mesh) -> dict[str, list[VirtualService]]:
    """The VirtualServices whose rules sidecars follow, by full host."""
    hosts: dict[str, list[VirtualService]] = {}
    for each in mesh[VirtualService].everywhere():
        if MESH in gateway_names(each) and _kinds(each):
            for host in {fqdn(h, each.namespace, mesh.cluster.domain).lower() for h in each.spec.hosts}:
                hosts.setdefault(host, []).append(each)
    return hosts


def _age(thing: KubernetesObject) -> tuple[float, str, str]:
    return thing.created.timestamp() if thing.created else 0.0, thing.namespace, thing.name


def _collide(mesh: Mesh, one: VirtualService, other: VirtualService) -> bool:
    """Both visible to some namespace, both with rules of one protocol, and neither a private override of a namespace."""
    private = one.namespace != other.namespace and any(exports(mesh, v) == (v.namespace,) for v in (one, other))
    return bool(_kinds(one) & _kinds(other)) and meet(mesh, one, other) and not private


def _kinds(virtual_service: VirtualService) -> set[str]:
    """The protocols for which sidecars find rules in it."""
    spec = virtual_service.spec
    named: dict[str, tuple[HTTPRoute | L4Route, ...]] = {"http": spec.http, "tls": spec.tls, "tcp": spec.tcp}
    return {kind for kind, rules in named.items() if any(_on_mesh(virtual_service, r) for r in rules)}


def _on_mesh(virtual_service: VirtualService, rule: HTTPRoute | L4Route) -> bool:
    return not rule.match or any(MESH in gateway_names(virtual_service, m.gateways or None) for m in rule.match)


@probe(
    "MD5100",
    needs=(DestinationRule, Namespace, Service, Sidecar, *RUNNING),
    codes=("KIA0201",),
    title="Two DestinationRules speak of the same host and subset",
    severity="low",
)
def two_policies_for_a_host(mesh: Mesh) -> Iterator[Draft]:
    """Two DestinationRules that a client sees set the same host and subset: only part of the one is used."""
    rivals = rival_rules(mesh)
    for rule in mesh[DestinationRule]:
        other = rivals.get(rule.subject)
        if other is not None:
            yield fail(
                rule,
                f"{other.subject} sets {other.spec.host} too, for the same subset or for all",
                at="spec.host",
                evidence=[quote(r, "spec.host", r.spec.host) for r in (rule, other)],
                also=(other,),
            )
