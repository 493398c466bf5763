"""What every screen is: a body filled from one snapshot, and living on when its own code fails."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.widget import Widget

from meshdoctor.model.findings import Cause, Finding
from meshdoctor.model.sources import SourceState, Unseen
from meshdoctor.model.subject import Subject
from screens.seen import Seen
from screens.text import Run, badge, shell
from screens.threads import aside
from screens.widgets.doc import Doc, Item

if TYPE_CHECKING:
    from screens.app import MeshdoctorApp

log = logging.getLogger("meshdoctor.screens")
T = TypeVar("T")


class View(Vertical, can_focus=True):
    """One screen. Subclasses compose `body`, and show a snapshot in `fill`."""

    title: str = ""
    about: ClassVar[str] = ""
    narrows: ClassVar[bool] = False  # whether `/` means anything here
    narrows_by: ClassVar[str] = ""  # what `/` takes, where it is no filter
    wants: str = ""  # what the open prompt asks to be typed
    drawn_from: ClassVar[tuple[str, ...]] = ()  # patterns of the sources that its figures come from; none: of all

    def __init__(self) -> None:
        super().__init__()
        self.seen: Seen | None = None
        self.display = False
        self._broken = Doc("broken", classes="auto", label=0)
        self._broken.display = False
        self._unfilled: tuple[Item, ...] = ()  # why the present snapshot is not shown
        self._is_filling = False  # in a thread

    def compose(self) -> ComposeResult:
        yield self._broken
        yield from self.body()

    def body(self) -> ComposeResult:
        """The widgets."""
        yield from ()

    def fill(self, seen: Seen) -> None:
        """Show a snapshot."""

    def tick(self) -> None:
        """A second has passed: ages grow."""

    def narrow(self, text: str) -> None:
        """Filter what is here."""

    def given(self, text: str) -> None:
        """What was typed into the `+` prompt."""

    @property
    def topic(self) -> Cause | Finding | Subject | None:
        """What is selected, as an incident would be about it."""
        return None

    async def triage(self) -> None:
        """Begin an incident about the topic."""
        from screens.views.incident import begin

        await begin(self)

    @property
    def filter_text(self) -> str:
        return ""

    @property
    def crumb(self) -> str:
        """Its name on the way here."""
        return self.title

    @property
    def main(self) -> Widget | None:
        """What has the focus."""
        return None

    def take_focus(self) -> None:
        """Keys go to the main part, or to the screen itself while that is not shown; a prompt keeps them."""
        main = self.main
        target = main if main is not None and main.display else self
        if self.display and self.app.focused is not target and not self.boss.is_asking:
            self.screen.set_focus(target)  # at once: the next key may be here already

    def on_focus(self) -> None:
        self.take_focus()

    def offers(self, action: str) -> bool:
        """Whether an action of its own means anything now: what the footer shows."""
        return True

    def knows(self, action: str) -> bool:
        """Whether an action of a base class means anything on this screen at all: what help shows."""
        return True

    def back(self) -> bool:
        """Escape: True if there was something to clear first."""
        return False

    def reload(self) -> None:
        """Read again what this screen asked for itself."""

    @property
    def boss(self) -> MeshdoctorApp:
        return cast("MeshdoctorApp", self.app)

    # The error boundary.

    def present(self, seen: Seen) -> None:
        """Show a snapshot; a failure shows itself, until one is shown, and leaves the other screens as they are."""
        self.seen, self._is_filling = seen, False
        why = self._tried(lambda: self.fill(seen))
        if why or not self._is_filling:
            self.filled(why)

    def guard(self, act: Callable[[], None]) -> None:
        """Do something; what fails is told, else still why the snapshot is not shown."""
        self.tell_broken(self._tried(act) or self._unfilled)

    def _tried(self, act: Callable[[], object]) -> tuple[Item, ...]:
        try:
            act()
        except Unseen as unseen:
            return unseen_items(unseen)
        except Exception as crash:  # the boundary of a panel: shown, logged, and the rest lives
            log.exception("%s failed", type(self).__name__)
            return _crash(crash)
        return ()

    def beside(self, seen: Seen, make: Callable[[], T], then: Callable[[T], None]) -> None:
        """Make something of a snapshot, in a thread where the mesh is large, then show it."""
        if not seen.is_large:
            then(make())
            return

        async def work() -> None:
            made: list[T] = []
            why = await aside(lambda: self._tried(lambda: made.append(make())))
            if seen is self.seen:
                self.filled(why or self._tried(lambda: then(made[0])))

        self._is_filling = True
        self.run_worker(work(), group="beside", exclusive=True, exit_on_error=False)

    def filled(self, why: tuple[Item, ...] = ()) -> None:
        """The present snapshot is shown, or `why` it is not."""
        self._unfilled = why
        self.tell_broken(why)

    def tell_broken(self, items: tuple[Item, ...]) -> None:
        """Say why nothing is shown, or that no more."""
        self._broken.display = bool(items)
        self._broken.set_items(items)


def unseen_items(unseen: Unseen) -> tuple[Item, ...]:
    """What could not be read and why, and what to do about it."""
    source = unseen.source
    says = f"  {source.name}: {source.reason or source.state}"
    items = [Item((badge("UNKNOWN"), Run(says)))]
    if source.command:
        items.append(Item(shell(source.command), lead=Run("see it by hand  ", "dim")))
    if source.state not in (SourceState.ABSENT, SourceState.SKIPPED):
        items.append(Item((Run("what else may not be read, and what that hides  ", "dim"), Run(":permissions", "key"))))
    return tuple(items)


def _crash(crash: Exception) -> tuple[Item, ...]:
    says = f"  this screen failed: {type(crash).__name__}: {crash}"
    return (
        Item((badge("ERROR"), Run(says))),
        Item("It is a fault of meshdoctor; the other screens go on. The log has the details.", "dim", indent=2),
    )


def keys_of(view: type[DOMNode], until: type = View, chosen: Mapping[str, str] | None = None) -> list[Binding]:
    """The bindings of a class, its own before those of its bases: what footer and help are made of.

    `chosen` are the operator's own keys, by the id of the binding.
    """
    found: dict[str, Binding] = {}
    for base in view.__mro__:
        for each in base.__dict__.get("BINDINGS", ()):
            if isinstance(each, Binding):
                found.setdefault(each.key, remapped(each, chosen or {}))
        if base is until:
            break
    return list(found.values())


def remapped(binding: Binding, chosen: Mapping[str, str]) -> Binding:
    """The binding with the operator's keys, where there are any for it."""
    keys = chosen.get(binding.id or "")
    return binding if keys is None else dataclasses.replace(binding, key=keys, key_display=None)


NAMES = {"enter": "⏎", "escape": "esc", "slash": "/", "question_mark": "?", "colon": ":", "pagedown": "pgdn", "pageup": "pgup"}
NAMES |= {"left": "←", "right": "→", "up": "↑", "down": "↓", "right_square_bracket": "]", "left_square_bracket": "["}


def shown_key(binding: Binding) -> str:
    """How a key is written for people."""
    if binding.key_display:
        return binding.key_display
    keys = [NAMES.get(k, k.replace("ctrl+", "ctrl-")) for k in binding.key.split(",")]
    return " ".join(keys)
