"""What a check says, and how several such words make one verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from meshdoctor.model.findings import Evidence, Finding, Status
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.text import plain
from probes.runner import with_context

WORST = (Status.FAIL, Status.ERROR, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIPPED)
NOT_THERE = (SourceState.ABSENT, SourceState.SKIPPED)
SHOWN = 6  # pieces of evidence a check


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a check says of a namespace. A status of None means what the check's weight says: FAIL or WARN."""

    status: Status | None
    says: str
    evidence: tuple[Evidence, ...] = ()
    problem: str | None = None
    findings: tuple[str, ...] = ()


def holds(says: str, *evidence: Evidence) -> Outcome:
    """It is as it should be, and this shows it."""
    return Outcome(Status.PASS, says, evidence)


def breaks(says: str, *evidence: Evidence, problem: str | None = None) -> Outcome:
    """It is not: FAIL where the check blocks, WARN where it does not."""
    return Outcome(None, says, evidence, problem)


def remarks(says: str, *evidence: Evidence, problem: str | None = None) -> Outcome:
    """The lesser half of a check is not as it should be: WARN, also where the check blocks."""
    return Outcome(Status.WARN, says, evidence, problem)


def skips(why: str) -> Outcome:
    """There is nothing that the check is about."""
    return Outcome(Status.SKIPPED, why)


def unknown(why: str, *evidence: Evidence) -> Outcome:
    """It could not be seen."""
    return Outcome(Status.UNKNOWN, why, evidence)


def of_finding(finding: Finding) -> Outcome:
    """A finding as a check says it: with its own status."""
    says = f"{finding.subject}: {finding.summary}"
    return Outcome(finding.status, says, finding.evidence, finding.problem, (finding.id,))


def not_seen(source: Source) -> Outcome:
    """What a check says that read what was not seen."""
    says = f"{source.name}: {source.reason or source.state}"
    if source.state in NOT_THERE:
        return skips(says)
    return unknown(says, Evidence(source.reason or str(source.state), source.name, "", source.command or ""))


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The worst of what was said, in words, with the proof of it."""

    status: Status
    says: str
    problem: str | None
    evidence: tuple[Evidence, ...]
    findings: tuple[str, ...]


def verdict(said: Iterable[Outcome], default: Status, context: str) -> Verdict:
    """One verdict; `default` is the status of what breaks without saying how badly. SKIPPED where nothing was said."""
    with_status = [(o.status or default, o) for o in said] or [(Status.SKIPPED, skips("there is nothing that it is about"))]
    worst = min((s for s, _ in with_status), key=WORST.index)
    those = [o for s, o in with_status if s is worst]
    more = f" (and {len(those) - 1} more)" if len(those) > 1 else ""
    words = "; ".join(o.says for o in those) if worst is Status.PASS else those[0].says + more
    return Verdict(
        status=worst,
        says=plain(words, 600),
        problem=next((o.problem for o in those if o.problem), None),
        evidence=tuple(_harmless(e, context) for o in those for e in o.evidence)[:SHOWN],
        findings=tuple(dict.fromkeys(i for o in those for i in o.findings)),
    )


def _harmless(evidence: Evidence, context: str) -> Evidence:
    return Evidence(
        plain(evidence.says), plain(evidence.source), plain(evidence.quote, 600), plain(with_context(evidence.command, context))
    )
