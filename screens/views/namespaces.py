"""Namespaces: who is in the mesh, how many pods carry a proxy, what mTLS they demand, what is wrong there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.injection import AMBIENT, NAMESPACE_LABEL, REVISION
from meshdoctor.istio.mtls import age as oldest_first
from meshdoctor.istio.mtls import scope_of
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod
from screens.registry import screen
from screens.seen import Seen, is_fault
from screens.text import Run, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

OWNERS = ("owner", "team", "app.kubernetes.io/managed-by", "contact")
MODES = {"STRICT": ("● STRICT", "ok"), "PERMISSIVE": ("◐ PERMISSIVE", ""), "DISABLE": ("▲ DISABLE", "warn")}


@screen(key="7", name="namespaces", aliases=("ns", "namespace"), title="Namespaces", says="who is in the mesh, and with what")
class Namespaces(TableView):
    """Every namespace."""

    drawn_from = ("namespaces", "pods", "mutatingwebhookconfigurations*", "istiod *")
    about = (
        "Injection as the labels ask for it, pods that have a proxy of all live ones, the mTLS mode in effect, "
        "and what the rules found there."
    )
    columns = (
        Column("STATE", least=16, keep=True),
        Column("NAMESPACE", least=16, most=50, is_name=True, keep=True),
        Column("INJECTION", least=9, most=30),
        Column("IN MESH", least=7, align="right"),
        Column("mTLS", least=8, most=24),
        Column("FINDINGS", least=4, align="right"),
        Column("OWNER", least=8, most=30),
    )
    fields = frozenset({"ns", "injection", "mtls", "state"})
    empty = "No namespace could be read."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "its findings", id="namespaces.open", tooltip="what the rules found there"),
        Binding("p", "proxies", "its proxies", id="namespaces.proxies", tooltip="the proxies of this namespace"),
        Binding("y", "yaml", "YAML", id="namespaces.yaml", tooltip="the namespace as it is now"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        mesh = seen.mesh
        if mesh is None:
            return []
        counted = _counted(mesh)
        found, worst = _found(seen)
        rows = [_row(mesh, n, counted, found[n.name], worst.get(n.name, "")) for n in mesh[Namespace]]
        order = ("FAIL", "ERROR", "WARN", "OK", "absent")
        return sorted(rows, key=lambda r: (order.index(r.fields["state"]), -found[r.key], r.key))

    def detail_of(self, row: Row) -> list[Item]:
        """What the rules found there, the worst first."""
        found = [f for f in (self.seen.diagnosis.findings if self.seen and self.seen.diagnosis else ()) if is_fault(f)]
        there = [f for f in found if row.key in (f.subject.namespace, f.subject.name if f.subject.kind == "Namespace" else "")]
        items = [Item((badge(str(f.status)), Run(f"  {f.summary or f.title}")), note=str(f.subject)) for f in there[:12]]
        return [Item(row.key, "strong"), *items] if items else []

    def name_in(self, row: Row) -> str:
        return row.key

    async def open(self, row: Row) -> None:
        await self.boss.action_go("findings", f"ns={row.key}")

    async def action_proxies(self) -> None:
        if self.row is not None:
            await self.boss.action_go("proxies", f"ns={self.row.key}")

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload.subject))


def _counted(mesh: Mesh) -> dict[str, tuple[int, int]] | None:
    """Pods with a proxy and all live pods, by namespace; None where pods were not seen."""
    try:
        pods = [p for p in mesh[Pod] if is_live(p)]
    except Unseen:
        return None
    everything = Counter(p.namespace for p in pods)
    inside = Counter(p.namespace for p in pods if p.proxy is not None)
    return {ns: (inside[ns], total) for ns, total in everything.items()}


def _found(seen: Seen) -> tuple[Counter[str], dict[str, str]]:
    """How many faults lie in each namespace, and the worst of them."""
    found: Counter[str] = Counter()
    worst: dict[str, str] = {}
    for finding in seen.diagnosis.findings if seen.diagnosis else ():
        if is_fault(finding):
            where = finding.subject.name if finding.subject.kind == "Namespace" else finding.subject.namespace
            found[where] += 1
            if finding.status is Status.FAIL or where not in worst:
                worst[where] = str(finding.status)
    return found, worst


def _row(mesh: Mesh, namespace: Namespace, counted: dict[str, tuple[int, int]] | None, found: int, worst: str) -> Row:
    asks = injection(namespace)
    inside, total = (counted or {}).get(namespace.name, (0, 0))
    state = worst or ("OK" if asks != "none" else "absent")
    mode = _mode(mesh, namespace.name)
    cells = (
        badge(state, "not in mesh" if state == "absent" else None),
        namespace.name,
        Run(asks, "dim" if asks == "none" else ""),
        Run("? not seen", "unknown") if counted is None else f"{inside}/{total}",
        mode,
        Run(f"{found}", "bad" if worst == "FAIL" else "warn") if found else Run("0", "dim"),
        next(
            (
                namespace.annotations.get(o) or namespace.labels.get(o) or ""
                for o in OWNERS
                if o in {**namespace.labels, **namespace.annotations}
            ),
            "",
        ),
    )
    fields = {"ns": namespace.name, "injection": asks, "mtls": mode.text.split(" ")[-1], "state": state}
    return Row(namespace.name, cells, fields, is_fault=bool(found), payload=namespace)


def injection(namespace: Namespace) -> str:
    """What its labels ask for."""
    if said := namespace.labels.get(NAMESPACE_LABEL):
        return said
    if revision := namespace.labels.get(REVISION):
        return f"revision {revision}"
    return namespace.labels.get(AMBIENT, "none")


def _mode(mesh: Mesh, namespace: str) -> Run:
    """The mTLS mode of the namespace's pods that no policy of their own names."""
    try:
        root = mesh.mesh_config.root_namespace
        table = mesh[PeerAuthentication]
        own = [p for p in table.within(namespace) if scope_of(p, root) != "workload"]
        mesh_wide = [p for p in table.within(root) if scope_of(p, root) == "mesh"]
    except Unseen as unseen:
        return Run(f"? {unseen.source.state}", "unknown")
    for policies in (own, mesh_wide):
        for policy in sorted(policies, key=oldest_first):
            if policy.spec.mtls and policy.spec.mtls.mode in MODES:
                return Run(*MODES[policy.spec.mtls.mode])
    return Run(*MODES["PERMISSIVE"])
