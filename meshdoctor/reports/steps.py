"""The steps of a trace as text: what decided, where it stands, and who lost and why."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from meshdoctor.model.text import plain

NAME = 16
ORDER = (
    *("listener", "filter chain", "gateway", "host", "port", "protocol", "virtual host", "virtual service", "delegate", "rule"),
    *("rule does", "answer", "cluster", "destination rule", "subset", "policy", "endpoints", "mutual TLS", "authorization"),
)
RED, DIM = "31", "2"


def steps_text(steps: Iterable[Any], *, colour: bool = False, width: int = 100) -> str:
    """One step a line; below it, dimmed, the path that decides and everything that lost."""
    lines = []
    for step in steps:
        glyph = glyph_of(step)
        lines.append(_styled(f"{glyph} {step.name:<{NAME}} {plain(step.says)}", RED if glyph == "✖" and colour else ""))
        if step.subject is not None and (step.path or str(step.subject) not in step.says):
            lines.append(_styled(f"  {'':<{NAME}} {plain(step.subject)}  {plain(step.path)}".rstrip(), DIM if colour else ""))
        for lost in step.lost:
            where = f" {plain(lost.path)}" if lost.path else ""
            lines.append(_styled(f"  {'':<{NAME}} lost: {plain(lost.subject)}{where}: {plain(lost.why)}", DIM if colour else ""))
    return "\n".join(lines) + "\n"


def glyph_of(step: Any) -> str:
    """How a step stands: it goes on, it ends, or what decides is not known."""
    return "?" if step.is_unknown else "✖" if step.is_end and step.name != "answer" else "●"


def pairs(configured: Iterable[Any], live: Iterable[Any]) -> list[tuple[str, Any, Any]]:
    """Both sides' steps beside each other: (name, configured, live), None where a side has no such step.

    First what is about the whole request, then cluster by cluster, each in the order of the first side.
    """
    sides = [[s for s in side if s.name != "route" or s.is_unknown] for side in (configured, live)]
    made: list[tuple[str, Any, Any]] = []
    places = dict.fromkeys(s.cluster for side in sides for s in side)
    for cluster in sorted(places, key=lambda c: c != ""):
        here = [[s for s in side if s.cluster == cluster] for side in sides]
        for name in sorted(dict.fromkeys(s.name for side in here for s in side), key=_place):
            one, other = ([s for s in side if s.name == name] for side in here)
            made += [(name, left, right) for left, right in zip_longest(one, other)]
    return made


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
