"""Proxies: what every replica of istiod says of each proxy's configuration, and the pods that none of them knows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.sync import is_young
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.istiod import ProxySync, TypeSync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen, narrowed
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from screens.figures import proxy_state, told_proxies
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, age, badge, count
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

MEANS = {"CDS": "clusters", "LDS": "listeners", "EDS": "endpoints", "RDS": "routes", "ECDS": "extensions"}
TYPES = tuple(MEANS)
MOST = 8  # replicas that are told one by one
NOT_TOLD = {
    "fail": "No replica of istiod knows this proxy: its configuration and certificate stand still.",
    "unknown": "No replica told of this proxy, and not every one was heard: whether its configuration is current is not known.",
}
ORDER = ("FAIL", "UNKNOWN", "WARN", "OK")
WORDS = {
    "SYNCED": ("● ", "acknowledged", "ok"),
    "STALE": ("▲ ", "not acknowledged yet", "warn"),
    "NACK": ("✖ ", "refused", "bad"),
    "NOT SENT": ("○ ", "never sent: it asked for none", "dim"),
}
SYNC = {"SYNCED": ("● ", "ok"), "STALE": ("▲ stale ", "warn"), "NACK": ("✖ nack ", "bad"), "NOT SENT": ("○ none", "dim")}


@screen(key="4", name="proxies", aliases=("px", "proxy", "ps"), title="Proxies", says="which proxies have which configuration")
class Proxies(TableView):
    """Every proxy of the mesh."""

    drawn_from = ("pods", "istiod *", "Envoy *", "/[!a]* of *")
    about = "● acknowledged, with the age of the last push; ▲ not yet; ✖ refused; ○ never sent. Enter asks the Envoy itself."
    columns = (
        Column("STATE", least=16, keep=True),
        Column("POD", least=32, most=64, is_name=True, keep=True),
        Column("READY", least=5),
        *(Column(t, least=12, most=14) for t in TYPES),
        Column("VERSION", least=7, most=16),
        Column("ISTIOD", least=12, most=40, is_name=True),
    )
    fields = frozenset({"ns", "state", "pod", "istiod", "version", "ready"})
    empty = "No proxy: no istiod told of one, and no pod carries one. 6 shows the control plane."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "open",
            "Envoy",
            id="proxies.open",
            tooltip="listeners, routes, clusters, endpoints, certificates of this proxy",
        ),
        Binding(
            "l", "logs", "access log", id="proxies.logs", tooltip="requests of all pods of this workload, with what went wrong"
        ),
        Binding("y", "yaml", "YAML", id="proxies.yaml", tooltip="the pod as it is now"),
        Binding("f", "faults", "faults only", id="proxies.faults", tooltip="only proxies that are not well"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.mesh is None:
            return ()
        mesh, now = seen.mesh, seen.mesh.now
        pods = _pods(mesh)
        told = {(p.namespace, p.name): p for p in told_proxies(mesh)}
        if not told and not pods:
            mesh[Pod].everywhere()  # no list of istiod's either: nobody knows of a proxy
        rows = [_told(p, pods.get(k), proxy_state(p, mesh), now) for k, p in told.items()]
        rows += [_unknown(p, mesh) for k, p in pods.items() if k not in told]
        return sorted(rows, key=lambda r: (ORDER.index(r.fields["state"].upper()), r.key))

    def summary_of(self, seen: Seen) -> list[Item]:
        if seen.mesh is None:
            return []
        told: list[Run] = []
        silent: dict[str, list[str]] = {}
        for istiod in seen.mesh.istiods:
            try:
                told += (Run(f"{istiod.name} ", "dim"), Run(count(len(istiod.syncz), "proxy", "proxies")), Run("   "))
            except Unseen as unseen:
                silent.setdefault(unseen.source.reason or "it did not answer", []).append(istiod.name)
        if not told and not silent:
            only = narrowed(seen.mesh.sources)
            why = f": {only}" if only else ", so sync states are not known"
            return [Item((badge("UNKNOWN"), Run(f"  no istiod was asked{why}")))]
        items = [Item(tuple(told[: MOST * 3]))] if told else []
        return items + [_silent(names, why) for why, names in silent.items()]

    def detail_of(self, row: Row) -> list[Item]:
        sync: ProxySync | None = row.payload[1]
        name = Run(f"{row.payload[0]}", "strong")
        if sync is None:
            return [Item((name,)), Item(NOT_TOLD[row.fields["state"]])]
        by = f"   {f'version {sync.version}, ' if sync.version else ''}configured by {sync.istiod}"
        now = self.seen.mesh.now if self.seen and self.seen.mesh else None
        return [Item((name, Run(by, "dim"))), *(_in_words(t, sync.types.get(t), now) for t in TYPES)]

    def name_in(self, row: Row) -> str:
        subject: Subject = row.payload[0]
        return subject.name

    async def open(self, row: Row) -> None:
        from screens.views.envoy import EnvoyView

        await self.boss.open(EnvoyView(row.payload[0]))

    async def action_logs(self) -> None:
        from screens.views.access_log import AccessLog

        if self.row is not None:
            await self.boss.open(AccessLog(self.row.payload[0]))

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload[0]))


def _silent(names: list[str], why: str) -> Item:
    """Replicas that did not tell, for one reason."""
    who = names[0] if len(names) == 1 else count(len(names), "istiod replica")
    return Item((badge("UNKNOWN", who), Run(f"  {why}")))


def _pods(mesh: Mesh) -> dict[tuple[str, str], Pod]:
    """The pods with a proxy; none where pods may not be read, since istiod's own list is still worth showing."""
    try:
        return {(p.namespace, p.name): p for p in injected_pods(mesh)}
    except Unseen:
        return {}


