"""Every proxy beside what the replicas of istiod say of it: those that no replica knows are listed too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.istiod import ProxySync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

ORDER = ("NACK", "DISCONNECTED", "STALE", "UNKNOWN", "CONNECTING", "SYNCED")
CONNECTS_WITHIN = timedelta(seconds=60)


class ProxyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy. `state` is the worst of its types; DISCONNECTED where no replica knows it,
    CONNECTING while its proxy is younger than a minute, UNKNOWN where some replica did not tell."""

    namespace: str
    name: str
    istiod: str = ""
    version: str = ""
    ready: bool = False
    state: str = "UNKNOWN"
    states: dict[str, str] = {}
    ages: dict[str, float] = {}  # seconds since the type was last sent

    @property
    def bad(self) -> bool:
        return self.state in {"NACK", "DISCONNECTED", "STALE"}

    @property
    def glyph(self) -> str:
        return "✖" if self.bad else {"UNKNOWN": "?", "CONNECTING": "◐"}.get(self.state, "●")

    def word(self, kind: str) -> str:
        """A type's state, with its age while it is not acknowledged."""
        state = self.states.get(kind, "-")
        return f"{state} {self.ages[kind]:.0f} s" if state == "STALE" and kind in self.ages else state


def proxy_rows(mesh: Mesh) -> list[ProxyRow]:
    """All live proxies, worst first."""
    return sorted(rows_of(mesh, injected_pods(mesh)), key=lambda r: (ORDER.index(r.state), r.namespace, r.name))


def rows_of(mesh: Mesh, pods: Iterable[Pod]) -> list[ProxyRow]:
    """The proxies of these pods, in their order."""
    told = [i for i in mesh.istiods if i.has("syncz")]
    complete = bool(told) and len(told) == len(mesh.istiods)
    known = {(s.namespace, s.name): s for i in told for s in i.syncz}
    rows = []
    for pod in pods:
        sync = known.get((pod.namespace, pod.name))
        if sync is None:
            state = "CONNECTING" if is_young(mesh, pod) else "DISCONNECTED" if complete else "UNKNOWN"
            rows.append(ProxyRow(namespace=pod.namespace, name=pod.name, ready=pod.is_ready, state=state))
        else:
            rows.append(_row(mesh, sync, ready=pod.is_ready))
    return rows


def is_young(mesh: Mesh, pod: Pod) -> bool:
    """Whether its proxy started within the last minute, or has not yet: it is no wonder that no replica knows it."""
    status = pod.proxy_status
    running = status.state.running if status else None
    return running is None or running.started_at is None or mesh.now - running.started_at < CONNECTS_WITHIN


def _row(mesh: Mesh, sync: ProxySync, *, ready: bool) -> ProxyRow:
    states = {kind: each.state for kind, each in sync.types.items()}
    ages = {kind: (mesh.now - each.sent_at).total_seconds() for kind, each in sync.types.items() if each.sent_at}
    worst = next((s for s in ("NACK", "STALE") if s in states.values()), "SYNCED")
    return ProxyRow(
        namespace=sync.namespace,
        name=sync.name,
        istiod=sync.istiod,
        version=sync.version,
        ready=ready,
        state=worst,
        states=states,
        ages=ages,
    )
