"""The life of a proxy: killed, not ready, left running, left draining."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.workloads import asked_pods, by_owner, services_of, unsettled_pods
from meshdoctor.model.cluster import Service
from meshdoctor.model.containers import StateTerminated
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Job, Pod
from probes.registry import Draft, fail, get, probe

OOM_WINDOW = timedelta(hours=24)
MAY_BE_KILLED = "Envoy may have been out of memory killed"  # istio: pkg/envoy/agent.go
NOT_READY_AFTER = timedelta(seconds=20)
LEFT_RUNNING_AFTER = timedelta(minutes=2)
_NOT_READY = re.compile(r"Envoy proxy is NOT ready: (?P<why>.*)")


@probe("PRX-001", needs=(Pod, Service, Envoy))
def proxy_killed_for_memory(mesh: Mesh) -> Iterator[Draft]:
    """The kernel killed istio-proxy because it passed its memory limit, or killed Envoy in it, as the agent says."""
    killed = {p: e for p in unsettled_pods(mesh) if (e := _out_of_memory(p)) and _is_recent(mesh, e)}
    for owner, pods in by_owner(mesh, killed).items():
        pod = pods[0]
        status, limit = pod.proxy_status, _limit(pod) or "none"
        says = f"istio-proxy of {len(pods)} pods was OOMKilled at its memory limit of {limit}"
        words = f"lastState.terminated.reason: OOMKilled, {status.restart_count if status else 0} restarts, limit {limit}"
        evidence = [Evidence(f"{pod.name} was killed", str(pod.subject), words, get(pod))]
        also = [*pods, *services_of(mesh, pod)]
        yield fail(owner, says, evidence=evidence, harm=_suffers(owner), also=also, since=killed[pod].finished_at)
    inside = {p: line for p, e in asked_pods(mesh) if p not in killed and (line := _killed_inside(p, e))}
    for owner, pods in by_owner(mesh, inside).items():
        pod = pods[0]
        says = f"Envoy of {len(pods)} pods was killed within istio-proxy's memory limit of {_limit(pod)}"
        command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --tail=50"
        evidence = [Evidence(f"{pod.name}: its agent says so", f"istio-proxy log of {pod.name}", inside[pod], command)]
        also = [*pods, *services_of(mesh, pod)]
        yield fail(owner, says, evidence=evidence, harm=_suffers(owner), also=also, confidence=STRONG)


def _is_recent(mesh: Mesh, ended: StateTerminated) -> bool:
    return ended.finished_at is None or mesh.now - ended.finished_at < OOM_WINDOW


def _killed_inside(pod: Pod, envoy: Envoy) -> str:
    """The agent's line. The container itself may have ended well: its state then says Completed, not OOMKilled."""
    if not envoy.has("logs") or not _limit(pod):
        return ""
    return next((text for _, text in reversed(envoy.logs.lines) if MAY_BE_KILLED in text), "")


def _limit(pod: Pod) -> str:
    return pod.proxy.resources.limits.get("memory", "") if pod.proxy else ""


def _suffers(owner: Subject) -> Harm:
    return Harm((f"{owner.namespace}/{owner.name}",))


def _out_of_memory(pod: Pod) -> StateTerminated | None:
    status = pod.proxy_status
    for state in (status.state, status.last_state) if status else ():
        if state.terminated and state.terminated.reason == "OOMKilled":
            return state.terminated
    return None


@probe("PRX-002", needs=(Pod, Envoy, Service))
def proxy_not_ready(mesh: Mesh) -> Iterator[Draft]:
    """A proxy runs and is not ready, and says in its log why: configuration refused, incomplete, or never received."""
    waiting = [p for p in unsettled_pods(mesh) if _is_waiting(mesh, p)]
    for owner, pods in by_owner(mesh, waiting).items():
        for pod in pods:
            envoy = mesh.envoy(pod)
            line = next((t for _, t in reversed(envoy.logs.lines) if _NOT_READY.search(t)), "") if envoy else ""
            match = _NOT_READY.search(line)
            if match is None:
                continue
            command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --tail=50"
            evidence = [Evidence(f"{pod.name} is not ready", f"istio-proxy log of {pod.name}", line, command)]
            are = "is" if len(pods) == 1 else "are"
            says = f"{counted(len(pods), 'proxy', 'proxies')} of {owner.name} {are} not ready: {match['why']}"
            also = [*pods, *services_of(mesh, pod)]
            yield fail(owner, says, evidence=evidence, harm=_suffers(owner), also=also, since=pod.created)
            break


def _is_waiting(mesh: Mesh, pod: Pod) -> bool:
    status = pod.proxy_status
    running = status.state.running if status and not status.ready else None
    return running is not None and running.started_at is not None and mesh.now - running.started_at > NOT_READY_AFTER


@probe("PRX-004", needs=(Pod, Job))
def job_held_open(mesh: Mesh) -> Iterator[Draft]:
    """The containers of a Job's pod have ended, but its sidecar keeps running and the Job never completes."""
    for pod in unsettled_pods(mesh):
        owners = [o.kind for o in pod.metadata.owner_references if o.controller]
        if "Job" not in owners or not any(c.name == "istio-proxy" for c in pod.spec.containers):
            continue
        apps = [s for s in pod.status.container_statuses if s.name != "istio-proxy"]
        proxy = next((s for s in pod.status.container_statuses if s.name == "istio-proxy"), None)
        ends = [s.state.terminated.finished_at for s in apps if s.state.terminated and s.state.terminated.finished_at]
        if proxy is None or proxy.state.running is None or not apps or len(ends) < len(apps):
            continue
        waited = mesh.now - max(ends)
        if waited > LEFT_RUNNING_AFTER:
            says = f"{pod.name} finished {waited.total_seconds() / 60:.0f} min ago, its sidecar still runs"
            evidence = [Evidence(says, str(pod.subject), "all containers terminated but istio-proxy", get(pod))]
            yield fail(mesh.owner(pod), says, evidence=evidence, also=[pod], since=max(ends))


@probe("PRX-007", needs=(Pod, Envoy))
def left_draining(mesh: Mesh) -> Iterator[Draft]:
    """A proxy is DRAINING though nobody deletes its pod: it fails its health check and gets no traffic."""
    for pod, envoy in asked_pods(mesh):
        if not envoy.has("state") or envoy.state != "DRAINING":
            continue
        command = f"kubectl -n {pod.namespace} exec {pod.name} -c istio-proxy -- pilot-agent request GET ready"
        evidence = [Evidence(f"{pod.name} says DRAINING", f"/ready of {pod.name}", "DRAINING", command)]
        says = f"{pod.name} is left DRAINING: somebody failed its health check by hand"
        yield fail(mesh.owner(pod), says, at=pod.name, evidence=evidence, also=[pod], since=None)
