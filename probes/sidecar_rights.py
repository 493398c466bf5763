"""What containers beside or as a proxy may do: rights by which the mesh can be bypassed."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.workloads import by_owner, sidecar_pods
from meshdoctor.model.containers import Container
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

BYPASS = {"NET_ADMIN", "SYS_ADMIN", "ALL"}
TRANSPARENT = "sidecar.istio.io/interceptionMode"


@probe("PS-004", needs=(Pod,))
def rights_to_bypass(mesh: Mesh) -> Iterator[Draft]:
    """A sidecar runs as root or privileged, or an application may change the network rules that lead to its sidecar."""
    weak = {p: found for p in sidecar_pods(mesh) if (found := _weak(p)) is not None}
    for owner, pods in by_owner(mesh, weak).items():
        container, what = weak[pods[0]]
        at = f"spec.template.spec.containers[{container.name}].securityContext"
        yield fail(owner, f"container {container.name} {what}", at=at, evidence=(quote(pods[0], at, what),), also=pods)


def _weak(pod: Pod) -> tuple[Container, str] | None:
    """The first container with too many rights, and which."""
    for container in (*((pod.proxy,) if pod.proxy else ()), *pod.app_containers):
        context = container.security_context
        if context is None:
            continue
        added = sorted(BYPASS.intersection(context.capabilities.add)) if context.capabilities and context.capabilities.add else ()
        is_proxy = container.name == "istio-proxy"
        if is_proxy and pod.annotations.get(TRANSPARENT) == "TPROXY":
            continue  # which needs them
        if context.privileged:
            return container, "is privileged"
        if added:
            return container, f"has the capability {', '.join(added)}"
        if is_proxy and context.run_as_user == 0:
            return container, "runs as root"
    return None
