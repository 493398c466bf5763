"""Sidecars: what they import, whom the one for all is for, and what they leave to a default."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.hosts import fqdn, registered
from meshdoctor.istio.visibility import sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar
from probes.registry import Draft, fail, probe, quote


@probe(
    "MD5112",
    over=Sidecar,
    needs=(Sidecar, Service, ServiceEntry),
    codes=("KIA1004",),
    title="A Sidecar imports a host that nobody has",
    severity="info",
)
def unknown_egress_host(mesh: Mesh, sidecar: Sidecar) -> Iterator[Draft]:
    """An egress host is no Service and no ServiceEntry that the namespace sees: it imports nothing."""
    for i, listener in enumerate(sidecar.spec.egress):
        for j, said in enumerate(listener.hosts):
            _, slash, host = said.partition("/")
            if slash and host != "*" and not _is_known(mesh, sidecar.namespace, host):
                at = f"spec.egress[{i}].hosts[{j}]"
                yield fail(
                    sidecar,
                    f"it imports {said}, which is no Service and no ServiceEntry that {sidecar.namespace} sees",
                    at=at,
                    evidence=(quote(sidecar, at, said),),
                    lacking=(Service, ServiceEntry),
                )


def _is_known(mesh: Mesh, namespace: str, host: str) -> bool:
    domain = mesh.cluster.domain
    if host == f"*.{namespace}.svc.{domain}":  # all Services of its own namespace, be there any or not
        return True
    return any(sees(mesh, namespace, r.origin) for r in registered(mesh, fqdn(host, namespace, domain).lower()))


@probe(
    "MD5113",
    over=Sidecar,
    needs=(Sidecar,),
    codes=("KIA1006",),
    title="A Sidecar of the root namespace has a selector",
    severity="low",
)
def root_with_selector(mesh: Mesh, sidecar: Sidecar) -> Iterator[Draft]:
    """A Sidecar of the root namespace is the default of the mesh only without a selector: this one is for that namespace."""
    wanted = sidecar.spec.workload_selector.wanted if sidecar.spec.workload_selector else {}
    if wanted and sidecar.namespace == mesh.mesh_config.root_namespace:
        at = "spec.workloadSelector"
        says = "it is in the root namespace but selects workloads: it is no default for the mesh"
        yield fail(sidecar, says, at=at, evidence=(quote(sidecar, at, wanted),))


@probe(
    "MD5114",
    over=Sidecar,
    needs=(Sidecar,),
    codes=("KIA1007",),
    title="A Sidecar names no outbound mode",
    severity="info",
)
def mode_left_open(_mesh: Mesh, sidecar: Sidecar) -> Iterator[Draft]:
    """`outboundTrafficPolicy` is there without a mode: an empty value means REGISTRY_ONLY here, not the mesh's default."""
    policy = sidecar.spec.outbound_traffic_policy
    if policy is not None and not policy.mode:
        yield fail(sidecar, "its outboundTrafficPolicy has no mode", at="spec.outboundTrafficPolicy")
