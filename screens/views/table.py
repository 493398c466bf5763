"""What every table has in common: filter, faults only, order, details of the selected row, and empty states that help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from meshdoctor.model.findings import Cause, Finding
from meshdoctor.model.sources import narrowed
from meshdoctor.model.subject import Subject
from screens import filter as filters
from screens.ordering import Key, key_of
from screens.seen import Seen, about
from screens.text import Run
from screens.threads import aside
from screens.verdict import waiting
from screens.views.view import View
from screens.widgets.doc import Doc, Item
from screens.widgets.listing import Listing
from screens.widgets.rows import Column, Row, Rows

ON_A_ROW = frozenset({"open", "yaml", "logs", "fix", "proxies", "what_if", "trace", "enrol", "strict"})
FEW = 6  # lines below which a table and details do not go together
TALL = 32  # lines from which the selected row is told in full below the table; on less, what of it fits
LEAST = 12  # lines below which a long table gives up none for details


NO_FILTER = filters.Filter()
MANY = 1500  # rows that are filtered and sorted at once


@dataclass(frozen=True)
class Choice:
    """What of all rows is shown, and in which order."""

    filter: filters.Filter = NO_FILTER
    faults: bool = False
    order: int | None = None
    reversed: bool = False

    def of(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those rows."""
        if self == Choice():
            return rows
        kept = [r for r in rows if self._keeps(r)]
        if self.order is None:
            return kept
        return sorted((r for r in kept if not r.is_heading), key=self._key, reverse=self.reversed)

    def _keeps(self, row: Row) -> bool:
        if row.is_heading:
            return not self.faults and not self.filter.text
        if self.faults and not row.is_fault:
            return False
        return not self.filter.tests or self.filter.keeps(row.words, row.fields)

    def _key(self, row: Row) -> Key:
        cell = row.cells[self.order or 0] if (self.order or 0) < len(row.cells) else ""
        return key_of(cell.text if isinstance(cell, Run) else cell)


