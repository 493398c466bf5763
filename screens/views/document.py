"""One document below its heading, and the same for work that goes on beside the screens and asks for consent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from screens.views.view import View
from screens.widgets.doc import LABEL, Doc


class DocumentView(View):
    """A heading, a rule, a document. `labels` are the columns of their labels."""

    labels: ClassVar[tuple[int, int]] = (0, LABEL)

    def body(self) -> ComposeResult:
        heading, doc = self.labels
        yield Doc("heading", classes="auto", label=heading)
        yield Container(classes="rule")
        yield Doc("doc", label=doc)

    def on_mount(self) -> None:
        self.head.can_focus = False

    @property
    def head(self) -> Doc:
        """What stands above the rule."""
        return self.query_one("#heading", Doc)

    @property
    def doc(self) -> Doc:
        """What stands below it."""
        return self.query_one("#doc", Doc)

    @property
    def main(self) -> Widget:
        return self.doc


class WorkView(DocumentView):
    """Follows work that changes the cluster. Leaving it stops nothing; consent is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.wants = ""  # what the prompt asks to be typed
        self._word = ""
        self._granted: Callable[[], None] = lambda: None

    def begin(self, step: Coroutine[Any, Any, None]) -> None:
        """Run a step of the work beside the screens: it outlives this one."""
        self.boss.run_worker(step, group="change", exit_on_error=False)

    def ask(self, word: str, wants: str, granted: Callable[[], None]) -> None:
        """Have a word typed; `wants` asks for it."""
        self._word, self.wants, self._granted = word, wants, granted
        self.boss.action_ask("!")

    def given(self, text: str) -> None:
        word, self._word = self._word, ""
        if not word or text.strip() != word:
            self.boss.say("Not what was asked for: nothing was written.", "warn")
            return
        self._granted()
