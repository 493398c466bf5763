"""The steps of a trace as text: what decided, where it stands, and who lost and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshdoctor.model.text import plain

NAME = 16
RED, DIM = "31", "2"


def steps_text(steps: Iterable[Any], *, colour: bool = False, width: int = 100) -> str:
    """One step a line; below it, dimmed, the path that decides and everything that lost."""
    lines = []
    for step in steps:
        glyph = "✖" if step.is_end and step.name != "answer" else "●"
        lines.append(_styled(f"{glyph} {step.name:<{NAME}} {plain(step.says)}", RED if glyph == "✖" and colour else ""))
        if step.subject is not None:
            lines.append(_styled(f"  {'':<{NAME}} {plain(step.subject)}  {plain(step.path)}".rstrip(), DIM if colour else ""))
        for lost in step.lost:
            where = f" {plain(lost.path)}" if lost.path else ""
            lines.append(_styled(f"  {'':<{NAME}} lost: {plain(lost.subject)}{where}: {plain(lost.why)}", DIM if colour else ""))
    return "\n".join(lines) + "\n"


def _styled(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code else text
