"""The enrolment wizard: a namespace or one workload into the mesh, wave by wave, with the proof that nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.enrolment.others import Compared, grouped
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.model.text import counted
from screens.text import Run
from screens.views.view import View
from screens.views.wizard import WizardView
from screens.widgets.doc import Item
from screens.wizard import Enrolling, found_again

MOST = 6


class EnrolmentView(WizardView):
    """One enrolment."""

    work: Enrolling
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "strict", "STRICT", id="enrolment.strict", tooltip="the next stage: take no plain text any more"),
    ]

    def __init__(self, work: Enrolling) -> None:
        super().__init__()
        self.work: Enrolling = work

    @property
    def crumb(self) -> str:
        return f"enrol {self.work.workload or self.work.namespace}"

    def heading(self) -> str:
        enrolment = self.work.enrolment
        where = f"{self.work.namespace}/{self.work.workload}" if self.work.workload else f"namespace {self.work.namespace}"
        return f"Enrol {where}" + (f" by revision {enrolment.way.revision}" if enrolment else "")

    def items(self) -> Iterator[Item]:
        enrolment = self.work.enrolment
        if enrolment is None:
            return
        yield from self._waves(enrolment)
        yield from self.in_the_way()
        yield from _proof(self.work.results[-1].compared if self.work.results else enrolment.others)

    def notes(self) -> Iterator[Item]:
        enrolment = self.work.enrolment
        if enrolment is None:
            return
        lines = grouped(enrolment.turned, enrolment.own) if enrolment.waves else ()
        for line in lines[:MOST]:
            yield Item(line, label="CALLS")
        if len(lines) > MOST:
            yield Item(f"and {len(lines) - MOST} more", "dim", label="")
        for line in enrolment.left_words():
            yield Item(line, "dim", label="LEFT OUT")
        for known in enrolment.known[:MOST] if enrolment.waves else ():
            yield Item((Run(f"{known.title}: ", "dim"), Run(known.says, "dim")), label="MIND", note=f"check {known.id}")

    def _waves(self, enrolment: Enrolment) -> Iterator[Item]:
        if not enrolment.waves:
            yield Item("all of it is in the mesh", label="WAVES")
        for number, wave in enumerate(enrolment.waves):
            result = self.work.results[number] if number < len(self.work.results) else None
            mark = self.mark(result.ended if result else None)
            note = counted(wave.pods, "pod") if wave.restarts else "restarts nothing"
            yield Item((mark, Run(f" {wave.title}")), label=f"WAVE {number + 1}", note=note)
            if result is not None:
                entry = f"   entry {result.entry.id}" if result.entry else ""
                yield Item((Run(result.says), Run(entry, "dim")), indent=10)

    async def action_strict(self) -> None:
        from screens.views.strict import strict

        where = f"{self.work.namespace}/{self.work.workload}" if self.work.workload else self.work.namespace
        await strict(self, where)


def _proof(found: Compared | None) -> Iterator[Item]:
    """That nothing else changes, as far as it could be compared."""
    if found is None:
        return
    glyph = Run("✖ ", "bad") if found.differences else Run("● ", "ok")
    yield Item((glyph, Run(found.says)), label="OTHERS")
    for line in found.differences[:MOST]:
        yield Item(line, "bad", indent=2)
    for line in found.blind:
        yield Item((Run("? ", "unknown"), Run(f"not compared: {line}")), indent=2)


async def enrol(view: View, namespace: str, workload: str = "") -> None:
    """Open the wizard from a screen."""
    await view.boss.open(EnrolmentView(found_again(view.boss.feed, Enrolling(view.boss.feed, namespace, workload))))
