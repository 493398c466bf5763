"""A change as a document: what it does, to whom, at what risk, by which checks; then what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from meshdoctor.fixes.back import as_before
from meshdoctor.fixes.case import WORDS
from meshdoctor.fixes.diff import json_patch, unified
from meshdoctor.fixes.guide import Tried
from meshdoctor.fixes.journal import Entry
from meshdoctor.fixes.patch import Object
from meshdoctor.fixes.plan import Plan
from meshdoctor.fixes.reach import shown
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.model.pages import page
from meshdoctor.model.redact import redact
from meshdoctor.model.subject import Subject
from screens.mending import READ_ONLY, Mending, Undoing, Work
from screens.text import Run, badge, duration
from screens.widgets.doc import Item

RISKS = {"high": "bad", "medium": "warn"}
ENDS = {
    "verified": ("OK", "HEALED"),
    "not-healed": ("FAIL", "NOT HEALED"),
    "unverified": ("UNKNOWN", "WRITTEN, NOT VERIFIED"),
    "unknown": ("UNKNOWN", "OUTCOME UNKNOWN"),
    "undone": ("OK", "TAKEN BACK"),
}


def is_owned(plan: Plan) -> bool:
    """Whether a tool keeps the object, so that a direct change would be lost."""
    return plan.owner is not None


def state_of(work: Work, context: str) -> list[Item]:
    """The first lines: where it stands, and what that asks for."""
    seconds = time.monotonic() - work.began
    if work.state == "planning":
        return [_doing(f"reading the mesh, planning and trying it out for {duration(seconds)}")]
    if work.state == "writing":
        return [_doing(f"writing to {context} for {duration(seconds)}")]
    if work.state == "verifying" and isinstance(work, Mending):
        most = work.tried.plan.remedy.wait if work.tried else 0
        told = f"written; looking whether it heals: look {work.looks}, {duration(seconds)} of about {duration(most)}"
        return [_doing(told), *_kept(work), Item("esc leaves, and it goes on", "dim", indent=2)]
    if work.state == "refused":
        return _refused(work.refusal, work.says)
    if work.state == "planned":
        return _planned(work, context)
    glyph, word = ENDS[work.state]
    items = [Item((badge(glyph, word), Run(f"  {_how(work)}")))]
    return [*items, *_kept(work)]


def _doing(says: str) -> Item:
    return Item((Run("… ", "unknown"), Run(says, "strong")))


def _how(work: Work) -> str:
    if isinstance(work, Mending) and work.verdict is not None:
        return f"{work.verdict.says} ({duration(work.verdict.seconds)})"
    if isinstance(work, Undoing):
        where = work.of.holds.target
        return f"{where} is {as_before(work.exact)}" if work.state == "undone" else work.says
    return work.says


def _kept(work: Work) -> Iterator[Item]:
    if isinstance(work, Mending):
        for each in work.verdict.appeared if work.verdict else ():
            says = f"{each.problem or each.code} {each.subject}: {each.summary}"
            yield Item((badge("WARN", "NEW"), Run(f"  {says}")), indent=2)
    if work.entry is not None:
        back = "" if isinstance(work, Undoing) else "   u takes it back" if work.entry.holds.undoable else "   cannot be taken back"
        yield Item(f"journal entry {work.entry.id}{back}", "dim", indent=2)
    if work.not_kept:
        yield Item(f"the incident has no line of it: {work.not_kept}", "warn", indent=2)
    elif work.incident is not None:
        yield Item(f"written into the incident: {work.incident.title}", "dim", indent=2)


def _refused(refusal: Refusal | None, says: str) -> list[Item]:
    if refusal is None:
        return [Item((badge("ERROR", "NOTHING WRITTEN"), Run(f"  {says}")))]
    items = [Item((badge("FAIL", "NOTHING WRITTEN"), Run(f"  {refusal.says}")))]
    return [*items, Item(refusal.do, indent=2)] if refusal.do else items


def _planned(work: Work, context: str) -> list[Item]:
    trial = work.trial if isinstance(work, Mending) else None
    if trial is not None and trial.reason == "read-only":
        return [Item((badge("SKIPPED", "PLAN ONLY"), Run(f"  {READ_ONLY}")))]
    if trial is not None:
        return _refused(trial, "")
    plan = work.tried.plan if isinstance(work, Mending) and work.tried else None
    if plan is not None and plan.owner is not None:
        lost = "be reverted" if plan.owner.reverts else "be lost at its next upgrade"
        says = f"  {plan.owner}: a direct change would {lost}."
        return [Item((badge("WARN", "KEPT BY"), Run(says))), Item("G copies the patch for Git; F writes it all the same", indent=2)]
    return [Item((badge("OK", "READY"), Run(f"  the API server accepts it; a writes it to {context}")))]


def plan_items(work: Mending, tried: Tried, may_write: bool) -> Iterator[Item]:
    """The plan, worded as `meshdoctor fix` does."""
    plan = tried.plan
    text = page(plan.finding.problem or "")
    yield Item(plan.finding.summary, label="FOUND")
    more = f"   {len(work.able)} fixes, n shows the next" if len(work.able) > 1 else ""
    yield Item((Run(plan.title, "strong"), Run(f"   {plan.remedy.id}{more}", "dim")), label="FIX")
    for number, step in enumerate(plan.steps):
        yield Item(step, label="" if number else "DOES", note=str(plan.target) if plan.target != plan.finding.subject else "")
    level, _, beware = text.risk.partition(": ")
    said = f"   {beware if level.lower() == plan.risk else text.risk}"
    yield Item((Run(plan.risk, RISKS.get(plan.risk, "ok")), Run(said)), label="RISK")
    reach = shown(plan.reach) or ("no effect on routes, mutual TLS, authorization and exposure is seen",)
    yield from (Item(line.replace(" -> ", " → "), label="" if number else "TOUCHES") for number, line in enumerate(reach))
    kept = f"{plan.owner} ({plan.owner.mark})" if plan.owner else "no GitOps tool, Helm release or operator keeps it"
    yield Item(kept, "warn" if plan.owner else "", label="OWNER")
    yield Item(
        "not possible: the pod is made anew" if plan.target.kind == "Pod" else "exact, from the journal, at any time", label="UNDO"
    )
    yield from diff_items(plan.before, tried.stored, plan.target)
    yield from _checks(work, plan, may_write)


def _checks(work: Mending, plan: Plan, may_write: bool) -> Iterator[Item]:
    """What had to hold before it may be written, and what will still be asked."""
    for number, (state, says) in enumerate(_conditions(work, plan, may_write)):
        yield Item((badge(state, ""), Run(f" {says}")), label="" if number else "CHECKS")


def _conditions(work: Mending, plan: Plan, may_write: bool) -> Iterator[tuple[str, str]]:
    for name in plan.remedy.when:
        yield "OK", (WORDS[name].__doc__ or name).partition("\n")[0].rstrip(".")
    trial = work.trial
    where = f" in {plan.target.namespace}" if plan.target.namespace else ""
    may = f"may {plan.write.verb} {plan.place.resource}{where}"
    if trial is None:
        yield "OK", may
        yield "OK", "the API server accepts it: a dry run, nothing was stored"
    elif trial.reason == "denied":
        yield "FAIL", f"{may}: no"
        yield "UNKNOWN", "not tried out"
    else:
        yield "UNKNOWN" if trial.reason == "read-only" else "FAIL", f"server-side dry run: {trial.says}"
    version = str((plan.before or {}).get("metadata", {}).get("resourceVersion", ""))
    if version:
        yield "OK", f"written only if the object is still at version {version}, as it was read"
    if trial is not None and trial.reason == "read-only":
        return  # no consent is asked for where nothing can be written
    asks = f"{plan.target.name}, typed" if plan.is_high or is_owned(plan) else "y"
    yield "OK" if may_write else "SKIPPED", f"consent: {asks}" if may_write else f"read-only: {work.context}, typed, lifts it"


def diff_items(before: Object | None, after: Object | None, target: Subject) -> Iterator[Item]:
    """A unified diff without its file names; a sign and a colour for each line."""
    lines = [line for line in unified(before, after, target) if not line.startswith(("---", "+++"))]
    for number, line in enumerate(lines):
        role = "dim" if line.startswith("@@") else "bad" if line[:1] == "-" else "ok" if line[:1] == "+" else ""
        yield Item(line, role, label="" if number else "DIFF")


def undo_items(work: Undoing) -> Iterator[Item]:
    """What an undo does."""
    entry: Entry = work.of
    yield Item(
        f"{entry.holds.title}: {entry.holds.target}", label="ENTRY", note=f"{entry.id}, {entry.at.astimezone():%m-%d %H:%M:%S}"
    )
    yield Item(f"{entry.holds.fix} for {entry.holds.problem} at {entry.holds.subject}", label="WAS")
    if work.write is not None:
        yield Item(f"{work.write.verb} {entry.holds.target}", "strong", label="DOES")
        yield Item((badge("OK", ""), Run(" permitted, and accepted by the API server in a dry run")), label="CHECKS")
        yield from diff_items(work.before, work.after, entry.holds.target)


def git_patch(plan: Plan) -> str:
    """What to change where the object is read from: words, then a JSON patch."""
    lines = [f"# {plan.target}", *(f"# {step}" for step in plan.steps)]
    return redact("\n".join([*lines, json_patch(plan.operations)] if plan.operations else lines))
