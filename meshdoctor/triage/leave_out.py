"""A diagnosis without some of its findings, its checks and counts said anew."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.model.findings import Check, Diagnosis, Finding, Status
from probes.runner import coverage

_WORST = (Status.FAIL, Status.WARN, Status.ERROR, Status.UNKNOWN)


def leave_out(found: Diagnosis, gone: Iterable[Finding], why: str) -> Diagnosis:
    """The diagnosis without these findings; a rule that has none left is SKIPPED, and `why` says by what."""
    lost = {f.id: f for f in gone}
    if not lost:
        return found
    kept = tuple(f for f in found.findings if f.id not in lost)
    left: dict[str, list[Finding]] = {f.code: [] for f in lost.values()}
    for finding in kept:
        if finding.code in left:
            left[finding.code].append(finding)
    checks = tuple(_said_anew(c, left[c.code], why) if c.code in left else c for c in found.checks)
    causes = tuple(c for c in found.causes if c.finding not in lost)
    return msgspec.structs.replace(found, findings=kept, checks=checks, causes=causes, coverage=coverage(checks))


def _said_anew(check: Check, left: list[Finding], why: str) -> Check:
    for status in _WORST:
        if those := [f for f in left if f.status is status]:
            return msgspec.structs.replace(check, status=status, reason=those[0].summary)
    return msgspec.structs.replace(check, status=Status.SKIPPED, reason=why)
