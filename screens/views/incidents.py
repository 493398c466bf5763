"""Incidents: every folder that is kept, the newest first; and what is in the mesh for a while only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.triage import funnel, incident
from meshdoctor.triage.incident import Incident
from meshdoctor.triage.temporary import Temporary, register
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, count, duration
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


@screen(
    key="9",
    name="incidents",
    aliases=("incident", "triage"),
    title="Incidents",
    says="from symptom to postmortem",
)
class Incidents(TableView):
    """Incidents first, then the register of temporary changes."""

    needs_mesh = False
    wants = "what is wrong, in a few words"
    about = "Enter goes on with an incident; n begins one; t on a cause, finding or object begins one about it."
    columns = (
        Column("STATE", least=10, keep=True),
        Column("WHAT", least=24, most=90, keep=True),
        Column("AGE", least=6, align="right", keep=True),
        Column("OWNER", least=6, most=24),
        Column("NAME OR PLACE", least=12, most=60, is_name=True),
    )
    fields = frozenset({"state", "ns"})
    empty = "No incident is kept here, and nothing temporary is seen. n begins an incident."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="incidents.open", tooltip="its funnel and timeline; of a temporary change the object"),
        Binding("n", "begin", "new", id="incidents.new", tooltip="begin an incident: T0 evidence is kept at once"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        now = datetime.now(UTC)
        there = [incident.read(f) for f in incident.folders(incident.incidents_folder())]
        yield from (_incident(each, now) for each in there)
        held = register(seen.mesh).open if seen.mesh else ()
        if held and seen.mesh is not None:
            yield Row("temporary", (Run("TEMPORARY", "head"), Run("what is in the mesh for a while only", "dim")), is_heading=True)
            yield from (_temporary(each, seen.mesh.now) for each in held)

    def summary_of(self, seen: Seen) -> list[Item]:
        open_ = sum(r.is_fault for r in self._all if isinstance(r.payload, Incident))
        held = sum(isinstance(r.payload, Temporary) for r in self._all)
        unseen = [s.name for s in register(seen.mesh).unseen] if seen.mesh and not seen.is_large else []
        more = f"   not seen: {', '.join(unseen)}" if unseen else ""
        kept = count(held, "temporary change") if seen.mesh else ""
        more = more if seen.mesh else "? temporary changes: no mesh was read"
        return [Item((Run(f"{count(open_, 'open incident')}   {kept}", "strong"), Run(more, "unknown")))]

    def on_show(self) -> None:
        """A line may have been written meanwhile, here or by another process."""
        if self.seen is not None:
            self.present(self.seen)

    def detail_of(self, row: Row) -> list[Item]:
        held = row.payload
        if isinstance(held, Temporary):
            return [Item(f"{held.subject}", "strong"), Item(held.says, indent=2)]
        step = funnel.current(funnel.steps(held, datetime.now(UTC)))
        now = "closed" if held.is_closed else f"at {step.title.lower()}: {step.says}"
        return [Item(held.title, "strong"), Item(now, indent=2), Item(str(held.folder), "dim", indent=2)]

    async def open(self, row: Row) -> None:
        from screens.views.incident import IncidentView
        from screens.views.yaml import YamlView

        if isinstance(row.payload, Incident):
            await self.boss.open(IncidentView(row.payload.folder))
        elif isinstance(row.payload, Temporary):
            await self.boss.open(YamlView(row.payload.subject))

    def action_begin(self) -> None:
        self.boss.action_ask("+")

    def given(self, text: str) -> None:
        from screens.views.incident import begin

        self.run_worker(begin(self, text or "no title"), group="asked", exit_on_error=False)


def _incident(each: Incident, now: datetime) -> Row:
    state = funnel.current(funnel.steps(each, now))
    age = duration((now - each.opened.at).total_seconds()) if each.opened else "?"
    shown = badge("OK", "closed") if each.is_closed else badge("WARN", state.title.lower())
    return Row(each.name, (shown, each.title, age, "", each.name), {"state": state.step}, is_fault=not each.is_closed, payload=each)


def _temporary(each: Temporary, now: datetime) -> Row:
    age = duration((now - each.since).total_seconds()) if each.since else "?"
    cells = (badge("WARN", each.what), each.says, age, each.who or Run("?", "dim"), f"{each.subject}")
    return Row(f"{each.subject} {each.path}", cells, {"ns": each.subject.namespace}, payload=each)
