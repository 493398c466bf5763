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
AS_ROOT = "runs as root"  # which an application may do


@probe("PS-004", needs=(Pod,))
def rights_to_bypass(mesh: Mesh) -> Iterator[Draft]:
    """A sidecar runs as root or privileged, or an application may change the network rules that lead to its sidecar."""
    weak = {p: found for p in sidecar_pods(mesh) if (found := _weak(p)) is not None}
    for owner, pods in by_owner(mesh, weak).items():
        container, what = weak[pods[0]]
        at = f"spec.template.spec.containers[{container.name}].securityContext"
        yield fail(owner, f"container {container.name} {what}", at=at, evidence=(quote(pods[0], at, what),), also=pods)


def _weak(pod: Pod) -> tuple[Container, str] | None:
    """The first container with too many rights, and which: the proxy, then the application's."""
    proxy = pod.proxy
    if proxy and (what := _too_much(proxy)) and pod.annotations.get(TRANSPARENT) != "TPROXY":  # which needs them
        return proxy, what
    for container in pod.app_containers:
        if (what := _too_much(container)) and what != AS_ROOT:
            return container, what
    return None


def _too_much(container: Container) -> str:
    """What a container may do beyond its own network traffic; empty where it is nothing."""
    context = container.security_context
    if context is None:
        return ""
    if context.privileged:
        return "is privileged"
    if context.capabilities and not BYPASS.isdisjoint(context.capabilities.add):
        return f"has the capability {', '.join(sorted(BYPASS.intersection(context.capabilities.add)))}"
    return AS_ROOT if context.run_as_user == 0 else ""
