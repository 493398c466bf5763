"""Two themes; the terminal's own colours where it has sixteen, and none where NO_COLOR is set: colour means state only."""

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
OWN = {"error": "red", "warning": "yellow", "success": "green", "accent": "magenta"}  # of a terminal with sixteen colours


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


class FewColours(LineFilter):
    """States in the terminal's own colours, all else in its foreground and background: nearest colours would be grey on grey."""

    def __init__(self, states: dict[str, str], backgrounds: frozenset[str]) -> None:
        super().__init__()
        self._states, self._selected = states, backgrounds

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(s.text, self._near(s.style), s.control) for s in segments]

    def _near(self, style: Style | None) -> Style:
        if style is None:
            return Style()
        shade = style.color.get_truecolor().hex if style.color is not None else ""
        is_selected = style.bgcolor is not None and style.bgcolor.get_truecolor().hex in self._selected
        own = RichColor.default() if is_selected else RichColor.parse(self._states.get(shade, "default"))
        return style + Style(color=own, bgcolor=RichColor.default(), reverse=is_selected or style.reverse, dim=False)


def filter_for(color_system: str | None, *, no_color: bool) -> LineFilter | None:
    """What a terminal of that colour system (as rich names it; None: none) needs; None where it shows the themes as they are."""
    chosen = frozenset(t.variables["cursor-focus"] for t in (DARK, LIGHT))
    if no_color or color_system is None:
        return Colourless(chosen)
    if color_system in ("standard", "windows"):
        shades = [t.to_color_system().generate() for t in (DARK, LIGHT)]  # as they are painted: rounded on their way
        return FewColours({shade[role].lower(): own for shade in shades for role, own in OWN.items()}, chosen)
    return None
