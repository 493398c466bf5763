"""From many findings to few causes: what explains what, and what to act on first."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from importlib.resources import files

import msgspec

from meshdoctor.model.findings import SEVERITIES, STRONG, Cause, Finding, Impact, Status
from meshdoctor.triage.commands import fixes_for
from meshdoctor.triage.relations import RELATIONS

LEAST_CONFIDENCE = 0.5  # a hint is a lead, never a cause


class Row(msgspec.Struct, frozen=True):
    """One row of the table: a cause explains these symptoms when the relation holds."""

    cause: str
    symptoms: tuple[str, ...]
    relation: str


@functools.cache
def table() -> tuple[Row, ...]:
    """What can explain what, from explains.toml."""
    text = files("meshdoctor.triage").joinpath("explains.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["row"], tuple[Row, ...])


def explains(cause: Finding, symptom: Finding) -> bool:
    """Whether the table lets one finding account for another."""
    if cause.problem is None or symptom.problem is None or cause.id == symptom.id:
        return False
    return any(
        fnmatchcase(cause.problem, row.cause)
        and any(fnmatchcase(symptom.problem, pattern) for pattern in row.symptoms)
        and RELATIONS[row.relation](cause, symptom)
        for row in table()
    )


def causes_of(findings: Iterable[Finding], context: str = "") -> tuple[Cause, ...]:
    """The findings that no other explains, most likely and most harmful first."""
    able = [f for f in findings if _can_be_cause(f)]
    explained = {c.id: [s for s in able if explains(c, s)] for c in able}
    taken = {s.id for c in able for s in explained[c.id] if not _mutual(c, s, explained)}
    roots = [f for f in able if f.id not in taken]
    made = [_cause(f, _reach(f, explained), context) for f in roots]
    return tuple(sorted(made, key=_rank))


def _can_be_cause(finding: Finding) -> bool:
    return (
        finding.problem is not None
        and finding.status in (Status.FAIL, Status.WARN)
        and finding.severity != "info"
        and finding.confidence >= LEAST_CONFIDENCE
    )


def _mutual(cause: Finding, symptom: Finding, explained: dict[str, list[Finding]]) -> bool:
    """Two findings that explain each other: the stronger stays; it is not taken by the weaker."""
    back = any(s.id == cause.id for s in explained[symptom.id])
    return back and _strength(symptom) >= _strength(cause)


def _strength(finding: Finding) -> tuple[int, float, str]:
    return -SEVERITIES.index(finding.severity), finding.confidence, finding.id


def _reach(root: Finding, explained: dict[str, list[Finding]]) -> list[Finding]:
    """All that a cause explains, directly or through its symptoms."""
    seen: dict[str, Finding] = {}
    todo = list(explained[root.id])
    while todo:
        symptom = todo.pop()
        if symptom.id not in seen and symptom.id != root.id:
            seen[symptom.id] = symptom
            todo.extend(explained[symptom.id])
    return list(seen.values())


def _cause(finding: Finding, symptoms: list[Finding], context: str) -> Cause:
    harms = [f.harm for f in (finding, *symptoms) if f.harm is not None]
    rates = [h.requests_failed_per_s for h in harms if h.requests_failed_per_s is not None]
    workloads = tuple(dict.fromkeys(w for h in harms for w in h.workloads))
    return Cause(
        problem=finding.problem or "",
        code=finding.code,
        title=finding.title,
        summary=finding.summary,
        confidence=finding.confidence,
        severity=finding.severity,
        subject=finding.subject,
        path=finding.path,
        observed=bool(harms),
        since=finding.since,
        impact=Impact(workloads, round(max(rates), 2) if rates else None),
        evidence=finding.evidence,
        explains=tuple(s.id for s in symptoms),
        fixes=fixes_for(finding, context),
        finding=finding.id,
    )


def _rank(cause: Cause) -> tuple[object, ...]:
    """Observed harm before latent risk, then severity, certainty, how much it explains, and when it began."""
    newest = -cause.since.timestamp() if cause.since else 0.0
    return (
        not cause.observed,
        SEVERITIES.index(cause.severity),
        cause.confidence < STRONG,
        -len(cause.explains),
        -(cause.impact.requests_failed_per_s or 0.0),
        newest,
        cause.code,
        cause.subject,
    )
