"""One request as configured and as a proxy takes it, as text: one way below the other, or beside each other."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len, set_cell_size

from meshdoctor.model.text import plain
from meshdoctor.reports.steps import NAME, glyph_of, pairs, steps_text

BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
LEAST = 24


def as_text(
    who: str, configured: Sequence[Any], live: Sequence[Any], found: Sequence[Any], *, colour: bool = False, width: int = 100
) -> str:
    """What is configured, what Envoy has, and what differs."""
    parts = [
        _styled("As configured", BOLD, colour=colour),
        steps_text(configured, colour=colour, width=width),
        _styled(f"As the Envoy of {plain(who)} has it", BOLD, colour=colour),
        steps_text(live, colour=colour, width=width),
        "\n".join(verdict(live, found, colour=colour)),
    ]
    return "\n".join(parts) + "\n"


def as_table(
    who: str, configured: Sequence[Any], live: Sequence[Any], found: Sequence[Any], *, colour: bool = False, width: int = 100
) -> str:
    """Step by step, the configuration left and Envoy right; wrapped to the width."""
    half = max((width - NAME - 3) // 2, LEAST)
    lines = [_styled(_line("STEP", "  CONFIGURATION", f"  {plain(who)}", half), BOLD, colour=colour)]
    different = {(d.name, d.cluster) for d in found}
    for name, one, other in pairs(configured, live):
        cluster = next(s.cluster for s in (one, other) if s is not None)
        mark = (name, cluster) in different
        for number, (left, right) in enumerate(zip_longest(_cell(one, half), _cell(other, half), fillvalue="")):
            line = _line(name if number == 0 else "", left, right, half)
            lines.append(_styled(line, YELLOW if mark else "", colour=colour))
    return "\n".join([*lines, "", *verdict(live, found, colour=colour)]) + "\n"


def verdict(live: Iterable[Any], found: Sequence[Any], *, colour: bool = False) -> list[str]:
    """What differs, or that nothing does as far as was seen."""
    if found:
        return [_styled(f"▲ {plain(each.says, 600)}", YELLOW, colour=colour) for each in found]
    unseen = [s for s in live if s.is_unknown]
    if unseen:
        return [f"? {len(unseen)} of Envoy's steps are unknown; what was seen is as configured"]
    return [_styled("● Envoy does what is configured", GREEN, colour=colour)]


def _cell(step: Any, width: int) -> list[str]:
    if step is None:
        return [""]
    wrapped = textwrap.wrap(plain(step.says), width - 2, break_long_words=True, break_on_hyphens=False) or [""]
    return [f"{glyph_of(step)} {wrapped[0]}", *(f"  {line}" for line in wrapped[1:])]


def _line(name: str, left: str, right: str, half: int) -> str:
    return f"{name:<{NAME}} {_fit(left, half)} {right}".rstrip()


def _fit(text: str, width: int) -> str:
    return text if cell_len(text) > width else set_cell_size(text, width)


def _styled(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code and colour else text
