"""From many findings to few causes: what explains what, and what to act on first."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Hashable, Iterable
from fnmatch import fnmatchcase
from importlib.resources import files

import msgspec

from meshdoctor.model.findings import SEVERITIES, STRONG, Cause, Finding, Fix, Harm, Impact, Status
from meshdoctor.model.subject import Subject
from meshdoctor.triage.commands import fixes_for
from meshdoctor.triage.places import NOWHERE, Places
from meshdoctor.triage.relations import RELATIONS, Relation

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
    return symptom.id in {s.id for s in explained_by([cause, symptom])[cause.id]}


def explained_by(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """For each finding's id the findings that the table lets it account for. Joined by key: linear in what is related."""
    able = [f for f in findings if f.problem is not None]
    by_problem: dict[str, list[Finding]] = {}
    for finding in able:
        by_problem.setdefault(finding.problem or "", []).append(finding)
    found: dict[str, dict[str, Finding]] = {f.id: {} for f in able}
    for row in table():
        causes = _matching(by_problem, (row.cause,))
        symptoms = _matching(by_problem, row.symptoms) if causes else []
        if symptoms:
            _join(RELATIONS[row.relation], causes, symptoms, found)
    place = {f.id: n for n, f in enumerate(able)}  # the keys of a relation are a set, in another order each time
    return {id_: sorted(those.values(), key=lambda s: place[s.id]) if those else [] for id_, those in found.items()}


def _matching(by_problem: dict[str, list[Finding]], patterns: tuple[str, ...]) -> list[Finding]:
    return [f for problem, several in by_problem.items() if any(fnmatchcase(problem, p) for p in patterns) for f in several]


def _join(relation: Relation, causes: list[Finding], symptoms: list[Finding], found: dict[str, dict[str, Finding]]) -> None:
    by_key: dict[Hashable, list[Finding]] = {}
    for symptom in symptoms:
        for key in relation.of_symptom(symptom):
            by_key.setdefault(key, []).append(symptom)
    for cause in causes:
        for key in relation.of_cause(cause):
            for symptom in by_key.get(key, ()):
                if symptom.id != cause.id:
                    found[cause.id][symptom.id] = symptom


def causes_of(findings: Iterable[Finding], context: str = "", places: Places = NOWHERE) -> tuple[Cause, ...]:
    """The findings that no other explains, most likely and most harmful first; each object once for a problem."""
    able = [f for f in findings if _can_be_cause(f)]
    explained = explained_by(able)
    reached = {id_: {s.id for s in symptoms} for id_, symptoms in explained.items() if symptoms}
    taken = {s.id for c in able for s in explained[c.id] if not _mutual(c, s, reached)}
    roots = [f for f in able if f.id not in taken]
    made = [_cause(f, _reach(f, explained), fixes_for(f, context, places)) for f in roots]
    by_fault: dict[tuple[str, Subject], list[Cause]] = {}
    for cause in sorted(made, key=_rank):
        by_fault.setdefault((cause.problem, cause.subject), []).append(cause)
    return tuple(_as_one(several) for several in by_fault.values())


def _as_one(several: list[Cause]) -> Cause:
    """The same problem in several places of one object is one thing to change: the first place, and what holds for all."""
    first, *rest = several
    if not rest:
        return first
    known = (i for c in several for i in (c.finding, *c.explains))
    rates = [r for c in several if (r := c.impact.requests_failed_per_s) is not None]
    workloads = tuple(dict.fromkeys(w for c in several for w in c.impact.workloads))
    impact = Impact(workloads, max(rates) if rates else None)
    return msgspec.structs.replace(first, impact=impact, explains=tuple(i for i in dict.fromkeys(known) if i != first.finding))


def _can_be_cause(finding: Finding) -> bool:
    return (
        finding.problem is not None
        and finding.status in (Status.FAIL, Status.WARN)
        and finding.severity != "info"
        and finding.confidence >= LEAST_CONFIDENCE
    )


def _mutual(cause: Finding, symptom: Finding, reached: dict[str, set[str]]) -> bool:
    """Two findings that explain each other: the stronger stays; it is not taken by the weaker."""
    return cause.id in reached.get(symptom.id, ()) and _strength(symptom) >= _strength(cause)


def _strength(finding: Finding) -> tuple[int, float, str]:
    return -SEVERITIES.index(finding.severity), finding.confidence, finding.id


def _reach(root: Finding, explained: dict[str, list[Finding]]) -> list[Finding]:
    """All that a cause explains, directly or through its symptoms."""
    if not explained[root.id]:
        return []  # nearly all of tens of thousands
    seen: dict[str, Finding] = {}
    todo = list(explained[root.id])
    while todo:
        symptom = todo.pop()
        if symptom.id not in seen and symptom.id != root.id:
            seen[symptom.id] = symptom
            todo.extend(explained[symptom.id])
    return list(seen.values())


def _cause(finding: Finding, symptoms: list[Finding], fixes: tuple[Fix, ...]) -> Cause:
    harms = [f.harm for f in (finding, *symptoms) if f.harm is not None]
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
        impact=_impact(harms) if harms else Impact(),
        evidence=finding.evidence,
        explains=tuple([s.id for s in symptoms]),
        fixes=fixes,
        finding=finding.id,
    )


def _impact(harms: list[Harm]) -> Impact:
    rates = [h.requests_failed_per_s for h in harms if h.requests_failed_per_s is not None]
    workloads = tuple(dict.fromkeys([w for h in harms for w in h.workloads]))
    return Impact(workloads, round(max(rates), 2) if rates else None)


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
