"""A list painted line by line: the base of tables and documents. Only the lines on screen cost anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.text import GLUE, ROLES, Line, clean, cut, width_of

FAINT = ("dim", "head")  # what would be hard to read in the selected line


class Painter:
    """Turns runs of text into strips in the widget's own styles. What it paints was cleaned by `clean`."""

    def __init__(self, widget: ScrollView) -> None:
        self._widget = widget
        self._styles: dict[tuple[str, bool], Style] = {}

    def forget(self) -> None:
        """The theme changed."""
        self._styles.clear()

    def style(self, role: str, chosen: bool = False) -> Style:
        key = (role, chosen)
        if key not in self._styles:
            made = self._widget.rich_style
            if role in ROLES and not (chosen and role in FAINT):
                made += self._widget.get_component_rich_style(f"listing--{role}", partial=True)
            if chosen:
                made += self._widget.get_component_rich_style("listing--cursor", partial=True)
            self._styles[key] = made
        return self._styles[key]

    def strip(self, line: Line, width: int, chosen: bool = False) -> Strip:
        """A line of exactly `width` cells; what is too long ends in `…`."""
        segments, used = [], 0
        for text, role in line:
            room = width - used
            if room <= 0:
                break
            shown = text[:room] if text.isspace() else cut(clean(text, room), room).replace(GLUE, " ")
            used += width_of(shown)
            segments.append(Segment(shown, self.style(role, chosen)))
        if used < width:
            segments.append(Segment(" " * (width - used), self.style("", chosen)))
        return Strip(segments, width)


class Listing(ScrollView, can_focus=True):
    """Items of one or more lines, one of them selected by key. Subclasses say what the lines are."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"listing--{role}" for role in (*ROLES, "cursor")}
    DEFAULT_CSS = """
    Listing {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: transparent;
        & > .listing--dim { color: $foreground-muted; }
        & > .listing--strong { text-style: bold; }
        & > .listing--bad { color: $error; }
        & > .listing--warn { color: $warning; }
        & > .listing--ok { color: $success; }
        & > .listing--unknown { color: $accent; }
        & > .listing--head { color: $foreground-muted; }
        & > .listing--key { text-style: bold; }
        & > .listing--cursor { background: $cursor; }
        &:focus > .listing--cursor { background: $cursor-focus; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False, id="list.down"),
        Binding("k,up", "move(-1)", "up", show=False, id="list.up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="list.pagedown"),
        Binding("pageup", "page(-1)", "page up", show=False, id="list.pageup"),
        Binding("g,home", "edge(0)", "first", show=False, id="list.first"),
        Binding("G,end", "edge(-1)", "last", show=False, id="list.last"),
    ]

    class Opened(Message):
        """The selected item was clicked."""

        def __init__(self, listing: Listing) -> None:
            self.listing = listing
            super().__init__()

    class Moved(Message):
        """Another item is selected."""

        def __init__(self, listing: Listing) -> None:
            self.listing = listing
            super().__init__()

    def __init__(self, ident: str | None = None, *, classes: str | None = None) -> None:
        super().__init__(id=ident, classes=classes)
        self.painter = Painter(self)
        self.keys: Sequence[str] = ()
        self.at: int | None = None

    # What subclasses say.

    def spot(self, index: int) -> tuple[int, int]:
        """The first line of an item, and how many it has."""
        raise NotImplementedError

    def item_at(self, line: int) -> int | None:
        """The item that a line belongs to."""
        raise NotImplementedError

    def selectable(self, index: int) -> bool:
        """Whether the cursor may stand on an item."""
        raise NotImplementedError

    # Selection.

    @property
    def key(self) -> str | None:
        """The key of the selected item."""
        return self.keys[self.at] if self.at is not None and self.at < len(self.keys) else None

    def select(self, key: str | None) -> None:
        """Keep the cursor on that key; where it is gone, on what stands in its place."""
        before = self.at or 0
        if key is not None and key in self.keys:
            self.at = self.keys.index(key)
        else:
            self.at = self._nearest(before)
        self._show_cursor()

    def _nearest(self, index: int) -> int | None:
        order = sorted((i for i in range(len(self.keys)) if self.selectable(i)), key=lambda i: abs(i - index))
        return order[0] if order else None

    def action_move(self, by: int) -> None:
        if self.at is None:
            self.scroll_relative(y=by, animate=False)
            return
        index = self.at + by
        while 0 <= index < len(self.keys) and not self.selectable(index):
            index += by
        if 0 <= index < len(self.keys):
            self._go(index)
        else:
            self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        height = max(self.size.height - 2, 1)
        if self.at is None:
            self.scroll_relative(y=by * height, animate=False)
            return
        nearest = self._nearest(min(max(self.at + by * height, 0), len(self.keys) - 1))
        if nearest is not None:
            self._go(nearest)

    def action_edge(self, end: int) -> None:
        nearest = self._nearest(0 if end == 0 else len(self.keys) - 1)
        if nearest is not None:
            self._go(nearest)
        self.scroll_to(y=0 if end == 0 else self.virtual_size.height, animate=False)

    def _go(self, index: int) -> None:
        if index != self.at:
            self.at = index
            self._show_cursor()
            self.post_message(self.Moved(self))

    def _show_cursor(self) -> None:
        if self.at is not None and self.at < len(self.keys) and self.size.height:
            first, height = self.spot(self.at)
            self.scroll_to_region(Region(0, first, 1, height), animate=False, force=True, spacing=self.cover)
        self.refresh()

    @property
    def cover(self) -> Spacing | None:
        """What of the top is covered by a heading: nothing here."""
        return None

    def on_click(self, event: events.Click) -> None:
        index = self.item_at(event.y + self.scroll_offset.y)
        if index is None or not self.selectable(index):
            return
        if index == self.at:
            self.post_message(self.Opened(self))
        else:
            self._go(index)

    def notify_style_update(self) -> None:
        self.painter.forget()
        super().notify_style_update()

    def blank(self, width: int) -> Strip:
        return Strip([Segment(" " * width, self.painter.style(""))], width)

    def resize_lines(self, count: int) -> None:
        """Tell the scroll bar how long the list is."""
        self.virtual_size = Size(self.size.width, count)
