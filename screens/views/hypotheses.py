"""What an incident can be: problems ranked, each with what speaks for it, against it, and what is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual.binding import Binding, BindingType

from meshdoctor.triage import freeze
from meshdoctor.triage.hypotheses import Board, Hypothesis, board
from meshdoctor.triage.symptoms import Pasted
from screens.seen import Seen
from screens.text import Run, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from screens.views.incident import IncidentView


class Hypotheses(TableView):
    """The board of one incident."""

    about = "Found: the mesh has it now. Like: only what was pasted looks like it. Enter chooses the suspected cause."
    columns = (
        Column("", least=7, keep=True),
        Column("PROBLEM", least=7, keep=True),
        Column("WHAT", least=22, most=70, keep=True),
        Column("OBJECT", least=14, most=50, is_name=True),
        Column("SCORE", least=5, align="right"),
    )
    empty = "Nothing known looks like what was pasted, and the mesh has no cause."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "choose", id="hypotheses.choose", tooltip="this is the suspected cause: it is written down"),
        Binding(
            "c", "check", "check", id="hypotheses.check", tooltip="run the next check: look again, and tell the two likeliest apart"
        ),
        Binding("y", "copy", "copy check", id="hypotheses.copy", tooltip="copy the command that tells more"),
    ]

    def __init__(self, of: IncidentView) -> None:
        super().__init__()
        self._of = of
        self._board = Board()

    @property
    def crumb(self) -> str:
        return "what it can be"

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        if seen.diagnosis is None:
            return ()
        self._board = board(told_by(self._of), seen.diagnosis)
        return [_row(h) for h in self._board.hypotheses]

    def summary_of(self, seen: Seen) -> list[Item]:
        row = self.row
        items = [
            Item((Run("c ", "key"), Run("next check: ", "dim"), Run(self._board.next_check or self._board.why or "none", "key")))
        ]
        if self._board.not_seen:
            items.append(Item(f"not looked at: {'; '.join(self._board.not_seen[:3])}", "unknown"))
        if row is not None:
            items += _reasons(row.payload)
        return items

    def on_listing_moved(self, event: object) -> None:
        self.guard(self._show_summary)

    async def open(self, row: Row) -> None:
        chosen: Hypothesis = row.payload
        fields = {"problem": chosen.problem, "subject": msgspec.to_builtins(chosen.subject) if chosen.subject else {}}
        says = f"{chosen.problem} {chosen.title}" + (f": {chosen.subject}" if chosen.subject else " (not found in the mesh)")
        self._of.write(
            lambda: self._of.incident.add("cause", "checks", says, of=freeze.key(fields)), f"suspected: {chosen.problem}"
        )
        self.boss.action_pop()

    async def action_check(self) -> None:
        from screens.views.next_check import NextCheck

        if self._board.hypotheses:
            await self.boss.open(NextCheck(self._of, self._board))
        else:
            self.boss.say("There is nothing to tell apart: paste what was seen, or choose a symptom.", "dim")

    def action_copy(self) -> None:
        check = (self.row.payload.check if self.row is not None else "") or self._board.next_check
        if check:
            self.boss.copy(check, f"the command: {check}")
        else:
            self.boss.say("There is no command for it.", "dim")


def told_by(of: IncidentView) -> Pasted:
    """All that was pasted into an incident, as one."""
    texts = [msgspec.convert(e.data.get("pasted", {}), Pasted) for e in of.incident.of("pasted")]

    def every(name: str) -> list[object]:
        return list(dict.fromkeys(each for text in texts for each in getattr(text, name)))

    return msgspec.convert({n: every(n) for n in ("kinds", "says", "codes", "flags", "names", "problems")}, Pasted)


def _reasons(hypothesis: Hypothesis) -> list[Item]:
    said = (("for", hypothesis.for_, "ok"), ("against", hypothesis.against, "bad"), ("unknown", hypothesis.unknown, "unknown"))
    return [Item(says, lead=Run(f"{word:<8}", role)) for word, several, role in said for says in several[:4]]


def _row(h: Hypothesis) -> Row:
    state = badge("FAIL", "found") if h.is_found else badge("UNKNOWN", "like")
    cells = (state, h.problem, h.title, str(h.subject or ""), f"{h.score:.1f}")
    return Row(f"{h.problem} {h.subject}", cells, is_fault=h.is_found, payload=h)
