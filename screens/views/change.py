"""What a fix and an undo have in common on the screen: a document that follows the work, and consent that is typed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from screens.fixing import state_of
from screens.mending import Work
from screens.seen import Seen
from screens.views.view import View
from screens.widgets.doc import Doc, Item

LEFT = "Not what was asked for: nothing was written."


class ChangeView(View):
    """One change. Leaving it stops nothing; what is written goes on."""

    work: Work

    def __init__(self) -> None:
        super().__init__()
        self.wants = ""
        self._word = ""
        self._granted: Callable[[], None] = lambda: None
        self._at = ""

    def body(self) -> ComposeResult:
        yield Doc("heading", classes="auto", label=0)
        yield Container(classes="rule")
        yield Doc("doc")

    def on_mount(self) -> None:
        self.query_one("#heading", Doc).can_focus = False
        self.work.tell = self._news

    @property
    def main(self) -> Widget:
        return self.query_one("#doc", Doc)

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
        self.query_one("#doc", Doc).set_items(self.items())

    def _show_state(self) -> None:
        self.query_one("#heading", Doc).set_items([*self.title_items(), *state_of(self.work, self.work.context)])

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

    def begin(self, step: Coroutine[Any, Any, None]) -> None:
        """Run a step of the work beside the screens: it outlives this one."""
        self.boss.run_worker(step, group="change", exit_on_error=False)

    # Consent.

    def ask_leave(self, name: str, granted: Callable[[], None]) -> None:
        """Have it typed: first the context's name, while all is read-only; then the object's name where one is given, else y."""
        self._granted = granted
        changing = self.boss.changing
        if not changing.may_write:
            self._ask(self.work.context, f"type {self.work.context} to lift read-only{'' if name else ' and write it'}", name)
        else:
            self._ask(name or "y", f"type {name or 'y'} to write it to {self.work.context}", "")

    def _ask(self, word: str, wants: str, then: str) -> None:
        self._word, self.wants, self._then = word, wants, then
        self.boss.action_ask("!")

    def given(self, text: str) -> None:
        if not self._word:
            return
        word, then, self._word = self._word, self._then, ""
        if text.strip() != word:
            self.boss.say(LEFT, "warn")
            return
        if not self.boss.changing.may_write:
            self.boss.changing.lift()
            self.boss.news_of_change()
            if then:
                self._ask(then, f"the risk is high: type {then} to write it", "")
                return
        self._granted()
