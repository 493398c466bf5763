"""The journal: every change that was written from here, what became of it, and the way back. Interrupted ones first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.fixes.journal import Entry, own_journal
from meshdoctor.fixes.settling import Settled, settle_open
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.subject import Subject
from meshdoctor.triage import acted, incident
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, count, duration
from screens.threads import aside
from screens.views.fix import FixView, take_back
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

STATES = {
    "verified": ("OK", "healed"),
    "applied": ("OK", "written"),
    "refused": ("SKIPPED", "not written"),
    "not-healed": ("WARN", "not healed"),
    "unverified": ("WARN", "unverified"),
    "intent": ("UNKNOWN", "interrupted"),
    "unknown": ("UNKNOWN", "unknown"),
}


@screen(name="journal", aliases=("changes-made", "undo"), title="Journal", says="what was written from here, and the way back")
class JournalView(TableView):
    """All entries, the newest first."""

    needs_mesh = False
    about = "Every write is here before it is sent and after its answer, also when meshdoctor was killed. u takes one back."
    columns = (
        Column("STATE", least=13, keep=True),
        Column("AGE", least=6, align="right", keep=True),
        Column("CHANGE", least=24, most=80, keep=True),
        Column("OBJECT", least=14, most=60, is_name=True),
        Column("CONTEXT", least=6, most=30),
        Column("ENTRY", least=8, keep=True),
    )
    fields = frozenset({"state", "ns", "problem", "context"})
    empty = "Nothing was written from here."
    tall = 20
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "object", id="journal.open", tooltip="the object as it is now"),
        Binding("u", "undo", "take back", id="journal.undo", tooltip="take the selected change back"),
        Binding("a", "finish", "finish", id="journal.finish", tooltip="plan an interrupted or refused change anew"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[Settled, ...] = ()
        self._why = ""

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        now = datetime.now(UTC)
        newest = own_journal().entries()[::-1]
        for entry in sorted(newest, key=lambda e: not e.is_open):
            yield _row(entry, now)

    def fill(self, seen: Seen) -> None:
        """The file is the same without a mesh."""
        self.take(tuple(self.rows_of(seen)))

    def summary_of(self, seen: Seen) -> list[Item]:
        entries: list[Entry] = [r.payload for r in self._all]
        left = sum(e.is_open for e in entries)
        able = sum(_can_undo(e) for e in entries)
        items = [Item((Run(f"{count(len(entries), 'change')}   {able} can be taken back", "strong"),))]
        if left:
            says = f"  {count(left, 'change')} interrupted; looking at the object tells whether it was written"
            items.append(Item((badge("UNKNOWN", "OPEN"), Run(says))))
        if self._why:
            items.append(Item(self._why, "warn", indent=2))
        return [*items, *map(_settled, self._told)]

    def detail_of(self, row: Row) -> list[Item]:
        entry: Entry = row.payload
        says = f"{entry.holds.problem} at {entry.holds.subject}, fix {entry.holds.fix}"
        items = [Item(says, label=entry.id)]
        for event in entry.events[-4:]:
            items.append(Item(f"{event.step}{f': {event.says}' if event.says else ''}", label=f"{event.at.astimezone():%H:%M:%S}"))
        return items

    def on_show(self) -> None:
        """Another process may have written meanwhile; what is open is looked at."""
        self.boss.changing.count_pending()
        if self.seen is not None:
            self.present(self.seen)
        if self.boss.changing.pending:
            self.run_worker(self._settle(), group="asked", exclusive=True, exit_on_error=False)

    def reload(self) -> None:
        self.on_show()

    async def _settle(self) -> None:
        """Hold open entries against their objects: reads only."""
        try:
            found = await settle_open(self.boss.feed.client(), own_journal())
        except MeshdoctorError as why:
            self._why = f"The cluster cannot be asked: {why}"
        else:
            self._why = ""
            self._told = (*(t for t in self._told if t.entry.id not in {f.entry.id for f in found}), *found)
            await aside(lambda: _write_down(found, self.boss.feed.context))
        self.boss.changing.count_pending()
        self.boss.news_of_change()
        if self.seen is not None:
            self.present(self.seen)

    @property
    def topic(self) -> Subject | None:
        return self.row.payload.holds.target if self.row is not None else None

    async def open(self, row: Row) -> None:
        from screens.views.yaml import YamlView

        await self.boss.open(YamlView(row.payload.holds.target))

    def offers(self, action: str) -> bool:
        entry = self.row.payload if self.row is not None else None
        if action == "undo":
            return entry is not None and _can_undo(entry)
        if action == "finish":
            return entry is not None and not entry.is_applied
        return super().offers(action)

    async def action_undo(self) -> None:
        entry = self.row.payload if self.row is not None else None
        if entry is not None and _can_undo(entry):
            await take_back(self, entry.id)
        elif entry is not None:
            done = f"It was taken back by {entry.undone_by}." if entry.undone_by else "It cannot be taken back."
            self.boss.say("It was not written." if not entry.is_applied else done, "dim")

    async def action_finish(self) -> None:
        entry = self.row.payload if self.row is not None else None
        if entry is None or entry.is_applied:
            self.boss.say("It was written: there is nothing to finish.", "dim")
        elif entry.holds.undoes:
            await take_back(self, entry.holds.undoes)
        else:
            await self.boss.open(FixView(self.boss.changing.mending(entry.holds.problem, entry.holds.subject)))


def _can_undo(entry: Entry) -> bool:
    return entry.is_applied and entry.holds.undoable and not entry.undone_by


def _write_down(found: list[Settled], context: str) -> None:
    """What turned out to be written belongs into the incident that is worked on."""
    for each in found:
        if each.is_written:
            holds = each.entry.holds
            says = f"{holds.title}: {holds.target}"
            acted.found_written(incident.incidents_folder(), says, entry=each.entry.id, problem=holds.problem, context=context)


def _settled(found: Settled) -> Item:
    name = f"  {found.entry.id} {found.entry.holds.title}: {found.entry.holds.target}"
    if found.reality is None:
        return Item((badge("UNKNOWN", "still open"), Run(f"{name}: {found.why}")))
    if found.is_written:
        return Item((badge("WARN", "it was written"), Run(f"{name}. u takes it back.")))
    return Item((badge("SKIPPED", "it was not written"), Run(f"{name}. a finishes it.")))


def _row(entry: Entry, now: datetime) -> Row:
    holds = entry.holds
    state = badge("SKIPPED", "taken back") if entry.undone_by else badge(*STATES[entry.step])
    cells = (state, duration((now - entry.at).total_seconds()), holds.title, str(holds.target), holds.context, entry.id)
    fields = {"state": entry.step, "ns": holds.target.namespace, "problem": holds.problem, "context": holds.context}
    return Row(entry.id, cells, fields, is_fault=entry.is_open or entry.step == "not-healed", payload=entry)
