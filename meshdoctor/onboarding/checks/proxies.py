"""The proxies of the namespace: their version, their configuration, their health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from meshdoctor.istio.sync import ProxyRow, proxy_rows
from meshdoctor.model.containers import ContainerStatus
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips, unknown
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get

DAY = timedelta(hours=24)


@check(
    "5",
    "Proxy version fits the control plane",
    weight="warning",
    problems=("XDS-005", "UP-007"),
    do="Restart the workloads whose proxies are old, so that they get the image that is injected now.",
)
def version_skew(scope: Scope) -> Iterator[Outcome]:
    """Its proxies are at most one minor version from their control plane."""
    if not scope.proxies:
        yield skips("no pod of it has a proxy")
        return
    planes = {m for i in scope.mesh.istiods if i.has("version") and (m := minor(i.version)) is not None}
    told = {(s.namespace, s.name): s.version for i in scope.mesh.istiods if i.has("syncz") for s in i.syncz}
    versions = {v for p in scope.proxies if (v := told.get((p.namespace, p.name), ""))}
    shown = Evidence("versions", "istiod /debug/syncz", f"proxies {_words(versions)}; istiod {_words(scope.mesh.cluster.istio)}")
    if not planes or not versions or not any(minor(v) for v in versions):
        yield unknown("no istiod tells the versions of its proxies, or of itself", shown)
        return
    far = {v for v in versions if (m := minor(v)) is not None and min(_apart(m, p) for p in planes) > 1}
    if far:
        yield breaks(
            f"proxies of {_words(far)} with a control plane of {_words(scope.mesh.cluster.istio)}", shown, problem="XDS-005"
        )
    else:
        yield holds(f"proxies {_words(versions)}, control plane {_words(scope.mesh.cluster.istio)}", shown)


def minor(version: str) -> tuple[int, int] | None:
    """Major and minor of `1.32.0-dev`; None where it is no version."""
    parts = version.split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return int(parts[0]), int(parts[1])


def _apart(one: tuple[int, int], other: tuple[int, int]) -> int:
    return abs(one[1] - other[1]) if one[0] == other[0] else 99


def _words(versions: Iterable[str]) -> str:
    return ", ".join(sorted(versions)) or "unknown"


@check(
    "6",
    "Every proxy connected and in sync",
    weight="blocking",
    problems=("XDS-001", "XDS-002", "XDS-003"),
    do="See `meshdoctor proxies`: an istiod must know each proxy, and each type must be acknowledged.",
)
def in_sync(scope: Scope) -> Iterator[Outcome]:
    """Some replica of istiod knows every proxy, and each type that it sent was acknowledged."""
    if not scope.proxies:
        yield skips("no pod of it has a proxy")
        return
    rows = _rows(scope.mesh).get(scope.name, [])
    command = f"meshdoctor proxies -n {scope.name}"
    states = ", ".join(sorted({f"{r.state}: {sum(o.state == r.state for o in rows)}" for r in rows}))
    shown = Evidence("state of its proxies", "istiod /debug/syncz", states, command)
    blind = [r for r in rows if r.state == "UNKNOWN"]
    if blind or not rows:
        yield unknown("not every replica of istiod told the state of its proxies", shown)
    bad = [r for r in rows if r.state in ("NACK", "DISCONNECTED")]
    if bad:
        yield breaks(f"{bad[0].name} is {bad[0].state}", shown, problem="XDS-001" if bad[0].state == "NACK" else "XDS-003")
    elif rows and not blind:
        yield holds(f"{counted(len(rows), 'proxy', 'proxies')} connected ({states})", shown)


def _rows(mesh: Mesh) -> dict[str, list[ProxyRow]]:
    """What istiod says of all proxies, by namespace. Made once a snapshot."""
    known: dict[str, list[ProxyRow]] | None = mesh.memo.get("proxy rows by namespace")
    if known is None:
        known = mesh.memo["proxy rows by namespace"] = {}
        for row in proxy_rows(mesh):
            known.setdefault(row.namespace, []).append(row)
    return known


@check(
    "7",
    "Proxies ready, none killed or restarted",
    weight="warning",
    problems=("PRX-001", "PRX-002"),
    do="Read the previous log of istio-proxy; raise its memory limit or narrow its configuration with a Sidecar.",
)
def proxies_healthy(scope: Scope) -> Iterator[Outcome]:
    """Every istio-proxy is ready, and none ended within the last day."""
    if not scope.proxies:
        yield skips("no pod of it has a proxy")
        return
    unready = [p for p in scope.proxies if (s := p.proxy_status) is not None and not s.ready]
    ended = [(p, s) for p in scope.proxies if (s := p.proxy_status) is not None and _ended_lately(scope.mesh, s)]
    for pod, status in ended:
        reason = status.last_state.terminated.reason if status.last_state.terminated else ""
        yield breaks(f"istio-proxy of {pod.name} restarted ({reason or 'no reason told'})", _status(pod, status))
    for pod in unready:
        yield breaks(f"istio-proxy of {pod.name} is not ready", _status(pod, pod.proxy_status), problem="PRX-002")
    if not unready and not ended:
        says = f"{counted(len(scope.proxies), 'proxy', 'proxies')} ready; none restarted within 24 h"
        command = f"kubectl -n {scope.name} get pods"
        yield holds(says, Evidence("restarts and readiness of istio-proxy", f"pods of {scope.name}", says, command))


def _ended_lately(mesh: Mesh, status: ContainerStatus) -> bool:
    ended = status.last_state.terminated
    return ended is not None and (ended.finished_at is None or mesh.now - ended.finished_at < DAY)


def _status(pod: Pod, status: ContainerStatus | None) -> Evidence:
    words = f"ready: {str(status.ready).lower()}, restartCount: {status.restart_count}" if status else "no status"
    return Evidence(f"istio-proxy of {pod.name}", str(pod.subject), words, get(pod))
