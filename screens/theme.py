"""Two themes, and no colour at all where NO_COLOR is set: colour means state only."""

from __future__ import annotations

import os

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

DARK = Theme(
    name="meshdoctor-dark",
    primary="#8ab4f8",
    secondary="#8ab4f8",
    foreground="#d7dae0",
    background="#14171b",
    surface="#14171b",
    panel="#20252c",
    error="#ff6e67",
    warning="#f0b429",
    success="#5fc27e",
    accent="#b69cf2",
    dark=True,
    variables={"foreground-muted": "#8b929d", "border": "#353b45", "cursor": "#20262e", "cursor-focus": "#263a55"},
)
LIGHT = Theme(
    name="meshdoctor-light",
    primary="#0b57d0",
    secondary="#0b57d0",
    foreground="#1d2127",
    background="#fcfcfa",
    surface="#fcfcfa",
    panel="#eceef0",
    error="#b3261e",
    warning="#8a5a00",
    success="#1c6f37",
    accent="#6b3fc4",
    dark=False,
    variables={"foreground-muted": "#5f6670", "border": "#c9cdd3", "cursor": "#eef0f2", "cursor-focus": "#d3e3fb"},
)


def chosen(wanted: str) -> str:
    """The theme to begin with: what was asked for, else what the terminal says of its background, else dark."""
    if wanted in ("dark", "light"):
        return f"meshdoctor-{wanted}"
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name


class Colourless(LineFilter):
    """No colours at all, as NO_COLOR asks. What is selected shows in reverse."""

    def __init__(self, backgrounds: frozenset[str]) -> None:
        super().__init__()
        self._selected = backgrounds

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(s.text, self._plain(s.style), s.control) for s in segments]

    def _plain(self, style: Style | None) -> Style:
        if style is None:
            return Style()
        is_selected = style.bgcolor is not None and style.bgcolor.get_truecolor().hex in self._selected
        default = RichColor.default()
        return style + Style(color=default, bgcolor=default, reverse=is_selected or style.reverse, dim=False)


def colourless() -> Colourless:
    """The filter for both themes."""
    return Colourless(frozenset(t.variables["cursor-focus"] for t in (DARK, LIGHT)))
