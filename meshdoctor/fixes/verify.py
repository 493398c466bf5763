"""Looks again after a write: is the symptom gone?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Finding, Status
from meshdoctor.model.mesh import Mesh
from probes.runner import run

Healed = Literal["verified", "not-healed", "unverified"]
EVERY = 2.0
CALM = 8.0  # what was seen in traffic must stay away so long: right after a change there is none to judge by

Look = Callable[[], Awaitable[Mesh]]


class Verdict(msgspec.Struct, frozen=True):
    """How it ended, in words too, and the faults that were not there before."""

    healed: Healed
    says: str
    seconds: float
    appeared: tuple[Finding, ...] = ()


async def verify(look: Look, finding: Finding, before: tuple[Finding, ...], wait: float) -> Verdict:
    """Judge the mesh anew until the finding is gone, at most `wait` seconds."""
    if finding.status is Status.UNKNOWN:
        return Verdict("unverified", f"{finding.problem} is judged by no rule: look for yourself", 0.0)
    began = time.monotonic()
    known = {f.id for f in before}
    gone_since: float | None = None
    healed: Healed = "not-healed"
    says, after = finding.summary, before
    calm = min(CALM, wait) if finding.harm is not None else 0.0
    while True:
        try:
            after, _ = await asyncio.to_thread(run, await look())
            healed, says = symptom(finding, after)
        except MeshdoctorError as why:
            healed, says = "unverified", str(why)
        moment = time.monotonic()
        gone_since = (gone_since or moment) if healed == "verified" else None
        if gone_since is not None and moment - gone_since >= calm:
            break
        if moment - began > wait and gone_since is None:
            break
        await asyncio.sleep(min(EVERY, wait))
    appeared = tuple(f for f in after if f.status is Status.FAIL and f.id not in known)
    return Verdict(healed, says, time.monotonic() - began, appeared)


def symptom(finding: Finding, after: tuple[Finding, ...]) -> tuple[Healed, str]:
    """Whether the same problem is still found at the same object."""
    same = [f for f in after if f.problem == finding.problem]
    still = next((f for f in same if f.subject == finding.subject and f.severity != "info" and _is_told(f)), None)
    if still is not None:
        return "not-healed", still.summary
    blind = next((f for f in same if f.status in (Status.UNKNOWN, Status.ERROR)), None)
    if blind is not None:
        return "unverified", blind.summary
    return "verified", f"{finding.problem} is no longer found at {finding.subject}"


def _is_told(finding: Finding) -> bool:
    return finding.status in (Status.FAIL, Status.WARN)
