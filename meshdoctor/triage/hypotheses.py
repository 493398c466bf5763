"""What it can be: problems ranked by what speaks for them, against them, and what is still unknown."""

from __future__ import annotations

import msgspec

from meshdoctor.model.findings import Cause, Check, Diagnosis, Finding, Status
from meshdoctor.model.pages import pages
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain
from meshdoctor.triage.symptoms import Pasted, table

MOST = 8
FOUND, OBSERVED, CONCERNED, WORDS, FLAG, CODE, PASSED = 6.0, 2.0, 4.0, 4.0, 2.0, 1.0, -5.0
"""What each is worth: a cause that is there and concerns what was named beats every likeness."""


class Hypothesis(msgspec.Struct, frozen=True, kw_only=True):
    """One problem that it can be. `subject` where it was found; `check` is a command that tells more."""

    problem: str
    title: str
    score: float
    for_: tuple[str, ...]
    against: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    subject: Subject | None = None
    check: str = ""

    @property
    def is_found(self) -> bool:
        """Whether the mesh has it, not only something that looks like it."""
        return self.subject is not None


class Board(msgspec.Struct, frozen=True):
    """All of them, the likeliest first; the next check; and what was not looked at."""

    hypotheses: tuple[Hypothesis, ...] = ()
    next_check: str = ""
    why: str = ""
    not_seen: tuple[str, ...] = ()


def board(pasted: Pasted, found: Diagnosis) -> Board:
    """What a symptom can be, held against the present diagnosis."""
    checks: dict[str, Check] = {c.problem: c for c in found.checks if c.problem}
    causes: dict[str, list[Cause]] = {}
    for cause in found.causes:
        causes.setdefault(cause.problem, []).append(cause)
    by_id = {f.id: f for f in found.findings}
    made = []
    for problem in pages():
        likeness = _likeness(problem, pasted)
        for cause in causes.get(problem, ()):
            made.append(_found(cause, likeness, pasted, by_id))
        if problem not in causes and likeness:
            made.append(_likely(problem, likeness, checks.get(problem), found.findings))
    kept = (h for h in made if h.score > 0 or h.problem in pasted.problems)  # why a likely one fell is told too
    ranked = sorted(kept, key=lambda h: (-h.score, h.problem, str(h.subject)))[:MOST]
    command, why = _next(ranked)
    return Board(tuple(ranked), command, why, _not_seen(found))


def _likeness(problem: str, pasted: Pasted) -> list[tuple[float, str]]:
    """What in the text looks like a problem, and what it is worth."""
    told: list[tuple[float, str]] = []
    sign = table().signs.get(problem)
    if problem in pasted.problems:
        told.append((WORDS, "its words are in what was pasted"))
    if sign is not None:
        flags = [f for f in pasted.flags if f in sign.flags]
        told += [(FLAG, f"flag {', '.join(flags)}")] if flags else []
        codes = [str(c) for c in pasted.codes if c in sign.codes]
        told += [(CODE, f"status {', '.join(codes)}")] if codes else []
    return told


def _found(cause: Cause, likeness: list[tuple[float, str]], pasted: Pasted, by_id: dict[str, Finding]) -> Hypothesis:
    told = [(FOUND * cause.confidence, f"found now: {cause.summary}"), *likeness]
    if cause.observed:
        told.append((OBSERVED, "harm of it was seen"))
    named = _named(cause, pasted, by_id)
    if named:
        told.append((CONCERNED, f"it concerns {named}, which was named"))
    against = (
        ("nothing of what was pasted looks like it",) if not likeness and (pasted.codes or pasted.flags or pasted.problems) else ()
    )
    command = next((e.command for e in cause.evidence if e.command), "")
    return Hypothesis(
        problem=cause.problem,
        title=cause.title,
        score=round(sum(worth for worth, _ in told), 2),
        for_=tuple(says for _, says in told),
        against=against,
        subject=cause.subject,
        check=command,
    )


