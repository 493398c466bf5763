"""Rows as an aligned table of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshdoctor.model.text import plain

STYLES = {"✖": "red", "▲": "yellow", "●": "green", "?": "magenta", "NACK": "red", "STALE": "red", "DISCONNECTED": "red"}


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, colour: bool = False, width: int = 100) -> str:
    """A table; cells are shown as plain text, states in colour where colour is wanted."""
    out = StringIO()
    console = Console(file=out, width=max(width, 60), force_terminal=colour, no_color=not colour, highlight=False)
    made = Table(box=SIMPLE_HEAD if colour else None, pad_edge=False, header_style="bold")
    for name in head:
        made.add_column(Text(name), overflow="fold", no_wrap=name in {"", "POD", "NAME"})
    for row in rows:
        made.add_row(*(_cell(value) for value in row))
    console.print(made)
    return out.getvalue()


def _cell(value: object) -> Text:
    text = plain(value, 200)
    return Text(text, STYLES.get(text.split(" ")[0], ""))
