"""What changed: who wrote, rolled out, scaled or restarted what, first what has to do with the trouble."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.triage.changed import Change, changes
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, count, duration, moment
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

HOURS = (2.0, 24.0, 168.0, 0.25)


@screen(name="changes", aliases=("changed", "timeline"), title="Changes", says="what changed, by whom, and what it has to do with")
class Changes(TableView):
    """Every change within a window that `h` changes."""

    about = "As the objects themselves tell. What meets a cause stands first. What was deleted is not seen."
    columns = (
        Column("WHEN", least=8, keep=True),
        Column("AGO", least=9, align="right"),
        Column("OBJECT", least=18, most=50, is_name=True, keep=True),
        Column("WHAT", least=20, most=70, keep=True),
        Column("WHO", least=6, most=24),
        Column("CAUSE", least=7, most=12),
    )
    fields = frozenset({"ns", "kind", "who"})
    empty = "Nothing changed within this window, as far as objects and events tell."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "window", "window", id="changes.window", tooltip="the last 2 hours, day, week or quarter of an hour"),
        Binding("enter,y", "yaml", "YAML", id="changes.yaml", key_display="⏎", tooltip="the object as it is now"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._window = 0

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        mesh = seen.mesh
        if mesh is None:
            return ()
        made = changes(mesh, seen.diagnosis, HOURS[self._window])
        return [_row(c, mesh.now) for c in made]

    def summary_of(self, seen: Seen) -> list[Item]:
        total = len(self._all)
        near = sum(r.is_fault for r in self._all)
        told = f"{count(total, 'change')} within {duration(HOURS[self._window] * 3600)}"
        more = f"   {near} at the object of a cause, or as it began" if near else ""
        return [Item((Run(told, "strong"), Run(more, "warn")))]

    def detail_of(self, row: Row) -> list[Item]:
        change: Change = row.payload
        by = f" by {change.who}" if change.who else ""
        items = [Item(f"{change.subject}", "strong"), Item(f"{change.says}{by}", indent=2)]
        return [*items, Item(f"meets {change.of}", indent=2)] if change.is_near else items

    async def open(self, row: Row) -> None:
        await self.action_yaml()

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload.subject))

    def action_window(self) -> None:
        self._window = (self._window + 1) % len(HOURS)
        if self.seen is not None:
            self.fill(self.seen)


def _row(change: Change, now: datetime) -> Row:
    cells = (
        moment(change.at, now),
        duration(max((now - change.at).total_seconds(), 0.0)),
        f"{change.subject}",
        change.says,
        change.who or Run("?", "dim"),
        Run(change.of.partition(" ")[0], "warn") if change.is_near else "",
    )
    fields = {"ns": change.subject.namespace, "kind": change.subject.kind, "who": change.who}
    key = f"{change.at.isoformat()} {change.subject} {change.says}"
    return Row(key, cells, fields, is_fault=change.is_near, payload=change)