def _likely(problem: str, likeness: list[tuple[float, str]], check: Check | None, findings: tuple[Finding, ...]) -> Hypothesis:
    """A problem that was not found: its rule looked and saw nothing, or could not look."""
    score = sum(worth for worth, _ in likeness)
    against: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    if check is None:
        unknown = ("no rule looks for it",)
    elif check.status is Status.PASS:
        score, against = score + PASSED, ("its rule looked, and found nothing",)
    elif check.status in (Status.UNKNOWN, Status.ERROR):
        unknown = (f"its rule could not judge: {check.reason or check.status}",)
    elif check.status is Status.SKIPPED:
        score, against = score + PASSED, (f"there is nothing it could be about: {check.reason or 'skipped'}",)
    blind = (f for f in findings if f.problem == problem and f.status is Status.UNKNOWN)
    command = next((e.command for f in blind for e in f.evidence if e.command), "")
    title = pages()[problem].title
    told = tuple(says for _, says in likeness)
    return Hypothesis(
        problem=problem, title=title, score=round(score, 2), for_=told, against=against, unknown=unknown, check=command
    )


def _named(cause: Cause, pasted: Pasted, by_id: dict[str, Finding]) -> str:
    """The name in the text that a cause, what it explains or who suffers of it has."""
    findings = [by_id[i] for i in (cause.finding, *cause.explains) if i in by_id]
    subjects = {cause.subject, *(s for f in findings for s in (f.subject, *f.also))}
    names = {f"{s.namespace}/{s.name}" for s in subjects} | set(cause.impact.workloads)
    words = " ".join((cause.summary, *(f.summary for f in findings)))
    for name in pasted.names:
        service, _, rest = name.partition(".")
        known = f"{rest.partition('.')[0]}/{service}" if ".svc" in name else name
        if known in names or ("." in name and name in words) or any(n.startswith(f"{known}-") for n in names):
            return name
    return ""


def _next(ranked: list[Hypothesis]) -> tuple[str, str]:
    """The cheapest check that tells the two likeliest apart: the one that could not be judged, else the first's own proof.

    What is far behind the first needs no check.
    """
    top = [h for h in ranked[:2] if h.score > ranked[0].score - FOUND]
    unsure = next((h for h in top if not h.is_found and h.unknown), None)
    if unsure is not None:
        return unsure.check, f"{unsure.problem} could not be judged: {pages()[unsure.problem].detect}"
    if top:
        return top[0].check, f"shows {top[0].problem} again" if top[0].check else pages()[top[0].problem].detect
    return "", ""


def _not_seen(found: Diagnosis) -> tuple[str, ...]:
    told = tuple(f"{s.name}: {s.reason or s.state}" for s in found.sources if s.state in ("denied", "error", "stale"))
    unknown = found.coverage.unknown
    return (*told, *((f"{unknown} of {found.coverage.rules} checks could not be judged",) if unknown else ()))


def told(pasted: Pasted, made: Board) -> list[str]:
    """What a text says and what it can be, in lines."""
    lines = [f"Understood as {', '.join(pasted.kinds)}." if pasted.kinds else "Not understood; it is kept all the same."]
    lines += [f"  {s}" for s in pasted.says]
    lines += [f"Names: {', '.join(pasted.names)}"] if pasted.names else []
    lines += [pasted.left_out] if pasted.left_out else []
    for number, each in enumerate(made.hypotheses, 1):
        lines.append(f"{number}. {each.problem} {each.title}" + (f"  {each.subject}" if each.subject else ""))
        lines += [f"     for      {s}" for s in each.for_]
        lines += [f"     against  {s}" for s in each.against]
        lines += [f"     unknown  {s}" for s in each.unknown]
    if not made.hypotheses:
        lines.append("Nothing known looks like it.")
    lines += [f"Next check: {made.next_check or made.why}"] if made.next_check or made.why else []
    lines += [f"Not looked at: {'; '.join(made.not_seen)}"] if made.not_seen else []
    return [plain(line, 600) for line in lines]
