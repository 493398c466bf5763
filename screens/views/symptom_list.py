"""What people see, in their words: one of them can be chosen where there is nothing to paste."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.triage import freeze
from meshdoctor.triage.symptoms import Known, Pasted, table
from screens.seen import Seen
from screens.views.table import TableView
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from screens.views.incident import IncidentView


class SymptomList(TableView):
    """The symptoms; enter writes one down."""

    needs_mesh = False
    about = "Enter writes the symptom into the incident; what it can be is ranked with h there."
    columns = (Column("SYMPTOM", least=30, most=70, keep=True), Column("CAN BE", least=10, most=80))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "this is seen", id="symptoms.choose", tooltip="write it into the incident")
    ]

    def __init__(self, of: IncidentView) -> None:
        super().__init__()
        self._of = of

    @property
    def crumb(self) -> str:
        return "symptoms"

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        return [Row(known.says, (known.says, ", ".join(known.problems)), payload=known) for known in table().seen]

    async def open(self, row: Row) -> None:
        known: Known = row.payload
        told = Pasted(kinds=("a symptom",), says=(known.says,), problems=known.problems)
        self._of.write(lambda: freeze.pasted(self._of.incident, told), "kept; h ranks what it can be")
        self.boss.action_pop()
