"""Sources: what was read, how old it is, and what could not be seen and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.findings import Status
from meshdoctor.model.sources import Source, SourceState
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, age, badge, shell
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

STATES = {
    SourceState.LIVE: Run("● live", "ok"),
    SourceState.STALE: Run("◐ stale", "warn"),
    SourceState.DENIED: Run("? denied", "unknown"),
    SourceState.ERROR: Run("✖ error", "bad"),
    SourceState.ABSENT: Run("○ absent", "dim"),
    SourceState.SKIPPED: Run("○ skipped", "dim"),
}
ORDER = (SourceState.ERROR, SourceState.DENIED, SourceState.STALE, SourceState.SKIPPED, SourceState.ABSENT, SourceState.LIVE)


@screen(name="sources", aliases=("u", "unknown", "src"), title="Sources", says="what was not seen, and why")
class Sources(TableView):
    """Every source of the picture."""

    about = "Where the picture comes from. What could not be read makes checks UNKNOWN; y copies the command that settles it."
    columns = (
        Column("STATE", least=9, keep=True),
        Column("SOURCE", least=26, most=70, is_name=True, keep=True),
        Column("AGE", least=5, align="right", keep=True),
        Column("UNKNOWN", least=7, align="right"),
        Column("REASON", least=24, most=100, keep=True),
        Column("OBJECTS", least=4, align="right"),
        Column("SEE BY HAND", least=20, most=80),
    )
    fields = frozenset({"state", "name"})
    empty = "Nothing was read yet."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "its checks", id="sources.open", tooltip="the checks that are unknown for want of it"),
        Binding("y", "copy", "copy command", id="sources.copy", tooltip="copy the command that settles it by hand"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.mesh is None:
            return
        hidden = _hidden(seen)
        for source in sorted(seen.mesh.sources, key=lambda s: (ORDER.index(s.state), s.name)):
            yield _row(source, hidden.get(source.name, 0), seen.elapsed)

    def tick(self) -> None:
        if self.seen is not None and not self.seen.is_large:
            self.fill(self.seen)

    def summary_of(self, seen: Seen) -> list[Item]:
        if seen.mesh is None:
            return [Item(seen.link.reason or f"{seen.link.state}", "dim")]
        c = seen.diagnosis.coverage if seen.diagnosis else None
        said = f"{c.unknown} of {c.rules} checks are unknown for want of what is listed first." if c else "not judged yet"
        items = [Item(said)]
        items += [Item(note, "dim") for note in seen.mesh.notes]
        return items

    def detail_of(self, row: Row) -> list[Item]:
        source: Source = row.payload
        items = [Item(source.reason or f"{source.state}", label="REASON" if source.reason else "STATE")]
        if source.namespaces is not None:
            items.append(Item(", ".join(source.namespaces) or "none", label="ONLY IN"))
        if source.command:
            items.append(Item(shell(source.command), lead=Run("$ "), label="BY HAND"))
        return items

    def offers(self, action: str) -> bool:
        if action == "open":
            return self.row is not None and bool(_hidden(self.seen).get(self.row.key))
        if action == "copy":
            return self.row is not None and bool(self.row.payload.command)
        return super().offers(action)

    def name_in(self, row: Row) -> str:
        source: Source = row.payload
        return source.name

    async def open(self, row: Row) -> None:
        if _hidden(self.seen).get(row.key):
            await self.boss.action_go("findings", f"status=unknown {row.key}")
        else:
            self.boss.say("No check is unknown for want of it.", "dim")

    def action_copy(self) -> None:
        command = self.row.payload.command if self.row else None
        if command:
            self.boss.copy(command, f"the command: {command}")
        else:
            self.boss.say("This one needs no command.", "dim")


def _hidden(seen: Seen | None) -> dict[str, int]:
    """How many checks are unknown because of each source."""
    counted: dict[str, int] = {}
    for finding in seen.diagnosis.findings if seen and seen.diagnosis else ():
        if finding.status is Status.UNKNOWN and finding.subject.kind == "Source":
            counted[finding.subject.name] = counted.get(finding.subject.name, 0) + 1
    return counted


def _row(source: Source, hidden: int, elapsed: float) -> Row:
    seconds = None if source.age_s is None else source.age_s + elapsed
    cells = (
        STATES.get(source.state, badge("UNKNOWN")),
        source.name,
        age(seconds),
        Run(f"{hidden}", "unknown") if hidden else "",
        source.reason or "",
        "" if source.objects is None else f"{source.objects:,}",
        Run(source.command or "", "dim"),
    )
    is_fault = source.state in (SourceState.ERROR, SourceState.DENIED, SourceState.STALE)
    return Row(source.name, cells, {"state": str(source.state), "name": source.name}, is_fault=is_fault, payload=source)
