"""Permissions: what each denied source hides, and the command that proves it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Finding, Status
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.reports.unseen import ROLE
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, count, shell
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


@screen(name="permissions", aliases=("perm", "can-i", "rbac"), title="Permissions", says="what is hidden because it is denied")
class Permissions(TableView):
    """Every source that a 403 hides, wholly or in some namespaces."""

    about = "What may not be read, and which checks are UNKNOWN for it. y copies the command that asks the API server."
    columns = (
        Column("STATE", least=16, keep=True),
        Column("SOURCE", least=24, most=60, is_name=True, keep=True),
        Column("CHECKS", least=8, align="right", keep=True),
        Column("HIDES", least=24, most=160),
        Column("ASK", least=20, most=80),
    )
    fields = frozenset({"name"})
    empty = "Nothing was denied: all that was asked for could be read."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy command", id="permissions.copy", tooltip="copy the command that asks whether it is allowed"),
        Binding("enter", "open", "checks", id="permissions.open", tooltip="the checks that are unknown for it"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.mesh is None:
            return
        for source in seen.mesh.sources:
            if source.state == SourceState.DENIED or source.namespaces is not None:
                yield _row(source, _hidden(seen, source))

    def summary_of(self, seen: Seen) -> list[Item]:
        user = seen.mesh.cluster.user if seen.mesh else ""
        items = [Item(f"read as {user or 'the user of the kubeconfig'}", "dim")]
        return [*items, Item(ROLE, "dim")] if self._all else items

    def detail_of(self, row: Row) -> list[Item]:
        source, hidden = row.payload
        items = [Item(source.reason or "denied", label="ANSWER")]
        items += [Item(f"{f.problem or f.code}  {f.title}", label="HIDES" if n == 0 else "") for n, f in enumerate(hidden[:12])]
        if source.command:
            items.append(Item(shell(source.command), lead=Run("$ "), label="ASK"))
        return items

    def name_in(self, row: Row) -> str:
        return row.key

    async def open(self, row: Row) -> None:
        await self.boss.action_go("findings", f"status=unknown {row.key}")

    def action_copy(self) -> None:
        command = self.row.payload[0].command if self.row else None
        if command:
            self.boss.copy(command, f"the command: {command}")
        else:
            self.boss.say("There is no command for it.", "dim")


def _hidden(seen: Seen, source: Source) -> list[Finding]:
    """The checks that are unknown for want of a source."""
    findings = seen.diagnosis.findings if seen.diagnosis else ()
    return [f for f in findings if f.status is Status.UNKNOWN and f.subject.kind == "Source" and f.subject.name == source.name]


def _row(source: Source, hidden: list[Finding]) -> Row:
    partly = source.state != SourceState.DENIED
    where = f"only in {', '.join(source.namespaces)}" if source.namespaces else ""
    titles = "; ".join(f.title for f in hidden)
    hides = ": ".join(filter(None, (where, titles)))
    cells = (
        badge("partly", "in part") if partly else badge("UNKNOWN", "denied"),
        source.name,
        count(len(hidden), "check") if hidden else "none",
        hides or "nothing that a check needs",
        Run(source.command or "", "dim"),
    )
    return Row(source.name, cells, {"name": source.name}, is_fault=True, payload=(source, hidden))
