"""What `fix`, `undo` and `journal` print, and how an object is named to them."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import msgspec

from meshdoctor.commands.terminal import width
from meshdoctor.fixes.diff import json_patch, unified
from meshdoctor.fixes.guide import Tried
from meshdoctor.fixes.journal import Entry
from meshdoctor.fixes.reach import shown
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.model.errors import UsageError
from meshdoctor.model.kinds import ALL
from meshdoctor.model.pages import page
from meshdoctor.model.redact import redact
from meshdoctor.model.text import plain

REFUSED = 64


class Said:
    """Lines as they come for people; for scripts one object at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.result: dict[str, Any] = {"schema": "meshdoctor.fix/v1", "state": "refused", "entry": None}

    def line(self, *lines: str) -> None:
        """Print lines, unless JSON is wanted."""
        if not self.as_json:
            for line in lines:
                print(plain(redact(line)))
            sys.stdout.flush()

    def under_way(self, words: str) -> None:
        """Print what is being waited for."""
        self.line(*labelled("", f"… {words}"))

    def end(self, code: int) -> None:
        """Print the result, where JSON is wanted."""
        if self.as_json:
            print(redact(msgspec.json.format(msgspec.json.encode({**self.result, "exit": code}), indent=2).decode()))


def argument(text: str) -> tuple[str, str, str]:
    """Kind, namespace and name of KIND/NS/NAME (cluster scope KIND//NAME). Raises UsageError."""
    kind, _, rest = text.partition("/")
    namespace, slash, name = rest.partition("/")
    if not (kind and slash and name) or "/" in name:
        raise UsageError(f"{text!r} is no KIND/NAMESPACE/NAME.", do="For example VirtualService/shop/catalog, or Namespace//shop.")
    known = {k.KIND.lower(): k.KIND for k in ALL}
    return known.get(kind.lower(), kind), namespace, name


def plan_lines(tried: Tried, trial: Refusal | None) -> list[str]:
    """The plan: what it does, to whom, at what risk, and the diff."""
    plan = tried.plan
    text = page(plan.finding.problem or "")
    made = [f"{plan.finding.problem}  {text.title}: {plan.finding.subject}", ""]
    made += labelled("found", plan.finding.summary)
    made += labelled("fix", f"{plan.title} ({plan.remedy.id})")
    for step in plan.steps:
        made += labelled("does", f"{step}" if plan.target == plan.finding.subject else f"{step} ({plan.target})")
    level, _, beware = text.risk.partition(": ")
    made += labelled("risk", f"{plan.risk}. {beware}" if level.lower() == plan.risk else plan.risk)
    for line in shown(plan.reach) or ("no effect on routes, mutual TLS, authorization and exposure is seen",):
        made += labelled("reach", line)
    made += labelled("kept by", f"{plan.owner} ({plan.owner.mark})" if plan.owner else "no GitOps tool, Helm release or operator")
    made += labelled("undo", "not possible: the pod is made anew" if plan.target.kind == "Pod" else "exact, from the journal")
    made += labelled("trial", f"{trial.says}" if trial else "the API server accepts it (dry run, nothing stored)")
    return [
        *made,
        "",
        *unified(plan.before, tried.stored, plan.target),
        "",
    ]


def labelled(label: str, words: str) -> list[str]:
    """A label of nine columns and words that are wrapped beside it."""
    lines = textwrap.wrap(plain(redact(words), 600), max(40, width() - 10), break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{label if i == 0 else '':9} {line}" for i, line in enumerate(lines)]


def git_patch(tried: Tried) -> list[str]:
    """What to change in Git where a tool keeps the object."""
    plan = tried.plan
    assert plan.owner is not None
    lost = "be reverted" if plan.owner.reverts else "be lost at its next upgrade"
    words = f"{plan.target} is kept by {plan.owner}: a direct change would {lost}. Make this one where it is read from:"
    made = labelled("in Git", words)
    made += [f"          {plain(step, 200)}" for step in plan.steps]
    made += ["          as a JSON patch:", f"          {json_patch(plan.operations)}"] if plan.operations else []
    if plan.owner.command:
        made += [f"          $ {plan.owner.command}"]
    return made


def undo_line(entry: Entry) -> str:
    """The command that takes an entry back."""
    return f"take it back: meshdoctor undo {entry.id} --write --yes" if entry.holds.undoable else "it cannot be taken back"


def say_refusal(said: Said, refusal: Refusal) -> int:
    """Say why nothing was written; the exit code."""
    said.result |= {"state": "refused", "reason": refusal.reason, "says": refusal.says, "do": refusal.do}
    if not said.as_json:
        print(plain(f"meshdoctor: refused: {refusal.says} {refusal.do}".strip(), 900), file=sys.stderr)
    return REFUSED
