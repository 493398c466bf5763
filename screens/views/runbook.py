"""One runbook: steps with their commands and what is to be seen, ticked off as they are done."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.pages import page
from meshdoctor.model.runbooks import Runbook, RunbookStep, of_page
from meshdoctor.model.subject import Subject
from meshdoctor.triage import acted, incident
from meshdoctor.triage.commands import filled
from meshdoctor.triage.places import NOWHERE, places_of
from screens.seen import Seen
from screens.text import Run, badge, glued, shell
from screens.threads import aside
from screens.views.document import DocumentView
from screens.widgets.doc import Item
from screens.widgets.listing import Listing


def steps_for(problem: str) -> Runbook:
    """The steps of a problem's page."""
    return of_page(page(problem))


class RunbookView(DocumentView):
    """The steps; nothing is run from here."""

    about = "Commands are copied, not run. A step that is ticked off goes into the incident that is open."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "copy command", id="runbook.copy", tooltip="copy the selected step's command"),
        Binding("x", "done", "done", id="runbook.done", tooltip="tick the step off; an open incident keeps it as an action"),
    ]

    def __init__(self, book: Runbook, subject: Subject | None = None) -> None:
        super().__init__()
        self.book, self.subject = book, subject
        self._done: set[int] = set()
        self._places = NOWHERE

    @property
    def crumb(self) -> str:
        return f"runbook {self.book.id}"

    @property
    def topic(self) -> Subject | None:
        return self.subject

    def fill(self, seen: Seen) -> None:
        about = f"   {glued(str(self.subject))}" if self.subject else ""
        done = glued(f"   {len(self._done)} of {len(self.book.step)} done") if self._done else ""
        head = (Run(f"{self.book.id}  ", "strong"), Run(self.book.title, "strong"), Run(f"{about}{done}", "dim"))
        self.head.set_items([Item(head)])
        self._places = places_of(seen.mesh) if seen.mesh else NOWHERE
        self.doc.set_items(self._items(seen.context))

    def _items(self, context: str) -> Iterator[Item]:
        book = self.book
        yield Item(book.when, label="WHEN")
        yield Item(book.risk, "bad" if book.risk == "high" else "", label="RISK")
        before = ""
        for number, step in enumerate(book.step):
            if step.do != before:
                yield Item("")
                yield Item(step.do, "strong", label=f"{self._place(number)}")
            before = step.do
            yield from self._step(number, step, context)
        yield Item("")
        yield Item(book.resolved, label="RESOLVED")
        yield Item(filled(book.rollback, self.subject, context, self._places), label="BACK OUT")
        related = [p for p in book.problems if p != book.id]
        if related:
            yield Item(", ".join(related), "dim", label="SEE ALSO")

    def _place(self, number: int) -> int:
        """The step that a command belongs to, as it is counted on the screen: several commands may do one thing."""
        told = self.book.step[: number + 1]
        return 1 + sum(one.do != other.do for one, other in pairwise(told))

    def _step(self, number: int, step: RunbookStep, context: str) -> Iterator[Item]:
        mark = badge("OK", "") if number in self._done else Run("○", "dim")
        lines = filled(step.command, self.subject, context, self._places).split("\n")
        text = shell(lines[0])
        yield Item(text, "key", key=f"step {number}", payload=number, lead=Run(f"{mark.text} $ ", mark.role))
        yield from (Item(shell(line), "key", indent=4) for line in lines[1:])
        if step.expect:
            yield Item(step.expect, "dim", indent=4, lead=Run("see: ", "dim"))

    def command(self, number: int) -> str:
        """The command of a step, filled in."""
        return filled(self.book.step[number].command, self.subject, self.boss.feed.context, self._places)

    async def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        item = self.doc.item
        if item is not None and isinstance(item.payload, int):
            self.boss.copy(self.command(item.payload), "the command")

    def action_done(self) -> None:
        item = self.doc.item
        if item is None or not isinstance(item.payload, int):
            return
        number = item.payload
        self._done ^= {number}
        if self.seen is not None:
            self.present(self.seen)
        if number in self._done:
            self.run_worker(self._keep(number), group="asked", exit_on_error=False)

    async def _keep(self, number: int) -> None:
        """An action of the incident that is open, if there is one."""
        says = f"Runbook {self.book.id}, step {self._place(number)}: {self.book.step[number].do}: {self.command(number)}"
        context = self.boss.feed.context

        def keep() -> str:
            one = acted.under_way(incident.incidents_folder(), context=context)
            return one.add("action", "actions", says).title if one is not None else ""

        try:
            title = await aside(keep)
        except MeshdoctorError as why:
            self.boss.say(str(why), "bad")
        else:
            self.boss.say(f"kept in the incident: {title}" if title else "ticked off; no incident is open to keep it", "dim")
