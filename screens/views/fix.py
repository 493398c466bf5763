"""The guided change of one cause or finding: plan, risk, reach, checks and diff; then consent, progress and result."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.fixes.by_hand import kubectl
from meshdoctor.fixes.journal import own_journal
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Cause, Finding
from meshdoctor.model.pages import page
from meshdoctor.model.subject import Subject
from screens.fixing import git_patch, is_owned, plan_items
from screens.mending import Mending, Undoing
from screens.text import Run, glued
from screens.views.change import ChangeView
from screens.views.view import View
from screens.widgets.doc import Item

FORCED = ("owned", "dry-run-unsupported")


class FixView(ChangeView):
    """One fix."""

    about = "Nothing is written before you consent by typing. Every write is in the journal, and u takes it back."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "apply", id="fix.apply", tooltip="write it, after typed consent; then look whether it heals"),
        Binding("u", "undo", "take back", id="fix.undo", tooltip="take back what was written"),
        Binding("n", "next", "next fix", id="fix.next", tooltip="another of the fixes that there are for this"),
        Binding("p", "by_hand", "copy kubectl", id="fix.kubectl", tooltip="copy it as a kubectl command"),
        Binding("G", "for_git", "copy for Git", id="fix.git", tooltip="copy it as a JSON patch for the repository"),
        Binding(
            "F", "force", "force", id="fix.force", tooltip="write it although a tool keeps the object, or no trial is possible"
        ),
    ]

    def __init__(self, work: Mending) -> None:
        super().__init__()
        self.work: Mending = work

    @property
    def crumb(self) -> str:
        return f"fix {self.work.problem}"

    @property
    def topic(self) -> Subject:
        return self.work.subject

    def on_mount(self) -> None:
        super().on_mount()
        if self.work.state == "planning":
            self.begin(self.work.plan())

    def reload(self) -> None:
        """Plan anew, unless it is being written."""
        if not self.work.is_busy:
            self.begin(self.work.plan())

    def title_items(self) -> list[Item]:
        title = page(self.work.problem).title
        return [Item((Run(f"{self.work.problem}  ", "strong"), Run(title, "strong"), Run(f"   {glued(str(self.work.subject))}")))]

    def items(self) -> Iterable[Item]:
        tried = self.work.tried
        return plan_items(self.work, tried, self.boss.changing.may_write) if tried is not None else ()

    def offers(self, action: str) -> bool:
        work, plan = self.work, self.work.tried.plan if self.work.tried else None
        match action:
            case "apply":
                return work.may_write and plan is not None and not is_owned(plan)
            case "force":
                return self._is_forced()
            case "undo":
                return work.entry is not None and work.entry.holds.undoable
            case "next":
                return len(work.able) > 1 and not work.is_busy
            case "by_hand":
                return plan is not None
            case "for_git":
                return plan is not None and bool(plan.operations)
        return True

    def _is_forced(self) -> bool:
        """Whether only the operator's insistence is missing."""
        work, plan = self.work, self.work.tried.plan if self.work.tried else None
        if work.state != "planned" or plan is None:
            return False
        reason = work.trial.reason if work.trial else "owned" if is_owned(plan) else ""
        return reason in FORCED

    def action_apply(self) -> None:
        work, tried = self.work, self.work.tried
        if tried is None or not self.offers("apply"):
            self.boss.say(self._why_not(), "warn")
            return
        plan = tried.plan
        self.ask_leave(plan.target.name if plan.is_high else "", lambda: self.begin(work.apply(tried)))

    def action_force(self) -> None:
        work, tried = self.work, self.work.tried
        if tried is None or not self._is_forced():
            self.boss.say("There is nothing to force: a writes it.", "dim")
            return
        self.ask_leave(tried.plan.target.name, lambda: self.begin(work.apply(tried)))

    def _why_not(self) -> str:
        work = self.work
        if work.is_busy:
            return "It is at work."
        if work.state not in ("planned", "refused"):
            return "It is written already; r plans anew."
        if work.trial is not None and work.trial.reason == "read-only":
            return "This is a recording: it takes no writes. p copies the kubectl command."
        if self._is_forced():
            return "Not directly: G copies the patch for Git; F writes it all the same."
        return "It cannot be written so; r plans anew."

    async def action_undo(self) -> None:
        if self.work.entry is None:
            self.boss.say("Nothing was written from here. J has all changes.", "dim")
        else:
            self.work.stop_looking()
            await take_back(self, self.work.entry.id)

    def action_next(self) -> None:
        if self.offers("next"):
            self.begin(self.work.next())

    def action_by_hand(self) -> None:
        if self.work.tried is not None:
            self.boss.copy(kubectl(self.work.tried.plan, self.work.context), "the kubectl command")

    def action_for_git(self) -> None:
        if self.work.tried is not None:
            self.boss.copy(git_patch(self.work.tried.plan), "the patch")


async def take_back(view: View, entry: str, folder: Path | None = None) -> None:
    """Open the undo of an entry."""
    from screens.views.undo import UndoView

    try:
        found = own_journal().entry(entry)
    except MeshdoctorError as why:
        view.boss.say(str(why), "bad")
        return
    await view.boss.open(UndoView(Undoing(view.boss.feed, found, folder)))


async def fix(view: View, about: Cause | Finding | Subject | None, folder: Path | None = None) -> None:
    """Open the guided change of a cause or finding; where no single change heals it, its steps."""
    from screens.views.runbook import RunbookView, steps_for

    if not isinstance(about, (Cause, Finding)) or not about.problem:
        view.boss.say("There is no cause or finding here that could be fixed.", "dim")
        return
    work = view.boss.changing.mending(about.problem, about.subject, folder)
    if work.able:
        await view.boss.open(FixView(work))
        return
    await view.boss.open(RunbookView(steps_for(about.problem), about.subject))
    view.boss.say(f"No single change heals {about.problem}; these are the steps.")
