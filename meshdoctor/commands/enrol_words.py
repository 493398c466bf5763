"""What `enrol` prints: the plan with its proof, and what each wave came to; the same as plain data for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshdoctor.commands.fix_words import labelled
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.enrolment.others import Compared, grouped
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.enrolment.walk import Result
from meshdoctor.fixes.diff import unified
from meshdoctor.fixes.step import Step

MOST = 6
GLYPHS = {"verified": "●", "not-healed": "✖", "unverified": "?"}


def plan_lines(enrolment: Enrolment, accepted: Iterable[str]) -> list[str]:
    """What would be done, what is left out, what stands in the way, and that nobody else is touched."""
    way = enrolment.way
    made = [f"Enrol {enrolment.about} by revision {way.revision} ({way.injector.configuration.subject})", ""]
    for number, wave in enumerate(enrolment.waves, 1):
        pods = (
            f" ({wave.pods} {'pod' if wave.pods == 1 else 'pods'}, one after the other)" if wave.restarts else " (restarts nothing)"
        )
        made += labelled(f"wave {number}", f"{wave.title}{pods}")
    if not enrolment.waves:
        made += labelled("waves", "none: all of it is in the mesh")
    for words in enrolment.left_words():
        made += labelled("left out", words)
    for line in _some(grouped(enrolment.turned, enrolment.own)):
        made += labelled("calls", line)
    made += proof_lines(enrolment.others)
    for blocker in enrolment.blockers:
        made += labelled("accepted" if blocker.id in accepted else "✖ blocks", f"{blocker.id}: {blocker.says}. {blocker.do}")
    for known in enrolment.known[:MOST]:
        made += labelled("mind", f"{known.title}: {known.says} (check {known.id})")
    if len(enrolment.known) > MOST:
        made += labelled("", f"and {len(enrolment.known) - MOST} more: meshdoctor scan -n {enrolment.namespace.name}")
    return made


def proof_lines(found: Compared) -> list[str]:
    """That nothing else changes, as far as it was compared."""
    made = labelled("others", found.says)
    for line in _some(found.differences):
        made += labelled("", f"✖ {line}")
    for line in found.blind:
        made += labelled("", f"? not compared: {line}")
    return made


def _some(lines: tuple[str, ...]) -> tuple[str, ...]:
    return (*lines[:MOST], f"and {len(lines) - MOST} more") if len(lines) > MOST else lines


def step_lines(step: Step) -> list[str]:
    """One write as it was tried out, with its diff."""
    made = labelled("trial", "the API server accepts it (dry run, nothing stored)")
    made += labelled("kept by", f"{step.owner} ({step.owner.mark})" if step.owner else "no GitOps tool, Helm release or operator")
    return [*made, "", *unified(step.before, step.stored, step.target), ""]


def result_lines(number: int, result: Result) -> list[str]:
    """What a wave came to."""
    entry = f", entry {result.entry.id}" if result.entry else ""
    made = labelled(f"wave {number}", f"{GLYPHS[result.ended]} {result.says}{entry}")
    return made + (proof_lines(result.compared) if result.compared else [])


def described(enrolment: Enrolment) -> dict[str, Any]:
    """The plan for scripts."""
    return {
        "about": enrolment.about,
        "revision": enrolment.way.revision,
        "waves": [{"target": w.target, "title": w.title, "pods": w.pods, "labels": w.labels} for w in enrolment.waves],
        "left": [{"subject": one.subject, "why": one.why} for one in enrolment.left],
        "blockers": [_plain(b) for b in enrolment.blockers],
        "mind": [_plain(b) for b in enrolment.known],
        "calls": enrolment.turned,
        "others": enrolment.others,
    }


def _plain(blocker: Blocker) -> dict[str, str]:
    return {"id": blocker.id, "title": blocker.title, "says": blocker.says, "do": blocker.do}


def result_of(result: Result) -> dict[str, Any]:
    """A wave's result for scripts."""
    return {
        "title": result.wave.title,
        "entry": result.entry.id if result.entry else None,
        "state": result.ended,
        "says": result.says,
        "others": result.compared,
    }
