"""What a fix and an undo have in common on the screen: what it shows of the work, and the order of what has to be typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from screens.fixing import state_of
from screens.mending import Work
from screens.seen import Seen
from screens.views.document import WorkView
from screens.widgets.doc import Item


class ChangeView(WorkView):
    """One change."""

    work: Work

    def __init__(self) -> None:
        super().__init__()
        self._at = ""

    def on_mount(self) -> None:
        self.work.tell = self._news

    def items(self) -> Iterable[Item]:
        """The plan."""
        return ()

    def title_items(self) -> list[Item]:
        """What it is about."""
        return []

    def fill(self, seen: Seen) -> None:
        self.show()

    def tick(self) -> None:
        self._show_state()

    def show(self) -> None:
        """The work as it stands."""
        self._show_state()
        self.doc.set_items(self.items())

    def _show_state(self) -> None:
        self.head.set_items([*self.title_items(), *state_of(self.work, self.work.context)])

    def _news(self) -> None:
        """The work tells: shown here while this is shown, else said in a line when it ended."""
        if self.is_attached:
            self.guard(self.show)
        if self.work.state != self._at:
            self._at = self.work.state
            self.boss.changing.count_pending()
            self.boss.news_of_change()
            if not self.display and not self.work.is_busy:
                self.boss.say(f"{self.crumb}: {self._at.replace('-', ' ')}", "ok" if self._at in ("verified", "undone") else "warn")

    def ask_leave(self, name: str, granted: Callable[[], None]) -> None:
        """Have it typed: first the context's name, while all is read-only; then the object's name where one is given, else y."""
        changing = self.boss.changing

        def lifted() -> None:
            changing.lift()
            self.boss.news_of_change()
            if name:
                self.ask(name, f"the risk is high: type {name} to write it", granted)
            else:
                granted()

        if changing.may_write:
            self.ask(name or "y", f"type {name or 'y'} to write it to {self.work.context}", granted)
        else:
            context = self.work.context
            self.ask(context, f"type {context} to lift read-only{'' if name else ' and write it'}", lifted)
