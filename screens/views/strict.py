"""The STRICT wizard: who would break and why, the policy, and plain text that is really refused afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.enrolment.stages import proof_of
from meshdoctor.enrolment.strict import Stage
from meshdoctor.reports import mtls_forecast
from screens.text import Run
from screens.views.view import View
from screens.views.wizard import WizardView
from screens.widgets.doc import Item
from screens.wizard import Tightening, found_again


class StrictView(WizardView):
    """One way to STRICT."""

    work: Tightening

    def __init__(self, work: Tightening) -> None:
        super().__init__()
        self.work: Tightening = work

    @property
    def crumb(self) -> str:
        return f"STRICT {self.work.where}"

    def heading(self) -> str:
        return f"PERMISSIVE to STRICT: {self.work.where}"

    def items(self) -> Iterator[Item]:
        for number, stage in enumerate(self.work.stages):
            reached = self.work.reached[number] if number < len(self.work.reached) else None
            mark = self.mark(reached.ended if reached else None)
            yield Item((mark, Run(f" {stage.title}")), label=f"STAGE {number + 1}")
            if reached is None:
                yield from _foretold(stage)
                continue
            entry = f"   entry {reached.entry.id}" if reached.entry else ""
            yield Item((Run(reached.says), Run(entry, "dim")), indent=10)
            for before, after in zip(reached.before, reached.after, strict=True):
                yield Item(f"API server -> {after.door}: before {before.outcome}, now {after.outcome} ({after.says})", indent=10)
        yield from self.in_the_way()


def _foretold(stage: Stage) -> Iterator[Item]:
    """Who breaks, by observation and configuration, and how it will be proven."""
    for line in mtls_forecast.text(stage.found, 400).splitlines():
        role = "bad" if line.startswith("✖") else "dim" if line.startswith("Seen") else ""
        yield Item(line.strip() or " ", role, indent=len(line) - len(line.lstrip()))
    yield Item(proof_of(stage), label="PROOF")


async def strict(view: View, where: str) -> None:
    """Open the wizard from a screen."""
    await view.boss.open(StrictView(found_again(view.boss.feed, Tightening(view.boss.feed, where))))