def _told(proxy: ProxySync, pod: Pod | None, state: str, now: datetime) -> Row:
    word = {"FAIL": "refused", "WARN": "stale", "OK": "synced"}[state]
    cells: tuple[Run | str, ...] = (
        badge(state, word),
        f"{proxy.namespace}/{proxy.name}",
        _ready(pod),
        *(_sync(proxy.types.get(t), now) for t in TYPES),
        proxy.version,
        proxy.istiod,
    )
    fields = _fields(proxy.namespace, proxy.name, state, pod) | {"istiod": proxy.istiod, "version": proxy.version}
    subject = Subject(kind="Pod", namespace=proxy.namespace, name=proxy.name)
    is_fault = state != "OK" or (pod is not None and not pod.is_ready)
    return Row(f"{proxy.namespace}/{proxy.name}", cells, fields, is_fault=is_fault, payload=(subject, proxy))


def _unknown(pod: Pod, mesh: Mesh) -> Row:
    """A pod with a proxy that is in nobody's list: cut off, or known to a replica that did not tell."""
    young = is_young(mesh, pod)
    all_told = bool(mesh.istiods) and all(i.has("syncz") for i in mesh.istiods) and not young
    state = "FAIL" if all_told else "UNKNOWN"
    word = "no istiod" if all_told else "starting" if young else "not told"
    cells: tuple[Run | str, ...] = (badge(state, word), f"{pod.namespace}/{pod.name}", _ready(pod), *("" for _ in TYPES), "", "")
    fields = _fields(pod.namespace, pod.name, state, pod)
    return Row(f"{pod.namespace}/{pod.name}", cells, fields, is_fault=all_told, payload=(pod.subject, None))


def _fields(namespace: str, name: str, state: str, pod: Pod | None) -> dict[str, str]:
    ready = "" if pod is None else "yes" if pod.is_ready else "no"
    return {"ns": namespace, "pod": name, "state": state.lower(), "ready": ready}


def _in_words(kind: str, sync: TypeSync | None, now: datetime | None) -> Item:
    """What the figures of one type of configuration say."""
    glyph, word, role = WORDS[sync.state if sync else "NOT SENT"]
    sent = sync.sent_at if sync and sync.state != "NOT SENT" else None
    pushed = f", pushed {age((now - sent).total_seconds())} ago" if sent and now else ""
    refused = Run(f": {sync.error}", "bad") if sync and sync.error else Run("")
    return Item((Run(f"{MEANS[kind]:<10}  ", "dim"), Run(f"{glyph}{word}", role), Run(pushed), refused), label=kind)


def _ready(pod: Pod | None) -> Run:
    if pod is None:
        return Run("? gone", "unknown")
    return Run("● yes", "ok") if pod.is_ready else Run("✖ no", "bad")


def _sync(sync: TypeSync | None, now: datetime) -> Run:
    if sync is None:
        return Run("○", "dim")
    glyph, role = SYNC.get(sync.state, ("? ", "unknown"))
    since = age((now - sync.sent_at).total_seconds()) if sync.sent_at and sync.state != "NOT SENT" else ""
    return Run(f"{glyph}{since}".rstrip(), role)