class TableView(View):
    """One table. Subclasses say `columns` and make `rows_of` a snapshot, purely: it may run in a thread."""

    columns: Sequence[Column] = ()
    fields: ClassVar[frozenset[str]] = frozenset()
    empty: ClassVar[str] = "There is none."
    narrows = True
    needs_mesh: ClassVar[bool] = True  # whether there is nothing to show before a mesh was read
    sorts: ClassVar[bool] = True  # whether its rows can stand in another order
    tall: ClassVar[int] = TALL

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "faults", "faults only", id="table.faults", tooltip="show only rows with a fault, or all again"),
        Binding("s", "order", "sort", show=False, id="table.sort", tooltip="sort by the next column; after the last, worst first"),
        Binding("S", "reverse", "reverse", show=False, id="table.reverse", tooltip="turn the order round"),
        Binding("c", "copy_name", "copy name", show=False, id="table.copy", tooltip="copy the name in the selected row"),
        Binding("w", "export", "copy table", show=False, id="table.export", tooltip="copy what is shown as tab-separated text"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._all: tuple[Row, ...] = ()
        self._filter = filters.Filter()
        self._faults = False
        self._order: int | None = None
        self._reversed = False
        self._has_rows = False
        self._deepest = 0  # lines of the longest details that were shown since the screen has this size

    def body(self) -> ComposeResult:
        yield Doc("summary", classes="auto", label=0)
        yield Rows(self.columns, "rows")
        yield Doc("detail", classes="auto")

    def on_mount(self) -> None:
        self.query_one("#summary", Doc).can_focus = False
        self.query_one("#detail", Doc).can_focus = False

    # What subclasses say.

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        """All rows of a snapshot, worst first. Pure."""
        return ()

    def summary_of(self, seen: Seen) -> list[Item]:
        """What stands above the table, besides how much of it is shown."""
        return []

    def detail_of(self, row: Row) -> list[Item]:
        """The selected row in full: here the cells that the table has no room for."""
        return [Item((Run(f"{title}  ", "head"), Run(text))) for title, text in self.table.cut_of(row)]

    def offers(self, action: str) -> bool:
        if action in ON_A_ROW:
            return self.row is not None
        return action != "faults" or bool(self._all)

    async def open(self, row: Row) -> None:
        """Enter on a row."""

    def name_in(self, row: Row) -> str:
        """What `c` copies: the first column of names, else the first of all."""
        named = next((i for i, c in enumerate(self.columns) if c.is_name and i < len(row.cells)), 0)
        cell = row.cells[named]
        return cell.text if isinstance(cell, Run) else cell

    def tick(self) -> None:
        if self.seen is not None and self.seen.mesh is None:
            self._show_summary()  # how long it is waited for

    # Filling.

    @property
    def table(self) -> Rows:
        return self.query_one("#rows", Rows)

    @property
    def main(self) -> Widget:
        return self.table

    @property
    def row(self) -> Row | None:
        return self.table.row

    @property
    def topic(self) -> Cause | Finding | Subject | None:
        return about(self.row.payload) if self.row is not None else None

    def fill(self, seen: Seen) -> None:
        if seen.mesh is None and self.needs_mesh:
            self._show_summary()
            return
        self.beside(seen, lambda: tuple(self.rows_of(seen)), self.take)

    def take(self, rows: tuple[Row, ...]) -> None:
        """Show these rows, as filter and order want."""
        self._all, self._has_rows = rows, True
        self._apply()

    def _apply(self) -> None:
        """Filter and sort: many rows in a thread, since that takes longer than a key may wait."""
        all_rows, choice = self._all, Choice(self._filter, self._faults, self._order, self._reversed)
        if len(all_rows) <= MANY or choice == Choice():
            self._show_rows(choice.of(all_rows))
            return

        async def work() -> None:
            rows = await aside(lambda: choice.of(all_rows))
            self.guard(lambda: self._show_rows(rows))

        self.run_worker(work(), group="apply", exclusive=True, exit_on_error=False)

    def _show_rows(self, rows: Sequence[Row]) -> None:
        self.table.set_rows(rows)
        self._show_summary()
        self._show_detail()
        self.boss.tell_keys()

    def _show_summary(self) -> None:
        seen = self.seen
        if seen is not None and seen.mesh is None and self.needs_mesh:
            items = waiting(seen)
        else:
            items = [*(self.summary_of(seen) if seen else ()), *self._state()]
        self.query_one("#summary", Doc).set_items(items)

    def _state(self) -> list[Item]:
        """What is shown of how much, and what to press where it is nothing."""
        total = sum(not r.is_heading for r in self._all)
        shown = sum(not r.is_heading for r in self.table.rows)
        if not self._has_rows:
            return [] if self._broken.display else [Item("reading …", "dim")]
        said = []
        if self._filter.text:
            said.append(f"/{self._filter.text}")
        if self._faults:
            said.append("faults only")
        if self._order is not None:
            said.append(f"by {self.columns[self._order].title.lower()}{', reversed' if self._reversed else ''}")
        items = [Item(f"{shown} of {total} shown: {', '.join(said)}", "dim")] if said else []
        if self._filter.flaw:
            items.append(Item((Run("▲ WARN", "warn"), Run(f"  {self._filter.flaw}; it is left out"))))
        if not shown:
            items.append(Item(self._why_empty(total)))
        return items

    def tell_broken(self, items: tuple[Item, ...]) -> None:
        super().tell_broken(items)
        if items and not self._has_rows:
            self.query_one("#summary", Doc).set_items(())  # it is not being read: it may not be

    def _why_empty(self, total: int) -> str:
        if not total:
            return self.empty + self._where_looked()
        return f"None of {total} matches. esc clears the filter{', f shows all' if self._faults else ''}."

    def _where_looked(self) -> str:
        """Where not all may be read: what is elsewhere is not known to be missing."""
        sources = self.seen.mesh.sources if self.seen is not None and self.seen.mesh is not None else ()
        only = narrowed(sources)
        return f" But {only}: what is elsewhere is not known." if only and self.needs_mesh else ""

    def _show_detail(self) -> None:
        doc = self.query_one("#detail", Doc)
        row = self.row
        items = self.detail_of(row) if row is not None else []
        if self.app.size.height < self.tall:
            items = self._first_of(items, doc)
        doc.display = bool(items)
        doc.set_items([Item(""), *items] if items else ())
        self._share_out(doc)

    def _first_of(self, items: list[Item], doc: Doc) -> list[Item]:
        """As much of the details as a small screen has room for: what a short table leaves free, of a long one a third."""
        room = self.size.height - self.query_one("#summary", Doc).height
        free = max(room - len(self.table.rows) - 1, room // 3 if room >= LEAST else 0) - 1
        heights = accumulate(doc.lines_of(i) for i in items)
        return [item for item, height in zip(items, heights, strict=True) if height <= free]

    def _share_out(self, doc: Doc) -> None:
        """The details stand right below a short table; beside a long one they keep their share, so that nothing jumps."""
        table, summary = self.table, self.query_one("#summary", Doc)
        room = self.size.height - summary.height
        depth = doc.height if doc.display else 0
        wanted, self._deepest = len(table.rows) + 1, max(self._deepest, depth)
        if room < FEW or not (depth or (self._deepest and wanted + self._deepest > room)):
            table.styles.height, doc.styles.height = "1fr", "auto"
            return
        short = wanted + depth <= room and depth > 0
        high = wanted if short else min(wanted, max(room * 3 // 5, room - self._deepest))
        table.styles.height, doc.styles.height = high, room - high

    def on_resize(self, event: events.Resize) -> None:
        self._deepest = 0
        if self._has_rows and not self._broken.display:
            self.guard(self._show_detail)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        event.stop()
        self.guard(self._show_detail)
        self.boss.tell_keys()

    async def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        await self.action_open()

    async def action_open(self) -> None:
        """Enter, or a second click: what the row leads to."""
        if self.row is not None:
            await self.open(self.row)

    # Filter and order.

    @property
    def filter_text(self) -> str:
        return self._filter.text

    def narrow(self, text: str) -> None:
        self._filter = filters.parse(text, self.fields)
        self._apply()

    def back(self) -> bool:
        """The filter goes first, then faults-only."""
        if not self._filter.text and not self._faults:
            return False
        self._filter, self._faults = filters.Filter(), False
        self._apply()
        return True

    def action_faults(self) -> None:
        self._faults = not self._faults
        self._apply()

    def knows(self, action: str) -> bool:
        return action not in ("order", "reverse") or self.sorts

    def action_order(self) -> None:
        if not self.sorts:
            return
        after = 0 if self._order is None else self._order + 1
        self._order = after if after < len(self.columns) else None
        self._apply()

    def action_reverse(self) -> None:
        if not self.sorts:
            return
        self._reversed = not self._reversed
        self._apply()

    def action_copy_name(self) -> None:
        if self.row is not None:
            self.boss.copy(self.name_in(self.row), "the name")

    def action_export(self) -> None:
        lines = ["\t".join(c.title for c in self.columns)]
        lines += ["\t".join(c.text if isinstance(c, Run) else c for c in r.cells) for r in self.table.rows if not r.is_heading]
        self.boss.copy("\n".join(lines), f"{len(lines) - 1} rows")
