"""Pods that stop before their application starts: what redirects their traffic ran too late, twice, or too early."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.workloads import by_owner, unsettled_pods
from meshdoctor.model.containers import ContainerStatus
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe

NOT_REDIRECTED = 126  # how istio-validation ends where nothing answers on the redirected port
OF_ISTIO = {"istio-init", "istio-validation", "istio-proxy", "enable-core-dump"}


def _told(mesh: Mesh, pods: list[Pod], says: str, words: str, container: str) -> Iterator[Draft]:
    for owner, those in by_owner(mesh, pods).items():
        pod = those[0]
        command = f"kubectl -n {pod.namespace} logs {pod.name} -c {container} --previous"
        evidence = (
            Evidence(f"{pod.name}: {words}", str(pod.subject), words, get(pod)),
            Evidence("its log", container, "", command),
        )
        yield fail(owner, f"{len(those)} pods: {says}", evidence=evidence, also=those, harm=_stopped(owner))


def _stopped(owner: Subject) -> Harm:
    return Harm((f"{owner.namespace}/{owner.name}",))


@probe("INJ-013", needs=(Pod,))
def not_redirected(mesh: Mesh) -> Iterator[Draft]:
    """A pod started before the CNI plugin had redirected its traffic: its check `istio-validation` ends with 126."""
    lost = [
        p for p in unsettled_pods(mesh) if (s := p.container_status("istio-validation")) is not None and _ended(s, NOT_REDIRECTED)
    ]
    yield from _told(
        mesh, lost, "their traffic is not redirected to the proxy", "istio-validation ended with 126", "istio-validation"
    )


def _ended(status: ContainerStatus, code: int) -> bool:
    ends = (status.state.terminated, status.last_state.terminated)
    return any(e is not None and e.exit_code == code for e in ends)


@probe("INJ-014", needs=(Pod,))
def redirected_twice(mesh: Mesh) -> Iterator[Draft]:
    """istio-init runs again in a pod whose application has run: the rules that it makes are there already, and it fails."""
    again = [p for p in unsettled_pods(mesh) if _is_again(p)]
    yield from _told(mesh, again, "istio-init runs again and fails", "istio-init restarted in a pod that has run", "istio-init")


def _is_again(pod: Pod) -> bool:
    status = pod.container_status("istio-init")
    has_run = any(s.restart_count or s.state.terminated or s.last_state.terminated for s in pod.status.container_statuses)
    failing = status is not None and status.restart_count > 0 and (status.state.waiting is not None or not status.ready)
    return failing and has_run


@probe("INJ-015", needs=(Pod,))
def init_without_network(mesh: Mesh) -> Iterator[Draft]:
    """An init container waits or fails for want of a network: traffic is redirected already, and the proxy starts later."""
    stuck = [p for p in unsettled_pods(mesh) if _waits(p)]
    names = {c.name for p in stuck[:1] for c in p.spec.init_containers if c.name not in OF_ISTIO}
    says = "an init container has no network, as the proxy does not run yet"
    yield from _told(
        mesh, stuck, says, f"init containers {', '.join(sorted(names))} do not end", next(iter(sorted(names)), "istio-init")
    )


def _waits(pod: Pod) -> bool:
    """Whether an init container of the application, after the redirection, fails or has run for long."""
    if not any(c.name == "istio-proxy" for c in pod.spec.containers):
        return False  # a native sidecar runs before
    names = [c.name for c in pod.spec.init_containers]
    first = next((i for i, n in enumerate(names) if n in ("istio-init", "istio-validation")), None)
    for name in names[first + 1 :] if first is not None else ():
        status = pod.container_status(name) if name not in OF_ISTIO else None
        ended = status.state.terminated or status.last_state.terminated if status else None
        if status is not None and not status.ready and (status.restart_count > 0 or (ended is not None and ended.failed)):
            return True
    return False
