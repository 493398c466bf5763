"""How much configuration proxies hold."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.imports import sidecar_of
from meshdoctor.istio.workloads import asked_pods, is_gateway
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe

MANY = 1000  # destinations


@probe("XDS-007", needs=(Pod, Envoy, Sidecar))
def too_much_configuration(mesh: Mesh) -> Iterator[Draft]:
    """Proxies hold more than a thousand destinations, and no Sidecar tells which of them they need."""
    log.must_have(mesh, "clusters")
    largest: dict[str, tuple[int, Pod]] = {}
    for pod, envoy in asked_pods(mesh):
        if is_gateway(pod) or not envoy.has("clusters") or sidecar_of(mesh, pod) is not None:
            continue
        count = sum(c.name.startswith("outbound|") for c in envoy.clusters)
        if count > max(MANY, largest.get(pod.namespace, (0, pod))[0]):
            largest[pod.namespace] = count, pod
    for namespace, (count, pod) in largest.items():
        command = f"istioctl proxy-config cluster {pod.name}.{pod.namespace} --direction outbound"
        evidence = Evidence(
            f"{count} destinations", f"/clusters of {pod.namespace}/{pod.name}", f"{count} outbound clusters", command
        )
        says = f"its proxies hold {count} destinations, and no Sidecar limits them"
        yield fail(Subject(kind="Namespace", name=namespace), says, evidence=(evidence,), also=(mesh.owner(pod), pod))
