"""A table of any length: 100,000 rows cost what fits on the screen. Rows have keys; refreshing keeps the selected one.

A DataTable takes a quarter of a second for a thousand rows, so it would need slices and keyed diffs; this needs neither.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from typing import Any, Literal

from textual import events
from textual.geometry import Spacing
from textual.strip import Strip

from screens.text import Line, Run, clean, common_prefix, cut, cut_name, is_pod, width_of
from screens.widgets.listing import Listing

GAP = 2
SAMPLE = 150  # different cells that the width of a column is measured by, evenly over a long table
LONGEST = 8  # cells that are measured as well: the longest


@dataclass(frozen=True, slots=True)
class Column:
    """How a column shows: between `least` and `most` cells; `is_name` keeps what tells names apart; `keep` never goes.

    An `extra` one is there only where all others have all the cells they would like.
    """

    title: str
    least: int = 4
    most: int = 40
    align: Literal["left", "right"] = "left"
    is_name: bool = False
    keep: bool = False
    extra: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a key that outlives refreshes, cells, and what the filter can ask for. A heading cannot be selected."""

    key: str
    cells: tuple[Run | str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    is_fault: bool = False
    is_heading: bool = False
    payload: Any = None

    @property
    def words(self) -> str:
        """All its text in lower case: what plain filter words look in."""
        texts = [c if isinstance(c, str) else c.text for c in self.cells]
        return " ".join((*texts, *self.fields.values())).lower()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A column as it fits: its place among the cells, its width, and the prefix all its names share."""

    index: int
    column: Column
    width: int
    prefix: str = ""


class Rows(Listing):
    """The table. Columns on the right go first when it is narrow."""

    def __init__(self, columns: Sequence[Column], ident: str | None = None) -> None:
        super().__init__(ident)
        self.columns = tuple(columns)
        self.header = True
        self.rows: tuple[Row, ...] = ()
        self._fitted: list[Fitted] = []
        self._samples: list[list[str]] = [[] for _ in self.columns]  # by which each column is measured

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows; the cursor stays on its key."""
        key = self.key
        self.rows = tuple(rows)
        self.keys = [r.key for r in self.rows]
        cells = [r.cells for r in self.rows if not r.is_heading]
        self._samples = [_sample(dict.fromkeys(c[i] for c in cells if i < len(c))) for i in range(len(self.columns))]
        self._fit()
        self.resize_lines(len(self.rows) + self.header)
        self.select(key)
        if self.key != key:
            self.post_message(self.Moved(self))

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return self.rows[self.at] if self.at is not None and self.at < len(self.rows) else None

    def spot(self, index: int) -> tuple[int, int]:
        return index + self.header, 1

    def item_at(self, line: int) -> int | None:
        index = line - self.header
        return index if 0 <= index < len(self.rows) else None

    def selectable(self, index: int) -> bool:
        return not self.rows[index].is_heading

    def _nearest(self, index: int) -> int | None:
        """As in any listing, but without looking at every row of a long table."""
        index = min(index, len(self.rows) - 1)  # a list that shrank
        for distance in range(len(self.rows)):
            for near in (index + distance, index - distance):
                if 0 <= near < len(self.rows) and self.selectable(near):
                    return near
        return None

    @property
    def cover(self) -> Spacing | None:
        return Spacing(1, 0, 0, 0) if self.header else None

    def on_resize(self, event: events.Resize) -> None:
        self._fit()
        self.resize_lines(len(self.rows) + self.header)
        self._show_cursor()

    # Columns.

    def _fit(self) -> None:
        """Choose columns and widths: shrink what can shrink, then drop from the right."""
        room = max(self.size.width - 2, 10)
        filled = [max(map(width_of, texts), default=0) for texts in self._samples]
        natural = [_natural(c, widest) for c, widest in zip(self.columns, filled, strict=True)]
        least = [min(n, max(c.least, width_of(c.title))) for c, n in zip(self.columns, natural, strict=True)]
        shown = list(range(len(self.columns)))
        if self.rows and sum(natural) + GAP * (len(shown) - 1) > room:
            least = [self._telling(i, least[i], min(natural[i], max(least[i], room * 2 // 5))) for i in shown]
            shown = [i for i in shown if filled[i] or self.columns[i].keep]
            wanted = sum(natural[i] + GAP for i in shown if not self.columns[i].extra)
            shown = [i for i in shown if not self.columns[i].extra or wanted + natural[i] <= room]
        while len(shown) > 1 and sum(least[i] + GAP for i in shown) - GAP > room:
            loose = [i for i in shown if not self.columns[i].keep]
            shown.remove(loose[-1] if loose else shown[-1])
        widths = {i: least[i] for i in shown}
        spare = max(room - sum(widths.values()) - GAP * (len(shown) - 1), 0)
        for number, i in enumerate(sorted(shown, key=lambda i: natural[i] - widths[i])):
            more = min(natural[i] - widths[i], spare // (len(shown) - number))  # a fair share of what is left
            widths[i] += more
            spare -= more
        fitted = [Fitted(i, self.columns[i], max(widths[i], 1), self._prefix(i, widths[i], natural[i])) for i in shown]
        self._fitted = self._tightened(fitted, natural)

    def _tightened(self, fitted: list[Fitted], natural: list[int]) -> list[Fitted]:
        """Names that were cut take fewer cells than they were given: the rest goes to the first texts that are cut."""
        made = [self._tight(f) if f.column.is_name and f.width < natural[f.index] else f for f in fitted]
        spare = sum(one.width - other.width for one, other in zip(fitted, made, strict=True))
        for number, f in enumerate(made):
            more = 0 if f.column.is_name else min(natural[f.index] - f.width, spare)
            made[number], spare = replace(f, width=f.width + more), spare - more
        return made

    def _tight(self, fitted: Fitted) -> Fitted:
        texts = (_shortened(t, fitted) for t in self._samples[fitted.index])
        return replace(fitted, width=max(map(width_of, (fitted.column.title, *texts))))

    def _telling(self, index: int, least: int, most: int) -> int:
        """The fewest cells in which the names of a column still differ from each other; `most` where they never do."""
        column = self.columns[index]
        if not column.is_name or least >= most:
            return least
        names = set(self._samples[index])
        prefix = common_prefix(names)

        def tells(width: int) -> bool:
            return len({_shortened(n, Fitted(index, column, width, prefix)) for n in names}) == len(names)

        return bisect_left(range(most), True, lo=least, key=tells)

    def _prefix(self, index: int, width: int, natural: int) -> str:
        if not self.columns[index].is_name or width >= natural:
            return ""
        return common_prefix(self._samples[index])

    def cut_of(self, row: Row) -> list[tuple[str, str]]:
        """Title and text of the cells that are not shown, or not in full."""
        widths = {f.index: f.width for f in self._fitted}
        texts = ((i, c if isinstance(c, str) else c.text) for i, c in enumerate(row.cells[: len(self.columns)]))
        return [(self.columns[i].title, text) for i, text in texts if width_of(clean(text, 4000)) > widths.get(i, 0)]

    # Painting.

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self.header and y == 0:
            return self.painter.strip(self._heading(), width) if self.rows else self.blank(width)
        index = y + self.scroll_offset.y - self.header
        if not 0 <= index < len(self.rows):
            return self.blank(width)
        row = self.rows[index]
        return self.painter.strip(self._line(row), width, index == self.at)

    def _heading(self) -> Line:
        runs = [Run(" ")]
        for f in self._fitted:
            runs.append(Run(_padded(f.column.title, f.width, f.column.align), "head"))
            runs.append(Run(" " * GAP))
        return runs

    def _line(self, row: Row) -> Line:
        if row.is_heading:
            text = row.cells[0]
            return [Run(" "), text if isinstance(text, Run) else Run(text, "head")]
        runs = [Run(" ")]
        for f in self._fitted:
            text, role = _run(row.cells[f.index]) if f.index < len(row.cells) else Run("")
            runs.append(Run(_padded(_shortened(clean(text, 200), f), f.width, f.column.align), role))
            runs.append(Run(" " * GAP))
        return runs


def _sample(cells: Iterable[Run | str]) -> list[str]:
    """What a column is measured by: all different cells of a short table; of a long one some of them, and the longest."""
    texts = [c if isinstance(c, str) else c.text for c in cells]
    if len(texts) > SAMPLE:
        texts = [*texts[:: len(texts) // SAMPLE], *nlargest(LONGEST, texts, key=_length)]
    return [clean(t, 120) for t in texts]


def _length(text: str) -> int:
    """About how many cells a text takes, and fast: letters that take two are rare."""
    return len(text) if text.isascii() else 2 * len(text)


def _natural(column: Column, widest: int) -> int:
    """The width a column would like."""
    title = width_of(column.title)
    return min(max(widest, title), max(column.most, title))


def _run(cell: Run | str) -> Run:
    return cell if isinstance(cell, Run) else Run(cell)


def _shortened(text: str, fitted: Fitted) -> str:
    if width_of(text) <= fitted.width:
        return text
    if not fitted.column.is_name:
        return cut(text, fitted.width)
    if fitted.prefix and text.startswith(fitted.prefix) and not is_pod(text):
        text = "…" + text[len(fitted.prefix) :]
    return cut_name(text, fitted.width)


def _padded(text: str, width: int, align: str) -> str:
    shown = cut(text, width)
    space = " " * (width - width_of(shown))
    return space + shown if align == "right" else shown + space
