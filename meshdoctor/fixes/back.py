"""Takes a plan of several steps back, all that is written of it, in the order in which nothing is left half way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from meshdoctor.fixes.engine import Refused
from meshdoctor.fixes.guide import Guide
from meshdoctor.fixes.journal import Entry
from meshdoctor.fixes.rollout import Tell, rolled_out
from meshdoctor.model.kinds import WORKLOADS


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """One step that was taken back (by entry `made`; None: it was not, and `says` why). `exact`: all of the object is as before."""

    entry: Entry
    made: Entry | None
    exact: bool
    says: str


async def take_back(guide: Guide, entries: list[Entry], wait: float, tell: Tell = lambda _: None) -> AsyncIterator[Back]:
    """Each step after the other; the first that cannot be taken back is the last that is tried. Raises Unclear."""
    for entry in entries:
        target = entry.holds.target
        tell(f"taking back: {entry.holds.title}")
        try:
            made, exact = await guide.undo(entry, *(await guide.plan_undo(entry))[:2])
        except Refused as why:
            yield Back(entry=entry, made=None, exact=False, says=f"{why.refusal.says} {why.refusal.do}".strip())
            return
        missing = await _missing(guide, entry, wait, tell)
        says = f"{target} is {as_before(exact)}" + (f", but its rollout does not end: {missing}" if missing else "")
        yield Back(entry=entry, made=made, exact=exact and not missing, says=says)


def as_before(exact: bool) -> str:
    """How an object is after it was taken back, in words."""
    return "exactly as it was before" if exact else "as it was at these places; others changed it elsewhere meanwhile"


async def _missing(guide: Guide, entry: Entry, wait: float, tell: Tell) -> str:
    """What the rollout of a workload still waits for in the end; empty where it is done, or the object rolls nothing out."""
    target = entry.holds.target
    if target.kind not in {k.KIND for k in WORKLOADS}:
        return ""
    return await rolled_out(guide.api, entry.holds.path, wait, lambda says: tell(f"{target}: {says}"))
