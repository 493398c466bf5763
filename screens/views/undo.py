"""Taking one journal entry back: what it does, the diff, consent, and whether the object is exactly as before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.fixes.journal import own_journal
from meshdoctor.model.subject import Subject
from screens.fixing import undo_items
from screens.mending import Undoing
from screens.text import Run
from screens.views.change import ChangeView
from screens.widgets.doc import Item


class UndoView(ChangeView):
    """One undo."""

    about = "Takes back what one entry wrote, at any time later. It leaves alone what others changed since."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "take back", id="undo.apply", tooltip="take it back, after typed consent"),
    ]

    def __init__(self, work: Undoing) -> None:
        super().__init__()
        self.work: Undoing = work

    @property
    def crumb(self) -> str:
        return f"undo {self.work.of.id}"

    @property
    def topic(self) -> Subject:
        return self.work.of.holds.target

    def on_mount(self) -> None:
        super().on_mount()
        self.begin(self.work.plan())

    def reload(self) -> None:
        if not self.work.is_busy:
            self.work.of = own_journal().entry(self.work.of.id)
            self.begin(self.work.plan())

    def title_items(self) -> list[Item]:
        return [
            Item((Run("Take back  ", "strong"), Run(self.work.of.holds.title, "strong"), Run(f"   {self.work.of.holds.target}")))
        ]

    def items(self) -> Iterable[Item]:
        return undo_items(self.work)

    def offers(self, action: str) -> bool:
        return action != "apply" or self.work.state == "planned"

    def action_apply(self) -> None:
        work, write = self.work, self.work.write
        if write is None or work.state != "planned":
            self.boss.say("It is at work." if work.is_busy else "There is nothing to take back now; r looks again.", "dim")
            return
        self.ask_leave("", lambda: self.begin(work.apply(write)))
