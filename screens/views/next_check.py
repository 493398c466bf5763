"""The check that tells the two likeliest hypotheses apart, run: a look made now, the two judged anew, and the object itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.triage.hypotheses import Board, Hypothesis, board
from screens.text import Run
from screens.threads import aside
from screens.views.asked import AskedText
from screens.widgets.rows import Row

if TYPE_CHECKING:
    from screens.views.incident import IncidentView

HEAD = "# "


class NextCheck(AskedText):
    """It only reads. What came of it is written into the incident."""

    about = "A look made now. What is below the line is the object as it is, for the command that was proposed."

    def __init__(self, of: IncidentView, before: Board) -> None:
        super().__init__()
        self._of, self._before = of, before

    @property
    def what(self) -> str:
        return "a look made now"

    @property
    def crumb(self) -> str:
        return "check"

    async def ask(self) -> str:
        from screens.views.hypotheses import told_by

        mesh = await self.boss.feed.look()
        found = await aside(lambda: judge(mesh))
        now = board(told_by(self._of), found)
        outcome = [_outcome(each, now, found) for each in self._before.hypotheses[:2]]
        self._of.write(lambda: self._of.incident.add("note", "checks", f"Checked: {'; '.join(outcome)}", source="meshdoctor"))
        lines = [f"{HEAD}Looked at {datetime.now():%H:%M:%S}", *outcome, *_evidence(now)]
        first = next((h for h in now.hypotheses[:2] if h.subject is not None), None)
        if first is not None and first.subject is not None:
            try:
                text = await self.boss.feed.object_yaml(first.subject)
            except MeshdoctorError as why:
                text = f"it cannot be shown: {why}"
            lines += [f"{HEAD}{first.subject}", *text.splitlines()]
        if now.next_check or now.why:
            lines += [f"{HEAD}Still to be done by hand", now.next_check or now.why]
        return "\n".join(lines)

    def lines(self, text: str) -> Iterable[Row]:
        for number, line in enumerate(text.splitlines()):
            yield Row(f"{number}", (Run(line.removeprefix(HEAD), "head" if line.startswith(HEAD) else ""),))


def _outcome(before: Hypothesis, now: Board, found: Diagnosis) -> str:
    """What became of one hypothesis."""
    same = next((h for h in now.hypotheses if (h.problem, h.subject) == (before.problem, before.subject)), None)
    if same is not None and same.is_found:
        return f"{before.problem} is found at {same.subject}"
    if same is not None and same.unknown:
        return f"{before.problem} could not be judged: {same.unknown[0]}"
    if before.is_found:
        return f"{before.problem} is no longer found at {before.subject}"
    check = next((c for c in found.checks if c.problem == before.problem), None)
    return f"{before.problem}: its rule looked, and found nothing" if check else f"{before.problem}: no rule looks for it"


def _evidence(now: Board) -> Iterator[str]:
    for each in now.hypotheses[:2]:
        yield from (f"  for {each.problem}: {says}" for says in each.for_[:4])
        yield from (f"  against {each.problem}: {says}" for says in each.against[:4])
