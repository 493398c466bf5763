"""The sources that could not be read, those together that say the same: fifty kinds that may not be listed are one line."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.model.sources import Source, SourceState

NAMED = 4
ROLE = "`meshdoctor permissions --role` prints the role that lets all of it be read."
ONE = "With -n NAMESPACE, one that may be read is looked at."
BAD = (SourceState.DENIED, SourceState.ERROR, SourceState.STALE)


class Group(msgspec.Struct, frozen=True):
    """Sources in one state for one reason; `command` settles the first of them by hand."""

    state: str
    says: str
    command: str | None
    sources: int


def groups(sources: Iterable[Source]) -> list[Group]:
    """Those that could not be read, in the order in which they were asked; then those of which a part was."""
    found: dict[tuple[str, str], list[Source]] = {}
    partly: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        reason = (source.reason or "").replace(f" {source.name} ", " ")
        if source.state in BAD:
            found.setdefault((str(source.state), reason), []).append(source)
        elif source.namespaces is not None:
            partly.setdefault(("in part", f"{reason}; what is elsewhere is not judged"), []).append(source)
    return [_group(state, reason, several) for (state, reason), several in (found | partly).items()]


def _group(state: str, reason: str, several: list[Source]) -> Group:
    names = ", ".join(s.name for s in several[:NAMED])
    more = f" and {len(several) - NAMED} more" if len(several) > NAMED else ""
    first = several[0]
    says = (first.reason or "") if len(several) == 1 and state != "in part" else reason
    return Group(state=state, says=f"{names}{more}: {says}", command=first.command, sources=len(several))


def way_out(sources: Iterable[Source]) -> tuple[str, ...]:
    """What to do where rights are missing; nothing where it is not for them."""
    every = tuple(sources)
    partly = any(s.namespaces is not None for s in every)
    denied = {s.name for s in every if s.state == SourceState.DENIED}
    one = (ONE,) if "pods" in denied and not partly else ()
    return (ROLE, *one) if denied or partly else ()
