"""What both wizards show: the steps with how each ended, what stands in the way, the next write's diff; consent is typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.fixes.diff import unified
from screens.seen import Seen
from screens.text import Run
from screens.views.document import WorkView
from screens.widgets.doc import Item
from screens.wizard import State, Wizard

STATES: dict[State, tuple[str, str]] = {
    "planning": ("… planning", "dim"),
    "planned": ("◐ planned, nothing of it is written", "warn"),
    "refused": ("✖ cannot be planned", "bad"),
    "writing": ("… writing", "warn"),
    "stopped": ("✖ stopped", "bad"),
    "done": ("● done", "ok"),
    "taking back": ("… taking back", "warn"),
    "taken back": ("● taken back, exactly", "ok"),
    "unknown": ("? outcome unknown", "unknown"),
}
ENDS = {"verified": ("● done    ", "ok"), "not-healed": ("✖ stopped ", "bad"), "unverified": ("? unknown ", "unknown")}


class WizardView(WorkView):
    """A wizard."""

    work: Wizard
    about = "Each step is tried out first, written after typed consent, verified, and kept in the journal: u takes all back."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "write the step", id="wizard.apply", tooltip="after typed consent; then see what becomes of it"),
        Binding("u", "undo", "take back", id="wizard.undo", tooltip="take back all that was written of this plan"),
        Binding("F", "accept", "accept", id="wizard.accept", tooltip="accept what stands in the way, by typing its names"),
    ]

    def on_mount(self) -> None:
        self.work.tell = self._news
        if not self.work.is_begun:
            self.begin(self.work.plan())

    def heading(self) -> str:
        """What it is about."""
        return ""

    def items(self) -> Iterable[Item]:
        """The plan."""
        return ()

    def fill(self, seen: Seen) -> None:
        self.show()

    def reload(self) -> None:
        """Plan anew, unless it is at work."""
        if not self.work.is_busy:
            self.begin(self.work.plan())

    def show(self) -> None:
        """The work as it stands."""
        glyph, role = STATES[self.work.state]
        if self.work.state == "planned" and self.work.blockers:
            glyph, role = f"✖ {len(self.work.blockers)} in the way", "bad"
        elif self.work.state == "planned" and self.work.steps[0]:
            glyph = "◐ step {} of {} is written, the next one is planned".format(*self.work.steps)
        says = f"   {self.work.says}" if self.work.says else ""
        self.head.set_items([Item(self.heading(), "strong"), Item((Run(glyph, role), Run(says)))])
        back = [Item(b.says, label="BACK", role="" if b.made else "bad") for b in self.work.back]
        self.doc.set_items([*back, *self.items(), *self._next(), *self.notes()])

    def notes(self) -> Iterable[Item]:
        """What is to be known, last."""
        return ()

    def mark(self, ended: str | None) -> Run:
        """How a step ended; nothing of it is left once all was taken back."""
        if ended is None:
            return Run("○ to do   ", "dim")
        if self.work.state == "taken back":
            return Run("○ was done", "dim")
        return Run(*ENDS[ended])

    def in_the_way(self) -> Iterator[Item]:
        left = self.work.blockers
        for blocker in dict.fromkeys((*left, *self.work.found)):
            is_accepted = blocker not in left
            mark = Run(f"{blocker.id}: ", "dim" if is_accepted else "bad")
            yield Item((mark, Run(f"{blocker.says}. {blocker.do}")), label="ACCEPTED" if is_accepted else "BLOCKS")

    def _next(self) -> Iterator[Item]:
        """The next write as it was tried out."""
        work, step = self.work, self.work.step
        if work.trial:
            yield Item((Run("✖ ", "bad"), Run(work.trial)), label="TRIAL")
        if step is not None and work.state == "planned":
            yield Item((Run("● ", "ok"), Run("the API server accepts it (dry run, nothing stored)")), label="TRIAL")
            roles = {"+": "ok", "-": "bad", "@": "dim"}
            for line in unified(step.before, step.stored, step.target):
                yield Item(line or " ", roles.get(line[:1], ""))

    def _news(self) -> None:
        if self.is_attached:
            self.guard(self.show)
            self.boss.news_of_change()
            if not self.display and not self.work.is_busy:
                self.boss.say(f"{self.crumb}: {STATES[self.work.state][0]} {self.work.says}")

    # Consent.

    def offers(self, action: str) -> bool:
        work = self.work
        match action:
            case "apply":
                return work.may_write
            case "undo":
                return bool(work.plan_name) and not work.is_busy and work.state != "taken back"
            case "accept":
                return work.state == "planned" and bool(work.blockers)
        return True

    def action_apply(self) -> None:
        if self.offers("apply"):
            self.ask(self.work.context, f"type {self.work.context} to write this step", lambda: self.begin(self.work.take()))
        else:
            self.boss.say(self._why_not(), "warn")

    def _why_not(self) -> str:
        work = self.work
        if work.is_busy:
            return "It is at work."
        if work.state == "planned":
            return work.trial or "Something is in the way: F accepts it by name."
        return "There is nothing left to write; r plans anew."

    def action_undo(self) -> None:
        if self.offers("undo"):
            self.ask("y", f"type y to take all of it back on {self.work.context}", lambda: self.begin(self.work.take_back()))
        else:
            self.boss.say("Nothing was written from here.", "dim")

    def action_accept(self) -> None:
        names = " ".join(dict.fromkeys(b.id for b in self.work.blockers))
        if self.offers("accept"):
            self.ask(names, f"type {names} to go on in spite of it", self._accept)
        else:
            self.boss.say("Nothing stands in the way.", "dim")

    def _accept(self) -> None:
        self.work.accepted |= {b.id for b in self.work.blockers}
        self._news()
