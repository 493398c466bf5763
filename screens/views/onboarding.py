"""Onboarding: how far each namespace is on its way into the mesh, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Status
from meshdoctor.model.onboarding import NamespaceResult, Scan, State
from meshdoctor.model.subject import Subject
from meshdoctor.onboarding.scan import scan
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

STATES: dict[State | None, Run] = {
    State.DEGRADED: Run("✖ degraded", "bad"),
    None: Run("? unknown", "unknown"),
    State.ENROLLING: Run("◐ enrolling", "warn"),
    State.NOT_ENROLLED: Run("○ not enrolled", "dim"),
    State.ONBOARDED: Run("● onboarded", "ok"),
    State.EXEMPT: Run("○ exempt", "dim"),
}
"""How a state shows; those that need something come first."""

ORDER = tuple(STATES)


@screen(
    name="onboarding",
    aliases=("scan", "onboard", "ob"),
    title="Onboarding",
    says="how far each namespace is on its way into the mesh",
)
class Onboarding(TableView):
    """Every namespace with its state."""

    about = "35 checks a namespace. Blocking ones keep it from being onboarded; enter shows each check with its proof."
    columns = (
        Column("STATE", least=14, keep=True),
        Column("NAMESPACE", least=16, most=50, is_name=True, keep=True),
        Column("IN MESH", least=5, align="right", keep=True),
        Column("PASS", least=5, align="right"),
        Column("BLOCK", least=5, align="right", keep=True),
        Column("WARN", least=4, align="right"),
        Column("UNKNOWN", least=7, align="right"),
        Column("OWNER", least=8, most=36),
        Column("NEXT", least=30, most=120),
    )
    fields = frozenset({"ns", "state", "owner"})
    tall = 24  # the next step is what it is for
    empty = "No namespace could be read."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "its checks", id="onboarding.open", tooltip="every check of this namespace, with proof"),
        Binding("E", "enrol", "enrol", id="onboarding.enrol", tooltip="the wizard that takes it into the mesh in waves"),
        Binding("S", "strict", "STRICT", id="onboarding.strict", tooltip="the wizard that ends plain text for this namespace"),
        Binding("o", "findings", "its findings", id="onboarding.findings", tooltip="what the rules found there"),
        Binding("y", "yaml", "YAML", id="onboarding.yaml", tooltip="the namespace as it is now"),
    ]

    @property
    def topic(self) -> Subject | None:
        return Subject(kind="Namespace", name=self.row.payload.name) if self.row is not None else None

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        found = scanned(seen)
        namespaces = found.namespaces if found else ()
        return [_row(n) for n in sorted(namespaces, key=lambda n: (ORDER.index(n.state), n.name))]

    def summary_of(self, seen: Seen) -> list[Item]:
        counts = Counter(r.payload.state for r in self._all)
        runs = [run for state, word in STATES.items() if counts[state] for run in (word, Run(f" {counts[state]}   "))]
        return [Item(tuple(runs))] if runs else []

    def detail_of(self, row: Row) -> list[Item]:
        return [item for item in about_namespace(row.payload) if item.label in ("BECAUSE", "NEXT")]

    def name_in(self, row: Row) -> str:
        return row.key

    async def open(self, row: Row) -> None:
        from screens.views.onboarding_namespace import OnboardingNamespace

        await self.boss.open(OnboardingNamespace(row.key))

    async def action_enrol(self) -> None:
        from screens.views.enrolment import enrol

        if self.row is not None:
            await enrol(self, self.row.key)

    async def action_strict(self) -> None:
        from screens.views.strict import strict

        if self.row is not None:
            await strict(self, self.row.key)

    async def action_findings(self) -> None:
        if self.row is not None:
            await self.boss.action_go("findings", f"ns={self.row.key}")

    async def action_yaml(self) -> None:
        from meshdoctor.model.subject import Subject
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(Subject(kind="Namespace", name=self.row.key)))


def scanned(seen: Seen, names: tuple[str, ...] = ()) -> Scan | None:
    """The scan of a snapshot; None before there is one."""
    return scan(seen.mesh, seen.diagnosis, names) if seen.mesh and seen.diagnosis else None


def about_namespace(result: NamespaceResult) -> list[Item]:
    """Its state with the reason, owner and next step."""
    state = STATES[result.state]
    items = [Item((state, Run(f"  {result.passed} of {result.applicable} checks pass", "dim")), label="STATE")]
    if result.reason:
        items.append(Item(result.reason, label="BECAUSE"))
    if result.owner:
        items.append(Item((Run(result.owner), Run(f"  {result.owned_by}", "dim")), label="OWNER"))
    if result.next:
        items.append(Item(result.next, label="NEXT"))
    return items


def _row(n: NamespaceResult) -> Row:
    statuses = Counter(c.status for c in n.checks)
    blocking = sum(c.blocks for c in n.checks)
    pods = [w for w in n.workloads if w.pods is not None]
    share = f"{sum(w.in_mesh or 0 for w in pods)}/{sum(w.pods or 0 for w in pods)}" if n.state is not None else "?"
    unknown = statuses[Status.UNKNOWN]
    cells = (
        STATES[n.state],
        n.name,
        share,
        f"{n.passed}/{n.applicable}",
        Run(f"{blocking}", "bad") if blocking else Run("0", "dim"),
        Run(f"{statuses[Status.WARN]}", "warn") if statuses[Status.WARN] else Run("0", "dim"),
        Run(f"{unknown}", "unknown") if unknown else Run("0", "dim"),
        (n.owner or "").replace("written with ", "by "),
        n.next,
    )
    fields = {"ns": n.name, "state": str(n.state or "unknown"), "owner": n.owner or ""}
    return Row(n.name, cells, fields, is_fault=n.state in (State.DEGRADED, None), payload=n)
