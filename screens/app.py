"""The application: one stack of screens under one top line, with one prompt and one footer."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.filter import LineFilter

from meshdoctor.model.findings import Diagnosis
from screens import bars, clipboard, registry, theme
from screens.changing import Changing
from screens.feed import Feed, Switches
from screens.keys import COMMANDS, EVERYWHERE
from screens.options import Options
from screens.seen import Recorded, Seen, observed
from screens.text import GLUE, Run, clean, cut
from screens.views.view import View
from screens.widgets.band import Band, Part
from screens.widgets.prompt import Ask, Mode, Prompt

log = logging.getLogger("meshdoctor.screens")
SAID_FOR = 6.0
ASKED_FOR = 3.0


class MeshdoctorApp(App[int]):
    """meshdoctor in a terminal."""

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    TITLE = "meshdoctor"
    CSS = """
    Screen { background: $background; color: $foreground; layers: base; overflow: hidden; }
    #stack { height: 1fr; }
    .rule { height: 1; border-top: solid $border; }
    View { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*EVERYWHERE]

    def __init__(self, feed: Feed, options: Options | None = None) -> None:
        super().__init__()
        self.feed = feed
        self.options = options or Options()
        self.changing = Changing(feed, write=self.options.write)
        self.began = time.monotonic()
        self.stack: list[View] = []
        self.frozen: Seen | None = None
        self.seen = Seen(feed.mesh, feed.diagnosis, feed.link, feed.context)
        self._views: dict[str, View] = {}
        self._recorded = Recorded()
        self._top, self._footer = Band("top"), Band("footer")
        self._prompt = Prompt(self._hints, self._complete)
        self._link, self._link_at = feed.link, time.monotonic()
        self._due, self._asked_to_leave, self._said_until = False, 0.0, 0.0
        self._known_causes = observed(feed.diagnosis) if feed.diagnosis else None
        self._colours = theme.filter_for(self.console.color_system, no_color=self.no_color)
        for each in (theme.DARK, theme.LIGHT):
            self.register_theme(each)
        self.theme = theme.chosen(self.options.theme)
        for entry in registry.entries():
            if entry.key:
                self.bind(registry.digit(entry, self.options.keys), f"go('{entry.name}')", description=entry.title, show=False)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """NO_COLOR means none, not grey; sixteen colours are the terminal's own."""
        return (self._colours,) if self._colours else super().get_line_filters()

    def compose(self) -> ComposeResult:
        yield self._top
        yield Container(classes="rule")
        yield Container(id="stack")
        yield Container(classes="rule")
        yield self._prompt
        yield self._footer

    async def on_mount(self) -> None:
        self.set_keymap(self.options.keys)
        home = registry.find("home")
        assert home is not None
        await self.open(self._view(home))
        if self.options.start not in ("", "home"):
            await self.action_go(self.options.start)
        self.feed.subscribe(self._changed)
        self.run_worker(self.feed.run(), group="feed", exit_on_error=False)
        self.set_interval(1.0, self._tick)
        self._present()
        if self.changing.count_pending():
            self.say("A change was interrupted: J says whether it was written, and finishes it or takes it back.", "warn")

    # What is shown.

    @property
    def view(self) -> View | None:
        return self.stack[-1] if self.stack else None

    @property
    def shown(self) -> Seen:
        return self.frozen or self.seen

    def _changed(self) -> None:
        """The feed has news: taken up once, however often it tells within a turn of the loop."""
        if not self._due:
            self._due = True
            self.call_later(self._take_up)

    def _take_up(self) -> None:
        self._due = False
        feed, old = self.feed, self.seen
        at = old.at if feed.mesh is old.mesh else time.monotonic()
        self.seen = Seen(feed.mesh, feed.diagnosis, feed.link, feed.context, at)
        if feed.context != old.context or feed.mesh is None:
            self.frozen, self._known_causes = None, None
        is_new = feed.mesh is not old.mesh or feed.diagnosis is not old.diagnosis
        if feed.diagnosis is not None and feed.diagnosis is not old.diagnosis:
            self._tell_of(feed.diagnosis)
        if is_new or (feed.link.state, feed.link.reason) != (old.link.state, old.link.reason):
            self._present()
        self._show_top()

    def _present(self) -> None:
        if self.view is not None and self.frozen is None:
            self.view.present(self.seen)
        self.tell_keys()
        self._show_top()

    def _tell_of(self, diagnosis: Diagnosis) -> None:
        """Terminal title, and the bell for a cause that was not there at the last look."""
        causes = observed(diagnosis)
        if self.options.bell and self._known_causes is not None and causes - self._known_causes:
            self.bell()
        self._known_causes = causes
        if self.options.title:
            self._entitle(bars.title(diagnosis))

    def _entitle(self, text: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]2;{clean(text, 60)}\x07")

    def _tick(self) -> None:
        if self._said_until and time.monotonic() > self._said_until:
            self._said_until = 0.0
            self._show_footer()
        self._show_top()
        if self.view is not None:
            self.view.guard(self.view.tick)

    def _show_top(self) -> None:
        link = self.feed.link
        if link is not self._link:  # a live store makes one with today's age at every look
            self._link, self._link_at = link, time.monotonic()
        age = None if link.age_s is None else link.age_s + time.monotonic() - self._link_at
        seen, recorded = self.shown, self._recorded.of(self.shown)
        clock, frozen = self.options.clock(), self.frozen is not None
        left, right = bars.top(seen, link, age, clock, frozen, self._trail(), self.changing, recorded)
        self._top.set_parts(left, right)

    def _trail(self) -> tuple[str, ...]:
        return tuple(v.crumb for v in self.stack[1:])

    def _show_footer(self) -> None:
        left, right = bars.footer(self.view, at_home=len(self.stack) == 1)
        self._footer.set_parts(left, right)

    def tell_keys(self) -> None:
        """What is selected changed, and with it which keys mean something."""
        if not self._said_until:
            self._show_footer()

    def say(self, text: str, role: str = "") -> None:
        """A line for the operator in place of the footer, for six seconds; it is logged too."""
        log.info("%s", clean(text))
        self._said_until = time.monotonic() + SAID_FOR
        self._footer.set_parts([Part((Run(cut(clean(text), max(self.size.width - 2, 20)), role),))])

    def copy(self, text: str, what: str) -> None:
        """Copy to the clipboard of the terminal, and of the desktop where there is one. Secrets are masked."""
        self.copy_to_clipboard(text := clipboard.safe(text).replace(GLUE, " "))
        self.run_worker(clipboard.copy_native(text), group="clipboard", exit_on_error=False)
        self.say(f"copied {what}")

    def news_of_change(self) -> None:
        """A change was begun, ended, or leave for it was given: top line and footer tell."""
        self._show_top()
        self.tell_keys()

    # The stack.

    def _view(self, entry: registry.Entry) -> View:
        """The one view of a registered screen: its filter and cursor outlive leaving it."""
        if entry.name not in self._views:
            view = entry.view()
            view.title = entry.title
            self._views[entry.name] = view
        return self._views[entry.name]

    async def open(self, view: View) -> None:
        """Put a view on the stack. Keys typed ahead wait for it."""
        if view in self.stack:
            while self.stack[-1] is not view:
                self._drop()
        else:
            if not view.is_attached:
                await self.query_one("#stack", Container).mount(view)
            self.stack.append(view)
        self._reveal()

    def _drop(self) -> None:
        view = self.stack.pop()
        view.display = False
        if view not in self._views.values():
            view.remove()

    def _reveal(self) -> None:
        """Show the top of the stack with the newest snapshot, and give it the keys."""
        view = self.stack[-1]
        for other in self.stack[:-1]:
            other.display = False
        view.display = True
        if view.seen is not self.shown:
            view.present(self.shown)
        view.take_focus()
        self._said_until = 0.0  # what was said was about the screen before
        self._show_footer()
        self._show_top()

    async def action_go(self, name: str, text: str = "") -> None:
        """Go to a screen: the stack begins anew there."""
        entry = registry.find(name)
        if entry is None:
            return
        view = self._view(entry)
        while len(self.stack) > 1 and self.stack[-1] is not view:
            self._drop()
        await self.open(view)
        if text and view.narrows:
            view.narrow(text)

    def action_clear_or_pop(self) -> None:
        """Escape: first what the screen can clear, then back."""
        if self.view is not None and not self.view.back():
            self.action_pop()

    def action_pop(self) -> None:
        if len(self.stack) > 1:
            self._drop()
            self._reveal()
        else:
            self.say("This is home. :q or ctrl-c leaves.", "dim")

    async def action_triage(self) -> None:
        """Begin an incident about what is selected, or go on with the one that is open about it."""
        if self.view is not None:
            await self.view.triage()

    async def action_figures(self) -> None:
        from screens.views.figures import Figures

        if self.view is not None and not isinstance(self.view, Figures):
            await self.open(Figures(self.view))

    async def action_help(self) -> None:
        from screens.views.help import Help

        if self.view is not None and not isinstance(self.view, Help):
            await self.open(Help(self.view))

    # The prompt.

    async def on_key(self, event: events.Key) -> None:
        """A key that was on its way here when the prompt opened is for the prompt."""
        if self.is_asking and (event.is_printable or event.key == "enter"):
            event.prevent_default()
            await self.query_one(Ask).take(event)

    def action_ask(self, mode: Mode) -> None:
        if self._prompt.typed(mode):
            return
        if mode == "/" and (self.view is None or not self.view.narrows):
            self.say("There is nothing to filter here; 8 has all findings.", "dim")
            return
        value = self.view.filter_text if mode == "/" and self.view else ""
        self._footer.display = False
        self._prompt.open(mode, value, anew=mode == "/" and bool(self.view and self.view.narrows_by))

    @property
    def is_asking(self) -> bool:
        """Whether a prompt has the keys."""
        return self._prompt.is_open

    def _hints(self, mode: Mode, text: str) -> list[Run]:
        return bars.hints(mode, text, self.view, tuple(COMMANDS))

    def _complete(self, mode: Mode, text: str) -> str:
        return bars.complete(text, (*registry.names(), *COMMANDS)) if mode == ":" else text

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        if event.mode == "/" and self.view is not None:
            view = self.view
            view.guard(lambda: view.narrow(event.value))

    async def on_prompt_given(self, event: Prompt.Given) -> None:
        self._close_prompt()
        if event.mode == ":":
            await self._run_typed(event.value.strip())
        elif event.mode in "+!" and self.view is not None:
            self.view.given(event.value.strip())

    def on_prompt_closed(self, event: Prompt.Closed) -> None:
        self._close_prompt()
        if event.mode == "/" and self.view is not None:
            self.view.narrow("")

    def _close_prompt(self) -> None:
        self._prompt.close()
        self._footer.display = True
        self._show_footer()
        if self.view is not None:
            self.set_focus(None)
            self.view.take_focus()

    async def _run_typed(self, typed: str) -> None:
        """Run exactly what was typed; an unknown name lists those like it."""
        word, _, rest = typed.partition(" ")
        if not word:
            return
        if registry.find(word) is not None:
            await self.action_go(word, rest.strip().removeprefix("/"))
        elif word in COMMANDS:
            self._command(word)
        else:
            like = registry.near(word, (*registry.names(), *COMMANDS))
            self.say(f"There is no {word!r}. " + (f"Near: {', '.join(like)}." if like else "? lists all."), "warn")

    def _command(self, word: str) -> None:
        if word in ("q", "quit"):
            self.exit(0)
        elif word == "demo":
            self.start_demo()
        else:
            self.theme = f"meshdoctor-{word}"

    # Everywhere.

    def start_demo(self) -> None:
        self.run_worker(self._demo(), group="demo", exclusive=True, exit_on_error=False)

    async def _demo(self) -> None:
        if not isinstance(self.feed, Switches):
            self.say("There is no recorded mesh here.", "warn")
            return
        self.say("opening the recorded mesh …")
        try:
            await self.feed.demo()
        except Exception as error:  # shown in place of the footer, whatever it was
            log.exception("demo failed")
            self.say(f"The recorded mesh did not open: {error}", "bad")
        else:
            await self.action_go("home")

    async def switch(self, context: str) -> None:
        """Go to another context, whatever this one is doing."""
        if isinstance(self.feed, Switches):
            self.frozen = None
            self.feed.switch(context)
            await self.action_go("home")
            self.say(f"going to {context}")

    def action_retry(self) -> None:
        self.feed.retry()
        if self.view is not None:
            self.view.reload()
        self.say("trying again now", "dim")

    def action_freeze(self) -> None:
        self.frozen = None if self.frozen else self.seen
        self.say("frozen: space goes on" if self.frozen else "live again")
        if not self.frozen:
            self._present()
        self._show_top()

    def action_leave(self) -> None:
        """Ask once, then leave."""
        now = time.monotonic()
        if now - self._asked_to_leave < ASKED_FOR:
            self.exit(0)
            return
        self._asked_to_leave = now
        if self._prompt.is_open:
            self._close_prompt()
        self.say("ctrl-c again leaves", "strong")
