"""A proxy beside its application: who starts first, who ends last, and what it runs out of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.asking import shown
from meshdoctor.istio.hosts import service_host
from meshdoctor.istio.proxyconfig import drain_time, setting
from meshdoctor.istio.scaling import must_be_measured, throttled
from meshdoctor.istio.workloads import asked_pods, by_owner, injected_pods, is_gateway, services_of, unsettled_pods
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, get, probe, quote

FEW = 3  # restarts: more are a crash loop of the application's own
WARM_UP = timedelta(seconds=15)  # from the proxy's start until it takes connections

NO_MORE = re.compile(r"Too many open files|assert failure: fd_ != -1|exceeded global downstream connection|downstream_global_cx")


@probe("PRX-003", needs=(Pod,))
def application_starts_first(mesh: Mesh) -> Iterator[Draft]:
    """An application crashed before its proxy took connections: it started first, and nothing holds it back."""
    early = []
    for pod in unsettled_pods(mesh):
        beside = any(c.name == "istio-proxy" for c in pod.spec.containers)  # no native sidecar, which starts first anyway
        if beside and not setting(mesh, pod, "holdApplicationUntilProxyStarts") and _died_early(pod) is not None:
            early.append(pod)
    for owner, pods in by_owner(mesh, early).items():
        pod, ended = pods[0], _died_early(pods[0])
        says = f"the application of {len(pods)} pods ended before its proxy was ready, and was started again"
        words = "lastState.terminated before istio-proxy was ready; holdApplicationUntilProxyStarts is not set"
        yield fail(
            owner, says, evidence=(Evidence(f"{pod.name}: {words}", str(pod.subject), words, get(pod)),), also=pods, since=ended
        )


def _died_early(pod: Pod) -> datetime | None:
    """When a container of the application failed before the proxy was ready, a few times at most."""
    proxy = pod.proxy_status
    began = proxy.state.running.started_at if proxy and proxy.state.running else None
    for status in pod.status.container_statuses:
        ended = status.last_state.terminated
        if status.name == "istio-proxy" or ended is None or not ended.failed or ended.finished_at is None:
            continue
        if began and proxy and not proxy.restart_count and 1 <= status.restart_count <= FEW and ended.finished_at < began + WARM_UP:
            return ended.finished_at
    return None


@probe("PRX-005", needs=(Pod, Service, Envoy))
def drained_too_short(mesh: Mesh) -> Iterator[Draft]:
    """Requests fail at pods that are just being deleted, which are given no longer than their proxy needs to drain."""
    short = [p for p in injected_pods(mesh) if p.spec.termination_grace_period_seconds <= drain_time(mesh, p).total_seconds()]
    for owner, pods in by_owner(mesh, short).items():
        pod = pods[0]
        grace = pod.spec.termination_grace_period_seconds
        failed = _lost(mesh, services_of(mesh, pod))
        drains = drain_time(mesh, pod).total_seconds()
        says = f"its pods are killed {grace} s after they are told to end; the proxy drains for {drains:.0f} s"
        evidence = (quote(pod, "spec.terminationGracePeriodSeconds", grace), *log.shown(mesh, failed))
        yield fail(
            owner,
            says,
            at="spec.template.spec.terminationGracePeriodSeconds",
            evidence=evidence,
            severity=None if failed else "info",
            harm=log.harm(mesh, failed),
            also=(*pods, *log.clients(mesh, failed)),
        )


def _lost(mesh: Mesh, services: tuple[Service, ...]) -> tuple[log.Line, ...]:
    """Requests to these Services that failed at a pod which is being deleted, or is gone by now."""
    hosts = [service_host(s, mesh.cluster.domain) for s in services]
    failed = [x for h in hosts for x in log.flagged(log.lines_to(mesh, h), "UC", "UF", "URX")]
    return tuple(x for x in failed if x.entry.upstream_host and not _stays(mesh, x.entry.upstream_host.rpartition(":")[0]))


def _stays(mesh: Mesh, address: str) -> bool:
    pod = mesh.pods_by_ip.get(address)
    return pod is not None and not pod.is_terminating


@probe("PRX-006", needs=(Pod, Prometheus))
def proxy_held_back(mesh: Mesh) -> Iterator[Draft]:
    """A sidecar is held back at its CPU limit in more than a quarter of the periods: everything gets slower."""
    must_be_measured(mesh)
    held = {p: share for p, share in throttled(mesh, "istio-proxy") if not is_gateway(p)}
    for owner, pods in by_owner(mesh, held).items():
        pod = max(pods, key=lambda p: held[p])
        limit = pod.proxy.resources.limits.get("cpu", "none") if pod.proxy else "none"
        says = (
            f"istio-proxy of {counted(len(pods), 'pod')} is held back in {held[pod]:.0%} of its periods at a CPU limit of {limit}"
        )
        evidence = shown(mesh, "throttled", f"{pod.name} {held[pod]:.2f}")
        yield fail(owner, says, evidence=(evidence,), also=pods, harm=Harm((f"{owner.namespace}/{owner.name}",)))


@probe("PRX-008", needs=(Pod, Envoy))
def no_more_connections(mesh: Mesh) -> Iterator[Draft]:
    """A proxy has no file descriptor or no connection left for new clients, as its log says."""
    log.must_have(mesh, "logs")
    full: dict[Pod, str] = {}
    for pod, envoy in asked_pods(mesh):
        line = next((t for _, t in reversed(envoy.logs.lines) if NO_MORE.search(t)), "") if envoy.has("logs") else ""
        if line:
            full[pod] = line
    for owner, pods in by_owner(mesh, full).items():
        pod = pods[0]
        command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=5m"
        evidence = Evidence(f"{pod.name} takes no more", f"istio-proxy log of {pod.name}", full[pod], command)
        yield fail(owner, f"{len(pods)} of its proxies take no new connections", evidence=(evidence,), also=pods)
