"""Runs rules over a snapshot. One rule that cannot see, or crashes, leaves the others as they are."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import SEVERITIES, Check, Coverage, Evidence, Finding, Severity, Status, finding_id
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh, NotYet
from meshdoctor.model.places import place_of
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.redact import is_free_of_signs, redact
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain
from probes.registry import Draft, Need, Probe, all_probes

log = logging.getLogger("meshdoctor.probes")
FAILING: tuple[Severity, ...] = ("critical", "high")
LONGEST_QUOTE = 600  # characters
AWAITED: frozenset[Need] = frozenset({Envoy, Prometheus})  # what tells last
NOT_THERE = {SourceState.ABSENT, SourceState.SKIPPED}


class Run(msgspec.Struct):
    """What one rule gave."""

    drafts: list[Draft]
    unseen: dict[str, Source]
    judged: int = 0
    crash: Exception | None = None


class Judged(msgspec.Struct, frozen=True):
    """What became of one rule."""

    findings: list[Finding]
    check: Check


def run(mesh: Mesh, probes: Iterable[Probe] | None = None) -> tuple[tuple[Finding, ...], tuple[Check, ...]]:
    """All findings (worst first) and how each rule ended."""
    findings: dict[str, Finding] = {}
    checks = []
    for each in all_probes() if probes is None else probes:
        judged: Judged = mesh.memo.get(each) or _judged(each, mesh)
        for finding in judged.findings:
            findings.setdefault(finding.id, finding)
        checks.append(judged.check)
    return tuple(sorted(findings.values(), key=order)), tuple(checks)


def ahead(mesh: Mesh) -> Iterator[None]:
    """Judge a mesh whose proxies and Prometheus are still awaited, a rule at each step: those that need neither.

    `run` takes the verdicts from the mesh's memo. A rule that reads what is awaited all the same, without saying so, is
    judged by `run`; the memo may then hold what was only half derived, and goes with all that is in it.
    """
    for each in all_probes():
        if AWAITED.isdisjoint(each.needs):
            try:
                mesh.memo[each] = _judged(each, mesh)
            except NotYet:
                mesh.memo.clear()
            yield


def _judged(each: Probe, mesh: Mesh) -> Judged:
    result = _run_one(each, mesh)
    made = [_finding(each, d, mesh) for d in result.drafts]
    if result.unseen or result.crash is not None:
        made += _blind(each, result)
    return Judged(made, _check(each, result, made))


def order(finding: Finding) -> tuple[int, int, str, Subject, str]:
    """Worst first, then by code and object: the same for the same mesh."""
    rank = (Status.FAIL, Status.ERROR, Status.WARN, Status.UNKNOWN).index(finding.status)
    return rank, SEVERITIES.index(finding.severity), finding.code, finding.subject, finding.path


def coverage(checks: Iterable[Check]) -> Coverage:
    """How many rules ended how."""
    counts = dict.fromkeys(Status, 0)
    total = 0
    for check in checks:
        counts[check.status] += 1
        total += 1
    return Coverage(
        rules=total,
        pass_=counts[Status.PASS],
        fail=counts[Status.FAIL],
        warn=counts[Status.WARN],
        unknown=counts[Status.UNKNOWN],
        skipped=counts[Status.SKIPPED],
        error=counts[Status.ERROR],
    )


def _run_one(each: Probe, mesh: Mesh) -> Run:
    result = Run([], {})
    try:
        if each.over is None:
            _collect(result, each, mesh)
            result.judged = 1 if _has_any(mesh, each) else 0
        else:
            for thing in mesh[each.over]:
                result.judged += 1
                _collect(result, each, mesh, thing)
    except Unseen as unseen:
        result.unseen[unseen.source.name] = unseen.source
    except Exception as crash:  # a rule's crash is our bug: told as ERROR, and the other rules run
        log.exception("rule %s crashed", each.code)
        result.crash = crash
    return result


def _collect(result: Run, each: Probe, *arguments: Mesh | KubernetesObject) -> None:
    try:
        result.drafts.extend(each.rule(*arguments))
    except Unseen as unseen:
        result.unseen[unseen.source.name] = unseen.source


def _has_any(mesh: Mesh, each: Probe) -> bool:
    """Whether there is anything of what the rule is about."""
    about = each.needs[0] if each.needs else None
    if about is Manifest:
        return bool(mesh.manifests)
    if about is None or not issubclass(about, KubernetesObject):
        return True
    try:
        return len(mesh[about]) > 0
    except Unseen:
        return True


def _finding(each: Probe, draft: Draft, mesh: Mesh) -> Finding:
    severity = draft.severity or each.severity
    missing = next((kind for kind in draft.lacking if not mesh.given(kind)), None) if draft.lacking else None
    status = Status.UNKNOWN if missing else Status.FAIL if severity in FAILING else Status.WARN
    why = f"No {missing.KIND} is among the manifests: one may exist elsewhere." if missing else draft.why
    file, line, column = place_of(mesh, draft.subject, draft.at)
    summary, why, evidence = _as_shown(draft, why, mesh.cluster.context)
    return Finding(
        id=finding_id(each.code, draft.subject, draft.at),
        code=each.code,
        codes=each.codes if draft.codes is None else draft.codes,
        problem=each.problem,
        status=status,
        severity=severity,
        confidence=each.confidence if draft.confidence is None else draft.confidence,
        subject=draft.subject,
        path=draft.at,
        file=file,
        line=line,
        column=column,
        title=each.title,
        summary=summary,
        why=why,
        evidence=evidence,
        harm=draft.harm,
        also=draft.also,
        since=_past(draft.since, mesh.now),
    )


def _past(since: datetime | None, now: datetime) -> datetime | None:
    return min(since, now) if since else None


def _as_shown(draft: Draft, why: str, context: str) -> tuple[str, str, tuple[Evidence, ...]]:
    """Summary, reason and evidence as they may be printed: without control characters and secrets, commands with the context.

    All texts are looked over as one first, since there are tens of thousands of drafts and hardly ever anything to take out.
    """
    texts = [draft.says, why]
    for e in draft.evidence:
        texts += e.says, e.source, e.quote
    whole = " ".join(texts)
    if len(whole) <= LONGEST_QUOTE and whole.isprintable() and whole.isascii() and is_free_of_signs(whole):
        kept = [Evidence(e.says, e.source, e.quote, with_context(e.command, context)) for e in draft.evidence]
        return draft.says, why, tuple(kept)
    return plain(redact(draft.says)), plain(redact(why)), tuple(_shown(e, context) for e in draft.evidence)


def _shown(evidence: Evidence, context: str) -> Evidence:
    return Evidence(
        plain(redact(evidence.says)),
        plain(evidence.source),
        plain(redact(evidence.quote), LONGEST_QUOTE),
        with_context(evidence.command, context),
    )


def with_context(command: str, context: str) -> str:
    """A kubectl or istioctl command that names the context it is for."""
    if not context or not command.startswith(("kubectl ", "istioctl ")) or "--context" in command:
        return command
    tool, _, rest = command.partition(" ")
    return f"{tool} --context {_quoted(context)} {rest}"


@functools.cache
def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _blind(each: Probe, result: Run) -> list[Finding]:
    """One UNKNOWN finding for each source the rule missed, one ERROR where it crashed."""
    made = []
    for source in result.unseen.values():
        if source.state in NOT_THERE:
            continue
        says = f"cannot judge: {source.name}: {source.reason or source.state}"
        proof = Evidence(source.reason or str(source.state), source.name, "", source.command or "")
        made.append(_without_verdict(each, Status.UNKNOWN, source.name, says, (proof,)))
    if result.crash is not None:
        says = f"the rule failed: {type(result.crash).__name__}: {result.crash}"
        made.append(_without_verdict(each, Status.ERROR, each.code, says, ()))
    return made


def _without_verdict(each: Probe, status: Status, name: str, says: str, evidence: tuple[Evidence, ...]) -> Finding:
    subject = Subject(kind="Source" if status is Status.UNKNOWN else "Rule", name=name)
    return Finding(
        id=finding_id(each.code, subject, str(status)),
        code=each.code,
        codes=each.codes,
        problem=each.problem,
        status=status,
        severity="info",
        confidence=0.0,
        subject=subject,
        title=each.title,
        summary=plain(says),
        evidence=evidence,
    )


def _check(each: Probe, result: Run, made: list[Finding]) -> Check:
    status, reason = _ended(result, made)
    return Check(problem=each.problem, code=each.code, title=each.title, status=status, reason=reason)


def _ended(result: Run, made: list[Finding]) -> tuple[Status, str | None]:
    for status in (Status.FAIL, Status.WARN, Status.ERROR, Status.UNKNOWN) if made else ():
        first = next((f for f in made if f.status is status), None)
        if first is not None:
            return status, first.summary
    if result.unseen:
        source = next(iter(result.unseen.values()))
        return Status.SKIPPED, f"{source.name}: {source.reason or source.state}"
    if result.judged == 0:
        return Status.SKIPPED, "there is none"
    return Status.PASS, None
