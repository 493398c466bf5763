"""Runs the checklist over one namespace. What cannot be seen is UNKNOWN, what does not apply is SKIPPED."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from meshdoctor.model.findings import Status
from meshdoctor.model.onboarding import CheckResult
from meshdoctor.model.sources import Unseen
from meshdoctor.onboarding.outcome import Outcome, not_seen, of_finding, skips, unknown, verdict
from meshdoctor.onboarding.registry import OnboardingCheck, checks
from meshdoctor.onboarding.scope import Scope

log = logging.getLogger("meshdoctor.onboarding")
OF_EXEMPT = ("1", "32")  # what is still asked of a namespace that is exempt


def run_checks(scope: Scope, why_not: str = "", *, exempt: bool = False) -> tuple[CheckResult, ...]:
    """Every check of the list for one namespace.

    With `why_not` only those count that mean something before enrolment, or (exempt) whether the namespace is in the mesh.
    """
    made = []
    for each in checks():
        counts = not why_not or (each.id in OF_EXEMPT if exempt else each.before)
        judged = [*_judge(each, scope), *_of_rules(each, scope)] if counts else [skips(why_not)]
        made.append(_result(each, scope, judged))
    return tuple(made)


def _judge(each: OnboardingCheck, scope: Scope) -> Iterable[Outcome]:
    told: list[Outcome] = []
    try:
        told.extend(each.rule(scope))
    except Unseen as unseen:
        told.append(not_seen(unseen.source))
    except Exception as crash:  # a check's crash is our bug: told as ERROR, and the others are judged
        log.exception("check %s failed on %s", each.id, scope.name)
        told.append(Outcome(Status.ERROR, f"the check failed: {type(crash).__name__}: {crash}"))
    return told


def _of_rules(each: OnboardingCheck, scope: Scope) -> Iterable[Outcome]:
    """What the rules of its problems found in the namespace, and which of them could not judge."""
    names = (*each.problems, *each.codes)
    found = scope.found.within(scope.name, names)
    told = ((of_finding(f), f.problem in each.demands) for f in found)
    yield from (replace(outcome, status=None) if demanded else outcome for outcome, demanded in told)
    if not found:
        yield from (unknown(f.summary, *f.evidence) for f in scope.found.unseen(scope.name, names)[:1])


def _result(each: OnboardingCheck, scope: Scope, judged: list[Outcome]) -> CheckResult:
    default = Status.FAIL if each.weight == "blocking" else Status.WARN
    found = verdict(judged, default, scope.mesh.cluster.context)
    return CheckResult(
        id=each.id,
        title=each.title,
        weight=each.weight,
        status=found.status,
        problem=found.problem or next(iter(each.problems), None),
        says=found.says,
        do="" if found.status in (Status.PASS, Status.SKIPPED) else each.do,
        evidence=found.evidence,
        findings=found.findings,
    )
