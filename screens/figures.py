"""The mesh in figures: how many of what are well. Pure over one mesh; what was not seen says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from meshdoctor.istio.controlplane import injectors, planes_seen, validators
from meshdoctor.istio.injection import AMBIENT, wants_injection
from meshdoctor.istio.workloads import gateway_pods
from meshdoctor.model.admission import Webhook
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.istiod import ProxySync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import SourceState, Unseen
from meshdoctor.model.workloads import Pod

LATE = 30.0  # seconds after which a proxy that has not acknowledged is stale


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its state, what it says, and the screen that has more."""

    name: str
    state: str
    says: str
    screen: str = ""


def figures(mesh: Mesh) -> tuple[Figure, ...]:
    """All of them, in the order of the home screen."""
    made = [_seen(name, mesh, make) for name, make in FIGURES.items()]
    return tuple(made)


def _seen(name: str, mesh: Mesh, make: Callable[[Mesh], Figure]) -> Figure:
    try:
        return make(mesh)
    except Unseen as unseen:
        source = unseen.source
        why = source.reason if source.namespaces is not None else f"{source.name} {source.state}"
        return Figure(name, "UNKNOWN", f"not seen: {why}")


def _istiod(mesh: Mesh) -> Figure:
    planes = planes_seen(mesh)
    total = sum(max(p.deployment.desired if p.deployment else 0, len(p.pods)) for p in planes)
    ready = sum(p.ready for p in planes)
    versions = sorted({i.version.partition("-")[0] for i in mesh.istiods if i.has("version")})
    says = f"{ready}/{total} ready {' '.join(versions)}".rstrip()
    if not total:
        return Figure("istiod", "FAIL", "scaled to 0") if planes else Figure("istiod", "absent", "none runs here")
    return Figure("istiod", _ratio(ready, total), says)


def _ratio(good: int, total: int) -> str:
    return "OK" if good >= total else "FAIL" if good == 0 else "partly"


def proxy_state(proxy: ProxySync, mesh: Mesh) -> str:
    """One proxy's state over all types: FAIL refused, WARN not acknowledged for long, OK."""
    worst = "OK"
    for sync in proxy.types.values():
        if sync.state == "NACK":
            return "FAIL"
        if sync.state == "STALE" and (sync.sent_at is None or (mesh.now - sync.sent_at).total_seconds() > LATE):
            worst = "WARN"
    return worst


def told_proxies(mesh: Mesh) -> tuple[ProxySync, ...]:
    """Every proxy that some replica of istiod told of, each once."""
    found = {(s.namespace, s.name): s for i in mesh.istiods if i.has("syncz") for s in i.syncz}
    return tuple(found.values())


def _proxies(mesh: Mesh) -> Figure:
    if not any(i.has("syncz") for i in mesh.istiods):
        return Figure("proxies", "UNKNOWN", "no istiod told")
    states = [proxy_state(s, mesh) for s in told_proxies(mesh)]
    bad = sum(s != "OK" for s in states)
    silent = sum(not i.has("syncz") for i in mesh.istiods)
    note = f", {silent} istiod silent" if silent else ""
    state = "FAIL" if "FAIL" in states else "WARN" if bad else "partly" if silent else "OK"
    return Figure("proxies", state, f"{len(states) - bad}/{len(states)} synced{note}")


def webhook_ready(mesh: Mesh, webhook: Webhook) -> tuple[int, int] | None:
    """Ready and all endpoints behind a webhook; None where it calls a URL or a Service that does not exist."""
    reference = webhook.client_config.service
    service = mesh[Service].get(reference.namespace, reference.name) if reference else None
    if service is None:
        return None
    endpoints = [e for s in mesh.slices_of(service) for e in s.endpoints or ()]
    return sum(e.is_ready for e in endpoints), len(endpoints)


def _webhooks(mesh: Mesh) -> Figure:
    all_of_them = [w for c in (*injectors(mesh), *validators(mesh)) for w in c.webhooks]
    ready = 0
    for webhook in all_of_them:
        counted = webhook_ready(mesh, webhook) if webhook.client_config.service else (1, 1)
        ready += bool(counted and counted[0])
    if not all_of_them:
        return Figure("webhooks", "absent", "none is Istio's")
    return Figure("webhooks", _ratio(ready, len(all_of_them)), f"{ready}/{len(all_of_them)} served")


def _gateways(mesh: Mesh) -> Figure:
    pods = gateway_pods(mesh)
    ready = sum(p.is_ready for p in pods)
    if not pods:
        mesh[Pod].everywhere()
        return Figure("gateways", "absent", "none runs here")
    return Figure("gateways", _ratio(ready, len(pods)), f"{ready}/{len(pods)} ready")


def _namespaces(mesh: Mesh) -> Figure:
    everything = list(mesh[Namespace])
    enrolled = sum(wants_injection(n) or AMBIENT in n.labels for n in everything)
    return Figure("namespaces", "OK" if enrolled else "absent", f"{enrolled}/{len(everything)} in the mesh")


FIGURES: dict[str, Callable[[Mesh], Figure]] = {
    "istiod": _istiod,
    "proxies": _proxies,
    "webhooks": _webhooks,
    "gateways": _gateways,
    "namespaces": _namespaces,
}


def unseen_words(mesh: Mesh) -> Iterator[str]:
    """What was not seen, in a few words each."""
    only = sorted({n for s in mesh.sources for n in s.namespaces or ()})
    if only:
        yield f"all but namespace {', '.join(only)}"
    for source in mesh.sources:
        if source.state in (SourceState.DENIED, SourceState.ERROR, SourceState.STALE):
            why = "denied" if source.state == SourceState.DENIED else source.reason or str(source.state)
            yield f"{source.name} ({why})"
