"""A diagnosis of a bounded size: of each code the first findings and causes, the others counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from meshdoctor.model.findings import Cause, Diagnosis, Finding

T = TypeVar("T", Cause, Finding)


class Shortened(msgspec.Struct, frozen=True):
    """A diagnosis with at most so many findings and causes of one code; `findings` and `causes` count the rest by code."""

    diagnosis: Diagnosis
    findings: dict[str, int]
    causes: dict[str, int]


def shortened(found: Diagnosis, most: int) -> Shortened:
    """The diagnosis with its first `most` causes of each code, and as many findings: those of these causes, then the first.

    All else stays, counts included; what a cause `explains` may name findings that are not here.
    """
    causes = _first(found.causes, most)
    told = {c.finding for c in causes}
    chosen = {f.id for f in _first(sorted(found.findings, key=lambda f: f.id not in told), most)}
    findings = [f for f in found.findings if f.id in chosen]
    return Shortened(
        msgspec.structs.replace(found, causes=tuple(causes), findings=tuple(findings)),
        _missing(found.findings, findings),
        _missing(found.causes, causes),
    )


def _first(each: Iterable[T], most: int) -> list[T]:
    seen: Counter[str] = Counter()
    kept = []
    for one in each:
        seen[one.code] += 1
        if seen[one.code] <= most:
            kept.append(one)
    return kept


def _missing(before: Sequence[T], after: Sequence[T]) -> dict[str, int]:
    return dict(Counter(one.code for one in before) - Counter(one.code for one in after))
