"""How a command that may write ends, whatever becomes of it: said in words or JSON, and as its exit code."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from meshdoctor.commands.fix_words import Said, say_refusal
from meshdoctor.commands.session import run_async
from meshdoctor.fixes.engine import Refused, Unclear

VERIFIED, NOT_HEALED, UNKNOWN = 0, 2, 3
EXITS = {"verified": VERIFIED, "not-healed": NOT_HEALED, "unverified": UNKNOWN}


def ended(work: Coroutine[Any, Any, int], said: Said) -> int:
    """The exit code of `work`; 64 where it was refused, 3 where something was sent and its outcome cannot be seen."""
    try:
        code = run_async(work)
    except Refused as why:
        code = say_refusal(said, why.refusal)
    except Unclear as why:
        said.result |= {"state": "unknown", "entry": why.entry.id, "says": why.says}
        back = f"; `meshdoctor undo {why.entry.id}` takes it back if it was written" if why.entry.holds.undoable else ""
        said.line(f"unknown   {why.says}", f"          `meshdoctor journal` looks again{back}")
        code = UNKNOWN
    said.end(code)
    return code
