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
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from screens.seen import Seen
from screens.text import Run, badge
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
        self._broken = Doc("broken", classes="auto")
        self._broken.display = False

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
        """Show a snapshot; a failure shows itself and leaves the other screens as they are."""
        self.seen = seen
        self.guard(lambda: self.fill(seen))

    def guard(self, act: Callable[[], None]) -> None:
        try:
            act()
            self._tell_broken(())
        except Unseen as unseen:
            self._tell_broken(_unseen(unseen))
        except Exception as crash:  # the boundary of a panel: shown, logged, and the rest lives
            log.exception("%s failed", type(self).__name__)
            self._tell_broken(_crash(crash))

    def beside(self, seen: Seen, make: Callable[[], T], then: Callable[[T], None]) -> None:
        """Make something of a snapshot, in a thread where the mesh is large, then show it."""
        if not seen.is_large:
            then(make())
            return

        async def work() -> None:
            try:
                made = await aside(make)
            except Unseen as unseen:
                self._tell_broken(_unseen(unseen))
            except Exception as crash:  # as in `guard`
                log.exception("%s failed", type(self).__name__)
                self._tell_broken(_crash(crash))
            else:
                if seen is self.seen:
                    self.guard(lambda: then(made))

        self.run_worker(work(), group="beside", exclusive=True, exit_on_error=False)

    def _tell_broken(self, items: tuple[Item, ...]) -> None:
        self._broken.display = bool(items)
        self._broken.set_items(items)


def _unseen(unseen: Unseen) -> tuple[Item, ...]:
    source = unseen.source
    says = f"  {source.name}: {source.reason or source.state}"
    items = [Item((badge("UNKNOWN"), Run(says)))]
    if source.command:
        items.append(Item(f"see it by hand: {source.command}", "dim", indent=2))
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
