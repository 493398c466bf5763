"""From start to end of a pod beside its proxy: probes, order of starting, draining."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from meshdoctor.istio.health_probes import direct_probes
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.workloads import by_owner
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import CronJob, Job, Pod
from meshdoctor.onboarding.exposed import behind_gateways, server_pods
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, remarks, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get

CONFIG = "proxy.istio.io/config"
HOLD, DRAIN = "holdApplicationUntilProxyStarts", "terminationDrainDuration"
DEFAULT_DRAIN, DEFAULT_GRACE = 5.0, 30  # seconds; source: istio ProxyConfig reference, Kubernetes API


@check(
    "21",
    "Probes work through the agent",
    weight="blocking",
    problems=("INJ-017",),
    do="Remove sidecar.istio.io/rewriteAppHTTPProbers: false, or give the probe a port that stays PERMISSIVE.",
)
def probes_rewritten(scope: Scope) -> Iterator[Outcome]:
    """HTTP probes of workloads that accept mutual TLS only go to the agent, or are none."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    found = 0
    for owner, pods in by_owner(scope.mesh, scope.sidecars).items():
        pod = pods[0]
        for container in pod.app_containers:
            for port, kind in direct_probes(container):
                found += 1
                says = f"{kind} of {owner.name} ({container.name}) goes to port {port}, past the agent"
                shown = Evidence(says, str(pod.subject), f"{kind}: port {port}", get(pod))
                if server_mode(scope.mesh, pod, port).mode == "STRICT":
                    yield breaks(f"{says}, which accepts mutual TLS only", shown, problem="INJ-017")
                else:
                    yield remarks(f"{says}: it would fail under STRICT", shown, problem="INJ-017")
    if not found:
        yield holds(f"{counted(len(scope.sidecars), 'pod')} with probes through the agent, or none over HTTP")


@check(
    "22",
    "Proxy starts first, Jobs end",
    weight="warning",
    problems=("PRX-003", "PRX-004"),
    do=f"Use native sidecars, or set {HOLD}; without native sidecars a Job must tell its proxy to quit.",
)
def starts_in_order(scope: Scope) -> Iterator[Outcome]:
    """The proxy is a native sidecar, or the application waits for it; and no Job is held open by its sidecar."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    racing = [p for p in scope.sidecars if not _is_native(p) and _setting(scope.mesh, p, HOLD) is not True]
    for owner, pods in list(by_owner(scope.mesh, racing).items())[:4]:
        says = f"{owner.name} may start before its proxy"
        yield breaks(says, Evidence(says, str(pods[0].subject), f"no native sidecar, no {HOLD}", get(pods[0])), problem="PRX-003")
    for unit in scope.units:
        if isinstance(unit.thing, (Job, CronJob)) and any(p.proxy and not _is_native(p) for p in unit.pods):
            says = f"{unit.subject} runs beside a proxy that is no native sidecar: it may never complete"
            yield breaks(says, Evidence(says, str(unit.subject), "containers: istio-proxy", get(unit.subject)), problem="PRX-004")
    if not racing:
        native = sum(_is_native(p) for p in scope.sidecars)
        yield holds("all proxies are native sidecars" if native == len(scope.sidecars) else "applications wait for their proxies")


def _is_native(pod: Pod) -> bool:
    return any(c.name == "istio-proxy" for c in pod.spec.init_containers)


def _setting(mesh: Mesh, pod: Pod, name: str) -> Any:
    """A field of the pod's ProxyConfig: its annotation, then the mesh's default."""
    try:
        own = yaml.safe_load(pod.annotations.get(CONFIG, "")) or {}
    except yaml.YAMLError:
        own = {}
    return own[name] if isinstance(own, dict) and name in own else mesh.mesh_config.default_config.get(name)


@check(
    "23",
    "Pods end gracefully",
    weight="warning",
    problems=("PRX-005",),
    do=f"Make terminationGracePeriodSeconds longer than the drain ({DRAIN}), and give what is behind gateways a preStop pause.",
)
def ends_gracefully(scope: Scope) -> Iterator[Outcome]:
    """The grace period is longer than the proxy's drain, and workloads behind gateways pause before they stop."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    short = 0
    owners = by_owner(scope.mesh, scope.sidecars)
    for owner, pods in owners.items():
        pod = pods[0]
        grace = pod.spec.termination_grace_period_seconds
        grace = DEFAULT_GRACE if grace is None else grace
        drain = seconds(_setting(scope.mesh, pod, DRAIN))
        if grace <= drain:
            short += 1
            words = f"terminationGracePeriodSeconds: {grace}, drain {drain:g} s"
            yield breaks(
                f"{owner.name} is killed while its proxy drains ({words})", Evidence(words, str(pod.subject), words, get(pod))
            )
    behind = {
        scope.mesh.owner(p): p for b in behind_gateways(scope.mesh).get(scope.name, ()) for p, _ in server_pods(scope.mesh, b)
    }
    abrupt = [o for o, p in behind.items() if not any(c.lifecycle and c.lifecycle.pre_stop for c in p.app_containers)]
    if abrupt:
        names = ", ".join(o.name for o in abrupt)
        yield remarks(f"no preStop on {names}, behind a gateway", Evidence("no preStop", str(abrupt[0]), "", get(abrupt[0])))
    if not short and not abrupt:
        yield holds(f"{counted(len(owners), 'workload')} outlive the drain of their proxies")


def seconds(text: Any) -> float:
    """`5s`, `1.5s`, `2m` as seconds; the proxy's default where it says nothing that can be read."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    said = str(text or "")
    for unit in ("ms", "s", "m", "h"):
        number = said.removesuffix(unit)
        if number != said and number.replace(".", "", 1).isdecimal():
            return float(number) * units[unit]
    return DEFAULT_DRAIN
