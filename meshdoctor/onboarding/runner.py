"""Runs the checklist over one namespace. What cannot be seen is UNKNOWN, what does not apply is SKIPPED."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from meshdoctor.model.findings import Evidence, Finding, Status
from meshdoctor.model.onboarding import CheckResult
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.text import plain
from meshdoctor.onboarding.registry import OnboardingCheck, Outcome, checks, skips, unknown
from meshdoctor.onboarding.scope import Scope
from probes.runner import with_context

log = logging.getLogger("meshdoctor.onboarding")
WORST = (Status.FAIL, Status.ERROR, Status.WARN, Status.UNKNOWN, Status.PASS, Status.SKIPPED)
SHOWN = 6  # pieces of evidence a check
OF_EXEMPT = ("1", "32")  # what is still asked of a namespace that is exempt
NOT_THERE = (SourceState.ABSENT, SourceState.SKIPPED)


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
        told.append(_not_seen(unseen.source))
    except Exception as crash:  # a check's crash is our bug: told as ERROR, and the others are judged
        log.exception("check %s failed on %s", each.id, scope.name)
        told.append(Outcome(Status.ERROR, f"the check failed: {type(crash).__name__}: {crash}"))
    return told


def _not_seen(source: Source) -> Outcome:
    says = f"{source.name}: {source.reason or source.state}"
    if source.state in NOT_THERE:
        return skips(says)
    return unknown(says, Evidence(source.reason or str(source.state), source.name, "", source.command or ""))


def _of_rules(each: OnboardingCheck, scope: Scope) -> Iterable[Outcome]:
    """What the rules of its problems found in the namespace, and which of them could not judge."""
    names = (*each.problems, *each.codes)
    found = scope.found.within(scope.name, names)
    yield from (of_finding(f) for f in found)
    if not found:
        yield from (unknown(f.summary, *f.evidence) for f in scope.found.unseen(scope.name, names)[:1])


def of_finding(finding: Finding) -> Outcome:
    """A finding as a check says it: with its own status."""
    says = f"{finding.subject}: {finding.summary}"
    return Outcome(finding.status, says, finding.evidence, finding.problem, (finding.id,))


def _result(each: OnboardingCheck, scope: Scope, judged: list[Outcome]) -> CheckResult:
    default = Status.FAIL if each.weight == "blocking" else Status.WARN
    with_status = [(o.status or default, o) for o in judged] or [(Status.SKIPPED, skips("there is nothing that it is about"))]
    worst = min((s for s, _ in with_status), key=WORST.index)
    those = [o for s, o in with_status if s is worst]
    context = scope.mesh.cluster.context
    shown = [e for o in those for e in o.evidence][:SHOWN]
    more = f" (and {len(those) - 1} more)" if len(those) > 1 and worst is not Status.PASS else ""
    fine = worst in (Status.PASS, Status.SKIPPED)
    return CheckResult(
        id=each.id,
        title=each.title,
        weight=each.weight,
        status=worst,
        problem=next((o.problem for o in those if o.problem), None) or next(iter(each.problems), None),
        says=plain(those[0].says + more if worst is not Status.PASS else "; ".join(o.says for o in those), 600),
        do="" if fine else each.do,
        evidence=tuple(
            msgspec.structs.replace(
                e,
                says=plain(e.says),
                source=plain(e.source),
                quote=plain(e.quote, 600),
                command=plain(with_context(e.command, context)),
            )
            for e in shown
        ),
        findings=tuple(dict.fromkeys(i for o in those for i in o.findings)),
    )
