"""Several clusters in one mesh: what they must agree on."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.clusters import registries
from meshdoctor.istio.controlplane import planes_seen
from meshdoctor.model.cluster import Secret, Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote


@probe(
    "MD5118",
    needs=(Secret, Deployment, Pod),
    codes=("IST0126",),
    title="MeshNetworks names a registry that istiod does not read",
    severity="low",
)
def unknown_registry(mesh: Mesh) -> Iterator[Draft]:
    """An endpoint of MeshNetworks comes from a registry which is neither istiod's own nor that of a remote Secret."""
    if not mesh.mesh_networks:
        planes_seen(mesh)  # without its control plane's namespace MeshNetworks is not seen
    for network, body in mesh.mesh_networks.items():
        for i, endpoint in enumerate((body or {}).get("endpoints") or ()):
            name = endpoint.get("fromRegistry") or endpoint.get("from_registry")
            if name and name not in registries(mesh):
                subject = Subject(kind="MeshNetworks", namespace=mesh.mesh_config.root_namespace, name="meshnetworks")
                at = f"networks.{network}.endpoints[{i}].fromRegistry"
                yield fail(
                    subject,
                    f"endpoints of {network} are to come from registry {name}, which istiod does not read",
                    at=at,
                    evidence=(Evidence(f"it is none of {', '.join(sorted(registries(mesh)))}", str(subject), f"{at}: {name}"),),
                )


@probe("MC-006", needs=(Service,))
def service_differs(mesh: Mesh) -> Iterator[Draft]:
    """A Service is given twice, as manifests of several clusters do, and its type, ports or address differ."""
    places: dict[tuple[str, str], list[Service]] = {}
    for service in mesh[Service]:
        places.setdefault((service.namespace, service.name), []).append(service)
    for first, *others in places.values():
        how = next((h for o in others if (h := _difference(first, o))), "")
        if how:
            yield fail(
                first,
                f"it is given {len(others) + 1} times, and its {how}",
                at="spec",
                evidence=(quote(first, "spec"),),
                severity="info",
                codes=("IST0170",),
            )


def _difference(one: Service, other: Service) -> str:
    if (one.spec.cluster_ip == "None") != (other.spec.cluster_ip == "None"):
        return "address is headless in one only"
    if one.spec.type != other.spec.type:
        return "type differs"
    ports = [sorted((p.name, p.port, str(p.target), p.protocol, p.app_protocol) for p in s.spec.ports) for s in (one, other)]
    return "ports differ" if ports[0] != ports[1] else ""
