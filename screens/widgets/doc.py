"""A document of labelled, wrapped lines; some of them can be selected and opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.strip import Strip

from screens.text import Line, Run, clean, cut_name, width_of, wrap
from screens.widgets.listing import Listing

LABEL = 11
WIDE = 120  # columns from which a note stands beside the first line; below, at the right end of the last


@dataclass(frozen=True, slots=True)
class Item:
    """A paragraph: a label in the margin, text that wraps under itself, and a note at the right end.

    With a `payload` it can be selected; `key` keeps the selection over refreshes. `whole` text is not cut at 4,000.
    """

    text: str | tuple[Run, ...] = ""
    role: str = ""
    label: str = ""
    note: str = ""
    key: str = ""
    payload: Any = None
    indent: int = 0
    longest: int = 3000
    lead: Run | None = None  # stands before the first line; the others begin under what follows it

    @property
    def runs(self) -> tuple[Run, ...]:
        return (Run(self.text, self.role),) if isinstance(self.text, str) else self.text


class Doc(Listing):
    """The document. Without items to select it just scrolls."""

    DEFAULT_CSS = """
    Doc.auto { height: auto; }
    """

    def __init__(self, ident: str | None = None, *, label: int = LABEL, classes: str | None = None) -> None:
        super().__init__(ident, classes=classes)
        self.items: tuple[Item, ...] = ()
        self.label = label
        self._lines: list[tuple[int, Line]] = []
        self._first: list[int] = []

    def set_items(self, items: Iterable[Item]) -> None:
        """Show these; the selection stays on its key."""
        key = self.key
        self.items = tuple(items)
        self.keys = [i.key or f"#{n}" for n, i in enumerate(self.items)]
        self._lay_out()
        self.select(key)
        self.refresh(layout=True)

    @property
    def item(self) -> Item | None:
        """The selected item."""
        return self.items[self.at] if self.at is not None and self.at < len(self.items) else None

    @property
    def height(self) -> int:
        """How many lines it takes as wide as the screen is."""
        return self.height_in(self.app.size.width)

    def lines_of(self, item: Item) -> int:
        """How many lines an item takes as wide as the screen is."""
        return len(self._wrapped(item, self.app.size.width))

    def height_in(self, width: int) -> int:
        """How many lines it takes in that width."""
        return sum(len(self._wrapped(item, width)) for item in self.items)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self.height_in(width)

    def spot(self, index: int) -> tuple[int, int]:
        first = self._first[index]
        end = self._first[index + 1] if index + 1 < len(self._first) else len(self._lines)
        return first, end - first

    def item_at(self, line: int) -> int | None:
        return self._lines[line][0] if 0 <= line < len(self._lines) else None

    def selectable(self, index: int) -> bool:
        return self.items[index].payload is not None

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()
        self._show_cursor()

    def _lay_out(self) -> None:
        self._lines, self._first = [], []
        for index, item in enumerate(self.items):
            self._first.append(len(self._lines))
            self._lines.extend((index, line) for line in self._wrapped(item, self.size.width))
        self.resize_lines(len(self._lines))

    def _wrapped(self, item: Item, width: int) -> list[Line]:
        lead = item.lead or Run("")
        margin = 1 + (self.label if self.label else 0) + item.indent + width_of(lead.text)
        note = cut_name(clean(item.note, 60), width // 3 if width >= WIDE else width - margin - 1)
        beside = note if width >= WIDE else ""
        edge = 1 if self.has_class("auto") else 2  # what may scroll keeps a column for the bar
        room = max(width - margin - edge - (width_of(beside) + 2 if beside else 0), 8)
        lines = _flow(item.runs, room, item.longest)
        if note and not beside:
            lines = _noted(lines, note, room)
        made: list[Line] = []
        for number, line in enumerate(lines):
            head = clean(item.label, 40) if number == 0 else ""
            before = margin - 1 - width_of(lead.text)
            runs = [Run(" "), Run(f"{head:<{before}}", "head" if item.role != "strong" or item.label else "")]
            runs.append(lead if number == 0 else Run(" " * width_of(lead.text)))
            runs.extend(line)
            if number == 0 and beside:
                used = sum(width_of(r.text) for r in line)
                runs.append(Run(" " * (width - edge - margin - used - width_of(note)) + note, "dim"))
            made.append(runs)
        return made

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        if not 0 <= line < len(self._lines):
            return self.blank(self.size.width)
        index, runs = self._lines[line]
        return self.painter.strip(runs, self.size.width, self.can_focus and index == self.at and self.selectable(index))


def _noted(lines: list[list[Run]], note: str, room: int) -> list[list[Run]]:
    """The note at the right end of the last line where it has room there, else in a line of its own."""
    used = sum(width_of(r.text) for r in lines[-1])
    if used and used + 2 + width_of(note) > room:
        lines, used = [*lines, []], 0
    return [*lines[:-1], [*lines[-1], Run(" " * max(room - used - width_of(note), 0) + note, "dim")]]


def _flow(runs: tuple[Run, ...], width: int, longest: int) -> list[list[Run]]:
    """Runs wrapped together: roles stay with their words."""
    texts = [clean(r.text, longest // 2) for r in runs]
    if texts and not texts[-1].isspace():
        texts[-1] = texts[-1].rstrip()
    whole = "".join(texts).rstrip()
    if width_of(whole) <= width:
        return [[Run(t, r.role) for t, r in zip(texts, runs, strict=True)]]
    roles = [r.role for t, r in zip(texts, runs, strict=True) for _ in t]
    made, place = [], 0
    for line in wrap(whole, width):
        place = whole.index(line, place) if line else place
        made.append(_grouped(line, roles[place : place + len(line)]))
        place += len(line)
    return made


def _grouped(line: str, roles: list[str]) -> list[Run]:
    grouped: list[Run] = []
    for character, role in zip(line, roles, strict=False):
        if grouped and grouped[-1].role == role:
            grouped[-1] = Run(grouped[-1].text + character, role)
        else:
            grouped.append(Run(character, role))
    return grouped
