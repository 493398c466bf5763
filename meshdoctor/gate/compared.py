"""How a thing that is wrong weighs: FAIL where it is new or nothing is known of before, WARN where it was so before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshdoctor.model.findings import Evidence, Status
from meshdoctor.onboarding.outcome import Outcome

AS_BEFORE = "as before the change"


def wrong(says: str, *evidence: Evidence, was_so: bool = False) -> Outcome:
    """Something is wrong: told apart by whether it was so before."""
    if was_so:
        return Outcome(Status.WARN, f"{says} ({AS_BEFORE})", evidence)
    return Outcome(Status.FAIL, says, evidence)


def lost(before: Mapping[str, object] | None, now: Iterable[str]) -> Iterator[str]:
    """What was there before and is not any more."""
    yield from sorted((before or {}).keys() - set(now))
