"""Control plane: each replica of istiod, with its revision, its proxies, and how long its root certificate lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.controlplane import ControlPlane, config_map, planes_seen
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod, PodDisruptionBudget
from screens.figures import proxy_state
from screens.registry import screen
from screens.replica import replica
from screens.seen import Seen
from screens.text import Run, age, badge, count, duration, glued
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


@screen(key="6", name="control-plane", aliases=("cp", "istiod"), title="Control plane", says="is istiod well, whom does it serve")
class ControlPlanes(TableView):
    """Every replica of every revision."""

    drawn_from = (
        "pods",
        "deployments*",
        "replicasets*",
        "events",
        "configmaps",
        "horizontalpodautoscalers*",
        "poddisruptionbudgets*",
        "istiod *",
    )
    about = "Each replica of istiod knows only its own proxies; the figures are what it said itself."
    columns = (
        Column("STATE", least=16, keep=True),
        Column("REPLICA", least=20, most=56, is_name=True, keep=True),
        Column("REVISION", least=8, most=20, is_name=True),
        Column("VERSION", least=7, most=24),
        Column("PROXIES", least=4, align="right"),
        Column("SYNCED", least=4, align="right"),
        Column("STALE", least=4, align="right"),
        Column("REFUSED", least=4, align="right"),
        Column("RESTARTS", least=4, align="right"),
        Column("LAST RESTART", least=8, most=20),
        Column("NODE", least=8, most=30, is_name=True),
    )
    fields = frozenset({"ns", "state", "revision", "version", "name"})
    empty = "No istiod runs here, and no Deployment of one exists."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "its proxies", id="cp.open", tooltip="the proxies connected to this replica"),
        Binding("l", "logs", "logs", id="cp.logs", tooltip="the last lines of discovery"),
        Binding("y", "yaml", "YAML", id="cp.yaml", tooltip="the pod as it is now"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.mesh is None:
            return
        said = {(i.namespace, i.name): i for i in seen.mesh.istiods}
        for plane in planes_seen(seen.mesh):
            for pod in plane.pods:
                yield _row(plane, pod, said.get((pod.namespace, pod.name)), seen.mesh)
            if not plane.pods:
                yield _none(plane)

    def summary_of(self, seen: Seen) -> list[Item]:
        mesh = seen.mesh
        if mesh is None:
            return []
        items = []
        for plane in planes_seen(mesh):
            wanted = plane.deployment.desired if plane.deployment else len(plane.pods)
            state = "OK" if plane.ready >= wanted > 0 else "FAIL" if plane.ready == 0 else "partly"
            runs = [
                badge(state, f"{plane.ready}/{wanted} ready"),
                Run(f"   {plane.namespace}/{plane.name}   revision {plane.revision}"),
            ]
            facts = (_budget(mesh, plane), _root(mesh, plane))
            items.append(Item((*runs, *(Run(f"   {glued(text)}", role) for text, role in facts))))
        config = mesh.mesh_config
        items.append(Item(f"root namespace {config.root_namespace}   trust domain {config.trust_domain}", "dim"))
        return items

    def detail_of(self, row: Row) -> list[Item]:
        mesh = self.seen.mesh if self.seen else None
        if mesh is None or not isinstance(row.payload, Pod):
            return [Item("No pod of this Deployment runs: nothing is configured, and no certificate renewed.", "bad")]
        pod = row.payload
        said = next((i for i in mesh.istiods if (i.namespace, i.name) == (pod.namespace, pod.name)), None)
        return [Item(f"{pod.subject}", "strong"), *replica(pod, said, mesh)]

    def name_in(self, row: Row) -> str:
        return row.fields["name"]

    async def open(self, row: Row) -> None:
        await self.boss.action_go("proxies", f"istiod={row.fields['name']}")

    def offers(self, action: str) -> bool:
        if action in ("logs", "open"):
            return self.row is not None and isinstance(self.row.payload, Pod)
        return super().offers(action)

    async def action_logs(self) -> None:
        from screens.views.logs import Logs

        if self.row is not None and isinstance(self.row.payload, Pod):
            await self.boss.open(Logs(self.row.payload.subject, "discovery"))

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload.subject))


def _row(plane: ControlPlane, pod: Pod, said: Istiod | None, mesh: Mesh) -> Row:
    state, word = ("OK", "ready") if pod.is_ready else ("FAIL", "not ready")
    version = said.version.partition("-")[0] if said and said.has("version") else "?"
    restarts = sum(s.restart_count for s in pod.status.container_statuses)
    cells: tuple[Run | str, ...] = (
        badge(state, word),
        f"{pod.namespace}/{pod.name}",
        plane.revision,
        version,
        *_synced(said, mesh),
        f"{restarts}",
        _last_restart(pod, mesh.now),
        pod.spec.node_name,
    )
    fields = {"ns": pod.namespace, "state": state.lower(), "revision": plane.revision, "version": version, "name": pod.name}
    return Row(f"{pod.namespace}/{pod.name}", cells, fields, is_fault=not pod.is_ready, payload=pod)


def _none(plane: ControlPlane) -> Row:
    cells = (badge("FAIL", "no pod"), f"{plane.namespace}/{plane.name}", plane.revision)
    fields = {"ns": plane.namespace, "state": "fail", "revision": plane.revision, "name": plane.name}
    return Row(f"{plane.namespace}/{plane.name}", cells, fields, is_fault=True, payload=plane.deployment)


def _synced(said: Istiod | None, mesh: Mesh) -> tuple[Run, ...]:
    if said is None or not said.has("syncz"):
        return (Run("? not told", "unknown"), Run(""), Run(""), Run(""))
    states = Counter(proxy_state(p, mesh) for p in said.syncz)
    stale, refused = states["WARN"], states["FAIL"]
    bad = (Run(f"▲ {stale}", "warn") if stale else Run("0", "dim"), Run(f"✖ {refused}", "bad") if refused else Run("0", "dim"))
    return (Run(f"{len(said.syncz)}"), Run(f"{states['OK']}"), *bad)


def _last_restart(pod: Pod, now: datetime) -> str:
    ends = [s.last_state.terminated for s in pod.status.container_statuses if s.last_state.terminated]
    times = [e.finished_at for e in ends if e.finished_at]
    if not times:
        return "never" if pod.status.container_statuses else ""
    reason = next((e.reason for e in ends if e.reason), "")
    return f"{age((now - max(times)).total_seconds())} ago {reason}".rstrip()


def _budget(mesh: Mesh, plane: ControlPlane) -> Run:
    try:
        budgets = mesh[PodDisruptionBudget].within(plane.namespace)
    except Unseen as unseen:
        return badge("UNKNOWN", f"budget {unseen.source.state}")
    made = [p.labels for p in plane.pods] or ([plane.deployment.template.metadata.labels] if plane.deployment else [])
    for budget in budgets:
        selector = budget.spec.selector
        if selector is not None and any(selector.matches(labels) for labels in made):
            return Run(f"budget {budget.name} allows {count(budget.status.disruptions_allowed, 'disruption')}", "dim")
    return Run("no disruption budget", "dim")


def _root(mesh: Mesh, plane: ControlPlane) -> Run:
    """How long the root certificate that proxies trust still lasts."""
    from meshdoctor.istio.certificates import pem_certificates, seconds_left

    try:
        found = config_map(mesh, plane.namespace, "istio-ca-root-cert", "")
    except Unseen as unseen:
        return badge("UNKNOWN", f"root certificate {unseen.source.state}")
    if found is None:
        return Run("root certificate not seen", "dim")
    left = [seconds_left(c, mesh.now) for c in pem_certificates(found.data.get("root-cert.pem", "").encode())]
    known = [s for s in left if s is not None]
    if not known:
        return badge("WARN", "root certificate does not parse")
    days = min(known)
    state = "FAIL" if days <= 0 else "WARN" if days < 30 * 86400 else "OK"
    return badge(
        state, f"root certificate ends in {duration(days)}" if days > 0 else f"root certificate ended {duration(-days)} ago"
    )
