"""`meshdoctor incident`: the same folder that the screens keep, for scripts and for a session without the application."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from meshdoctor.commands.terminal import width
from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.pages import problem_of
from meshdoctor.model.story import Story
from meshdoctor.model.text import plain
from meshdoctor.reports import story as stories
from meshdoctor.triage import freeze, funnel, incident
from meshdoctor.triage.comms import AUDIENCES, Audience, draft
from meshdoctor.triage.hypotheses import board, told
from meshdoctor.triage.incident import Incident
from meshdoctor.triage.postmortem import postmortem
from meshdoctor.triage.symptoms import MOST_TEXT, understood


def run(arguments: argparse.Namespace) -> int:
    """One action on one incident."""
    return ACTIONS[arguments.action](arguments)


def _chosen(arguments: argparse.Namespace) -> Incident:
    return incident.named(incident.incidents_folder(), arguments.incident)


def _words(arguments: argparse.Namespace, what: str) -> str:
    text = " ".join(arguments.words).strip()
    if not text:
        raise UsageError(f"`incident {arguments.action}` needs {what}.")
    return text


def _looked(arguments: argparse.Namespace) -> tuple[Mesh, Diagnosis]:
    from meshdoctor.commands.session import looked

    mesh, seconds = looked(arguments)
    return mesh, judge(mesh, collect_seconds=seconds)


def _list(_: argparse.Namespace) -> int:
    there = [incident.read(f) for f in incident.folders(incident.incidents_folder())]
    for each in there:
        state = "closed" if each.is_closed else funnel.current(funnel.steps(each, datetime.now(UTC))).title.lower()
        print(plain(f"{each.name}  {state:<14}  {each.title}", width() - 1))
    if not there:
        print(f"No incident in {incident.incidents_folder()}. `meshdoctor incident open TITLE` begins one.")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    one = _chosen(arguments)
    if arguments.output == "json":
        print(msgspec.json.encode({"name": one.name, "timeline": one.timeline, "evidence": one.evidence}).decode())
        return 0
    print(plain(one.title, width() - 1))
    print(plain(one.folder))
    for state in funnel.steps(one, datetime.now(UTC)):
        print(plain(f"  {'done' if state.done else 'open'}  {state.title:<15} {state.says}", width() - 1))
    for entry in one.timeline.entries:
        print(plain(f"{entry.at:%H:%M:%S}  {entry.kind:<8} {entry.says}", width() - 1))
    if one.timeline.torn or one.evidence.torn:
        print(f"{len(one.timeline.torn) + len(one.evidence.torn)} lines were never finished: a kill came between.")
    return 0


def _open(arguments: argparse.Namespace) -> int:
    """The folder first: what follows may be killed."""
    made = incident.create(incident.incidents_folder(), _words(arguments, "a title: what is seen"))
    mesh, found = _looked(arguments)
    made = freeze.opened(made, mesh, found)
    print(f"{made.name}: {len(made.evidence.entries)} lines of evidence kept in {made.folder}")
    for cause in found.causes[:5]:
        print(plain(f"  {cause.problem}  {cause.title}  {cause.subject}", width() - 1))
    return 0


def _paste(arguments: argparse.Namespace) -> int:
    given = sys.stdin.buffer.read(MOST_TEXT * 16) if not arguments.words else " ".join(arguments.words)
    pasted = understood(given)
    one = _chosen(arguments)
    freeze.pasted(one, pasted)
    _, found = _looked(arguments)
    print("\n".join(told(pasted, board(pasted, found))))
    return 0


def _cause(arguments: argparse.Namespace) -> int:
    one, wanted = _chosen(arguments), _words(arguments, "a problem, e.g. MTL-002").upper()
    problems = (wanted, *problem_of(wanted))
    kept = next((e for e in one.kept("cause") if e.data.get("problem") in problems), None)
    if kept is None:
        there = ", ".join(dict.fromkeys(str(e.data.get("problem")) for e in one.kept("cause"))) or "none"
        raise UsageError(f"The evidence has no cause {wanted}.", do=f"It has: {there}.")
    one.add("cause", "checks", kept.says, of=freeze.key(kept.data))
    return 0


def _note(arguments: argparse.Namespace) -> int:
    _chosen(arguments).add("note", "symptoms", _words(arguments, "a text"))
    return 0


def _action(arguments: argparse.Namespace) -> int:
    _chosen(arguments).add("action", "actions", _words(arguments, "what was done"))
    return 0


def _look(arguments: argparse.Namespace) -> int:
    """0 where the cause is gone and nothing new is there, else 2; 3 where not all could be read."""
    one = _chosen(arguments)
    after = freeze.looked(one, *_looked(arguments))
    look = after.of("look")[-1]
    print(plain(look.says))
    chosen = funnel.suspected(after)
    bad = look.data["new"] or (chosen.data.get("of") in look.data["present"] if chosen else look.data["present"])
    return 2 if bad else 3 if look.data["unseen"] else 0


def _audience(arguments: argparse.Namespace) -> Audience:
    word = _words(arguments, f"an audience: {', '.join(AUDIENCES)}")
    if word not in AUDIENCES:
        raise UsageError(f"There is no audience {word!r}.", do=f"Audiences: {', '.join(AUDIENCES)}.")
    return word


def _draft(arguments: argparse.Namespace) -> int:
    _print(draft(_chosen(arguments), _audience(arguments), datetime.now(UTC)), arguments.output, sources=True)
    return 0


def _sent(arguments: argparse.Namespace) -> int:
    audience = _audience(arguments)
    _chosen(arguments).add("message", "comms", f"told: {AUDIENCES[audience]}", audience=audience, next_minutes=arguments.minutes)
    return 0


def _postmortem(arguments: argparse.Namespace) -> int:
    one = _chosen(arguments)
    form = arguments.output if arguments.output != "text" else "markdown"
    _print(postmortem(one), form)
    one.add("exported", "postmortem", f"postmortem written as {form}", source="meshdoctor")
    return 0


def _print(story: Story, form: str, *, sources: bool = False) -> None:
    if form == "json":
        print(msgspec.json.encode(story).decode())
    elif form == "text":
        print(stories.text(story, sources=sources), end="")
    else:
        print(stories.markdown(story) if form == "markdown" else stories.html(story), end="")


def _close(arguments: argparse.Namespace) -> int:
    """Refused while a step is open, unless told why."""
    one = _chosen(arguments)
    missing = [s.title for s in funnel.steps(one, datetime.now(UTC)) if not s.done]
    if missing and not arguments.words:
        raise UsageError(f"Still open: {', '.join(missing)}.", do="`incident close WHY` closes it all the same.")
    one.add("closed", "postmortem", " ".join(arguments.words) or "all steps are done")
    return 0


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "open": _open,
    "paste": _paste,
    "cause": _cause,
    "note": _note,
    "action": _action,
    "look": _look,
    "draft": _draft,
    "sent": _sent,
    "postmortem": _postmortem,
    "close": _close,
}
