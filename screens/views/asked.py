"""Text that is read on demand: objects and logs. It says what it is doing, what failed, and how old it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.kube.client import Denied
from meshdoctor.model.sources import Unseen
from screens.seen import Seen
from screens.text import Run, age, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


class AskedText(TableView):
    """Lines of one text, filtered with `/`."""

    columns: Sequence[Column] = (Column("", most=4000, keep=True),)
    empty = "It is empty."
    has_header: ClassVar[bool] = False
    needs_mesh = False
    sorts = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "export", "copy text", id="asked.copy", tooltip="copy all lines that are shown"),
        Binding("f", "nothing", "", show=False, id="asked.none"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._came: float | None = None
        self._failed = ""
        self._is_hidden = False  # it failed because it may not be read

    @property
    def what(self) -> str:
        """What is read."""
        return ""

    async def ask(self) -> str:
        """Read it."""
        return ""

    def on_mount(self) -> None:
        super().on_mount()
        self.table.header = self.has_header
        self.reload()

    def reload(self) -> None:
        self._began, self._failed = time.monotonic(), ""
        self.run_worker(self._read(), group="asked", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        try:
            text = await self.ask()
        except Exception as error:  # a failed read is told here; whatever was read before stays
            self._failed = str(error)
            self._is_hidden = isinstance(error, Unseen | Denied)
        else:
            self._came = time.monotonic()
            self.take(tuple(self.lines(text)))
        self._show_summary()

    def lines(self, text: str) -> Iterable[Row]:
        """The text's lines as rows."""
        return (Row(f"{n}", (line,)) for n, line in enumerate(text.splitlines()))

    def fill(self, seen: Seen) -> None:
        self._show_summary()

    def tick(self) -> None:
        self._show_summary()

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._failed:
            state = badge("UNKNOWN" if self._is_hidden else "ERROR")
            return [Item((state, Run(f"  {self.what}: {self._failed}"))), Item("r tries again", "dim", indent=2)]
        if self._came is None:
            return [Item((Run("… ", "unknown"), Run(f"reading {self.what} for {age(time.monotonic() - self._began)}")))]
        return [Item(self.what, "strong", note=f"read {age(time.monotonic() - self._came)} ago")]

    def detail_of(self, row: Row) -> list[Item]:
        """A line that is cut, in full."""
        line = row.cells[0] if isinstance(row.cells[0], str) else row.cells[0].text
        return [Item(line, indent=0)] if len(line) > self.app.size.width - 2 else []

    def _state(self) -> list[Item]:
        return super()._state() if self._has_rows else []

    def action_nothing(self) -> None:
        """Faults only means nothing in a text."""
