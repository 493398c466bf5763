"""Rows as an aligned table of plain text, as kubectl prints them: never wrapped, so that columns can be cut and grepped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from meshdoctor.model.text import plain

COLOURS = {"✖": 31, "▲": 33, "●": 32, "?": 35, "○": 2, "NACK": 31, "STALE": 31, "DISCONNECTED": 31}
GAP = "  "


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, colour: bool = False) -> str:
    """A table; cells are plain text, states in colour where colour is wanted."""
    cells = [list(head), *([plain(value, 300) for value in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for number, row in enumerate(cells):
        padded = [
            _coloured(text, colour, heading=number == 0) + " " * (width - cell_len(text))
            for text, width in zip(row, widths, strict=True)
        ]
        lines.append(GAP.join(padded).rstrip())
    return "\n".join(lines) + "\n"


def _coloured(text: str, colour: bool, *, heading: bool) -> str:
    if not colour or not text:
        return text
    code = 1 if heading else COLOURS.get(text.split(" ", 1)[0])
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"
