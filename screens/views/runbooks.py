"""Runbooks: what no single change heals, step by step. First those of what is found now, then the handbook's, then all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.pages import pages
from meshdoctor.model.runbooks import Runbook, of_page, runbooks
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

RISKS = {"high": "bad", "medium": "warn"}


@screen(name="runbooks", aliases=("runbook", "rb"), title="Runbooks", says="steps with commands, checks and the way back")
class Runbooks(TableView):
    """All of them."""

    needs_mesh = False
    about = "Enter shows the steps. Nothing here is run: commands are copied."
    columns = (
        Column("RUNBOOK", least=22, most=34, keep=True),
        Column("WHAT FOR", least=38, most=100, keep=True),
        Column("RISK", least=6),
        Column("FOUND", least=5, align="right", keep=True),
        Column("STEPS", least=5, align="right"),
    )
    fields = frozenset({"risk", "kind"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "steps", id="runbooks.open", tooltip="its steps, each with its command and what is to be seen"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        found = [c.problem for c in seen.diagnosis.causes] if seen.diagnosis else []
        kinds = {
            "found": [of_page(pages()[p]) for p in dict.fromkeys(found)],
            "handbook": list(runbooks().values()),
            "problem": [of_page(p) for p in pages().values() if p.id not in found],
        }
        made = [_row(book, kind, sum(p in found for p in book.problems)) for kind, books in kinds.items() for book in books]
        return sorted(made, key=lambda row: not row.is_fault)

    def fill(self, seen: Seen) -> None:
        """There are as many without a mesh."""
        self.take(tuple(self.rows_of(seen)))

    def summary_of(self, seen: Seen) -> list[Item]:
        found = sum(r.is_fault for r in self._all)
        said = f"{found} for what is found now, first.  " if found else ""
        return [Item(f"{said}Nothing is run from here.", "dim")]

    def detail_of(self, row: Row) -> list[Item]:
        book: Runbook = row.payload
        return [Item(book.title, "strong"), Item(book.when, label="WHEN")]

    async def open(self, row: Row) -> None:
        from screens.views.runbook import RunbookView

        book: Runbook = row.payload
        causes = self.seen.diagnosis.causes if self.seen and self.seen.diagnosis else ()
        subject = next((c.subject for c in causes if c.problem in book.problems), None)
        await self.boss.open(RunbookView(book, subject))


def _row(book: Runbook, kind: str, found: int) -> Row:
    risk = Run(book.risk, RISKS.get(book.risk, "dim"))
    cells = (book.id, book.title, risk, Run(f"{found}", "bad") if found else Run("-", "dim"), str(len(book.step)))
    return Row(f"{kind} {book.id}", cells, {"risk": book.risk, "kind": kind}, is_fault=bool(found), payload=book)
