"""One line with parts on the left and on the right: the top line and the footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.strip import Strip

from screens.text import Run, clean, cut_name, width_of
from screens.widgets.listing import Listing

GAP = 2


@dataclass(frozen=True, slots=True)
class Part:
    """Some runs that stay together. Where room is short the highest `goes` leaves first; 0 stays and is cut as a name."""

    runs: tuple[Run, ...]
    goes: int = 0

    @property
    def width(self) -> int:
        return sum(width_of(r.text) for r in self.runs)


class Band(Listing, can_focus=False):
    """The line itself."""

    DEFAULT_CSS = """
    Band { height: 1; scrollbar-size-vertical: 0; overflow-y: hidden; }
    """

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self._left: list[Part] = []
        self._right: list[Part] = []

    def set_parts(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Show these, cleaned."""
        self._left, self._right = [_clean(p) for p in left], [_clean(p) for p in right]
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        left, right = _fitting(self._left, self._right, width - 2)
        taken = sum(p.width + GAP for p in right)
        runs = [Run(" ")]
        room = width - 2 - taken
        for part in left:
            shown = part if part.width <= room or part.goes else Part(tuple(Run(cut_name(r.text, room), r.role) for r in part.runs))
            runs.extend((*shown.runs, Run(" " * GAP)))
            room -= shown.width + GAP
        used = sum(width_of(r.text) for r in runs)
        runs.append(Run(" " * max(width - 1 - used - taken + GAP, 0)))
        for part in right:
            runs.extend((*part.runs, Run(" " * GAP)))
        return self.painter.strip(runs[:-1] if right else runs, width)


def _clean(part: Part) -> Part:
    return Part(tuple(Run(clean(r.text, 120), r.role) for r in part.runs), part.goes)


def _fitting(left: list[Part], right: list[Part], room: int) -> tuple[list[Part], list[Part]]:
    """What fits: parts leave in the order of `goes`, the right ones of a kind first."""
    left, right = list(left), list(right)
    while sum(p.width + GAP for p in (*left, *right)) > room + GAP:
        loose = [p for p in (*left, *right) if p.goes]
        if not loose:
            break
        gone = max(reversed(loose), key=lambda p: p.goes)
        (left if any(p is gone for p in left) else right).remove(gone)
    return left, right
