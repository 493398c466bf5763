"""The prompts: `:` goes somewhere, `/` narrows what is here, `+` notes something in it, `!` asks for consent to a change.

They take the place of the footer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from meshdoctor.model.text import plain
from screens.text import Run, width_of
from screens.widgets.band import Band, Part

LONGEST = 2_000  # characters that are pasted into a prompt
Mode = Literal[":", "/", "+", "!"]


def fitting(runs: Sequence[Run], room: int) -> Iterator[Run]:
    """As many of the words of a hint as there is room for; `…` for the others."""
    for text, role in runs:
        if width_of(text) <= room:
            yield Run(text, role)
            room -= width_of(text)
            continue
        words = text[: max(room - 1, 0)].rpartition("  ")[0] or text[: max(room - 1, 0)].rpartition(" ")[0]
        yield Run(f"{words} …" if words else "…", role)
        return


class Ask(Input):
    """The input: tab completes, up and down walk what was typed before, escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "complete", show=False),
        Binding("up", "older", "older", show=False),
        Binding("down", "newer", "newer", show=False),
        Binding("escape", "leave", "leave", show=False),
    ]

    class Done(Message):
        """Enter was pressed: exactly this text."""

        def __init__(self, value: str) -> None:
            self.value = value
            super().__init__()

    class Leave(Message):
        """Nothing is wanted after all."""

    class Complete(Message):
        """Tab was pressed."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self.past: list[str] = []
        self.asking = False
        self._place = 0

    async def take(self, event: events.Key) -> None:
        """A key that reached the application instead."""
        await self._on_key(event)

    async def _on_key(self, event: events.Key) -> None:
        """Enter takes what stands there now, before keys that were typed ahead; those are for the screen."""
        if not self.asking:
            return
        if event.key == "enter":
            event.stop()
            self.asking = False
            self.keep(self.value)
            self.post_message(self.Done(self.value))
            return
        await super()._on_key(event)

    def _on_paste(self, event: events.Paste) -> None:
        """One line, harmless, and no longer than a line that somebody reads: a log of megabytes is pasted into an incident."""
        event.prevent_default()
        event.stop()
        if self.asking:
            self.insert_text_at_cursor(" ".join(plain(event.text[: 4 * LONGEST], LONGEST).split()))

    def begin(self, value: str, *, anew: bool = False) -> None:
        """Ask, with a text that is gone on with; or, `anew`, one that the first key replaces."""
        self.asking = True
        self.value = value
        self.cursor_position = len(value)
        if anew:
            self.select_all()
        self._place = len(self.past)

    def keep(self, value: str) -> None:
        """Remember what was typed."""
        if value and (not self.past or self.past[-1] != value):
            self.past.append(value)

    def action_complete(self) -> None:
        self.post_message(self.Complete())

    def action_leave(self) -> None:
        self.post_message(self.Leave())

    def action_older(self) -> None:
        self._walk(-1)

    def action_newer(self) -> None:
        self._walk(1)

    def _walk(self, by: int) -> None:
        self._place = min(max(self._place + by, 0), len(self.past))
        self.value = self.past[self._place] if self._place < len(self.past) else ""
        self.cursor_position = len(self.value)


class Prompt(Horizontal):
    """Mark, input and hints in one line."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt > #mark { width: 3; }
    Prompt > Ask { width: 2fr; background: transparent; }
    Prompt > #hints { width: 3fr; }
    """

    class Changed(Message):
        def __init__(self, mode: Mode, value: str) -> None:
            self.mode, self.value = mode, value
            super().__init__()

    class Given(Message):
        """Enter: exactly this text."""

        def __init__(self, mode: Mode, value: str) -> None:
            self.mode, self.value = mode, value
            super().__init__()

    class Closed(Message):
        """Escape: as if nothing had been typed."""

        def __init__(self, mode: Mode) -> None:
            self.mode = mode
            super().__init__()

    def __init__(self, hints: Callable[[Mode, str], list[Run]], complete: Callable[[Mode, str], str]) -> None:
        super().__init__(id="prompt")
        self.mode: Mode = ":"
        self._hints, self._complete = hints, complete
        self._past: dict[Mode, list[str]] = {":": [], "/": [], "+": []}

    def compose(self) -> ComposeResult:
        yield Band("mark")
        yield Ask()
        yield Band("hints")

    @property
    def is_open(self) -> bool:
        """Whether it has the keys."""
        return bool(self.display)

    def typed(self, key: Mode) -> bool:
        """Whether a key that opens a prompt is a letter of what is being typed: the colon of a sentence, or of a name."""
        if self.is_open and self.mode in "+!":
            self.query_one(Ask).insert_text_at_cursor(key)
            return True
        return False

    def open(self, mode: Mode, value: str = "", *, anew: bool = False) -> None:
        self.mode = mode
        self.query_one("#mark", Band).set_parts([Part((Run(mode, "strong"),))])
        ask = self.query_one(Ask)
        ask.past = [] if mode == "!" else self._past[mode]  # consent is typed each time
        ask.begin(value, anew=anew)
        self.display = True
        self._hint(value)
        self.screen.set_focus(ask)  # at once: the next key may be here already

    def close(self) -> None:
        self.query_one(Ask).asking = False
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.is_open:
            self._hint(event.value)
            self.post_message(self.Changed(self.mode, event.value))

    def on_ask_done(self, event: Ask.Done) -> None:
        event.stop()
        self.post_message(self.Given(self.mode, event.value))

    def on_ask_complete(self, event: Ask.Complete) -> None:
        ask = self.query_one(Ask)
        ask.value = self._complete(self.mode, ask.value)
        ask.cursor_position = len(ask.value)

    def on_ask_leave(self, event: Ask.Leave) -> None:
        self.post_message(self.Closed(self.mode))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if self.is_open and not self.has_focus_within:
            self.close()

    def _hint(self, value: str) -> None:
        hints = self.query_one("#hints", Band)
        hints.set_parts([Part(tuple(fitting(self._hints(self.mode, value), self.app.size.width * 3 // 5 - 4)))])
