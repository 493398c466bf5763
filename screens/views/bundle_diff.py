"""What changed between two bundles: findings that came and went, then objects with their fields."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Finding
from meshdoctor.model.subject import Subject
from screens.seen import Seen
from screens.text import Run, badge, count, duration
from screens.threads import aside
from screens.views.table import TableView
from screens.views.view import View
from screens.widgets.doc import Doc, Item
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from meshdoctor.bundle.differences import ObjectChange
    from meshdoctor.bundle.opening import Opened

CHANGES = {"added": Run("+ added", "ok"), "removed": Run("- removed", "warn"), "changed": Run("~ changed", "")}

SIDED = 4  # kinds that only one of the two has, named


@dataclass(frozen=True, slots=True)
class Difference:
    """Two bundles compared."""

    before: Opened
    after: Opened
    came: list[Finding]
    went: list[Finding]
    changes: list[ObjectChange]
    sided: list[str]


def compare(before: Path, after: Path) -> Difference:
    """Open both and judge both: work for a thread. Raises MeshdoctorError."""
    from meshdoctor.bundle.differences import objects, one_sided
    from meshdoctor.bundle.opening import open_bundle
    from meshdoctor.bundling import diagnose_recording, without

    old, new = open_bundle(before), open_bundle(after)
    was, now = (asyncio.run(diagnose_recording(o.recording, f"bundle/{o.path.name}")) for o in (old, new))
    changes = objects(old.recording.answers, new.recording.answers)
    return Difference(
        old, new, without(now, was), without(was, now), changes, one_sided(old.recording.answers, new.recording.answers)
    )


class BundleDiff(TableView):
    """The older of the two on the left, whichever was named first."""

    needs_mesh = False
    title = "Compared"
    about = "Findings first: those that are new, those that are gone. Then every object that came, went or changed."
    columns = (
        Column("CHANGE", least=10, keep=True),
        Column("OBJECT", least=24, most=60, is_name=True, keep=True),
        Column("WHAT", least=24, most=140, keep=True),
    )
    fields = frozenset({"ns", "kind", "change"})
    empty = "Nothing changed between the two, as far as both hold the same kinds."

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "in full", id="diff.open", tooltip="every field with what it was and what it is"),
    ]

    def __init__(self, one: Path, other: Path) -> None:
        super().__init__()
        self._paths = (one, other)
        self._found: Difference | None = None
        self._failed: MeshdoctorError | None = None

    def on_mount(self) -> None:
        super().on_mount()

        async def work() -> None:
            try:
                self._found = await aside(lambda: compare(*self._paths))
                if self._found.before.recording.recorded_at > self._found.after.recording.recorded_at:
                    self._found = await aside(lambda: compare(self._paths[1], self._paths[0]))
            except MeshdoctorError as why:
                self._failed = why
            if self.seen is not None:
                self.present(self.seen)

        self.run_worker(work(), group="asked", exit_on_error=False)

    def fill(self, seen: Seen) -> None:
        if self._found is None:
            self._show_summary()
        else:
            self.take(tuple(self.rows_of(seen)))

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        found = self._found
        if found is None:
            return
        yield from (_finding(f, Run("✖ new", "bad")) for f in found.came)
        yield from (_finding(f, Run("● gone", "ok")) for f in found.went)
        yield from (_change(c) for c in found.changes)

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._failed is not None:
            return [Item((badge("ERROR"), Run(f"  {self._failed.observed}"))), Item(self._failed.do or "", "dim", indent=2)]
        found = self._found
        if found is None:
            return []
        old, new = found.before.recording.recorded_at, found.after.recording.recorded_at
        apart = (new - old).total_seconds()
        items = [
            Item(
                (Run(f"{old:%Y-%m-%d %H:%M:%S} → {new:%Y-%m-%d %H:%M:%S} UTC", "strong"), Run(f"   {duration(apart)} apart", "dim"))
            ),
            Item(f"{count(len(found.came), 'new finding')}, {len(found.went)} gone, {count(len(found.changes), 'changed object')}"),
        ]
        if found.sided:
            more = f" and {len(found.sided) - SIDED} more kinds" if len(found.sided) > SIDED else ""
            named = ", ".join(found.sided[:SIDED])
            items.append(Item((badge("UNKNOWN", ""), Run(f" read in one of the two only: {named}{more}"))))
        return items

    def detail_of(self, row: Row) -> list[Item]:
        return _told(row.payload)

    async def open(self, row: Row) -> None:
        await self.boss.open(Told(row.payload))


class Told(View):
    """One change in full."""

    about = "Each field with what it was and what it is."

    def __init__(self, payload: Finding | ObjectChange) -> None:
        super().__init__()
        self._payload = payload
        self.title = str(payload.subject)

    def body(self) -> Iterable[Doc]:
        yield Doc("told", label=0)

    @property
    def main(self) -> Doc:
        return self.query_one("#told", Doc)

    def fill(self, seen: Seen) -> None:
        self.main.set_items(_told(self._payload))


def _told(payload: Finding | ObjectChange) -> list[Item]:
    items = [Item(str(payload.subject), "strong")]
    if isinstance(payload, Finding):
        return [*items, Item(payload.summary), Item(payload.why or "", "dim")]
    for field in payload.fields:
        items.append(Item(field.path, indent=2))
        items.append(Item(f"- {field.before if field.before is not None else '(none)'}", "bad", indent=4))
        items.append(Item(f"+ {field.after if field.after is not None else '(none)'}", "ok", indent=4))
    return items


def _fields(subject: Subject, change: str) -> dict[str, str]:
    return {"ns": subject.namespace, "kind": subject.kind, "change": change}


def _finding(finding: Finding, mark: Run) -> Row:
    cells = (mark, f"{finding.subject}", f"{finding.problem or finding.code} {finding.summary}")
    change = mark.text.partition(" ")[2]
    return Row(f"{change} {finding.id}", cells, _fields(finding.subject, change), is_fault=change == "new", payload=finding)


def _change(change: ObjectChange) -> Row:
    what = ", ".join(field.path for field in change.fields[:6])
    cells = (CHANGES[change.change], f"{change.subject}", Run(what, "dim"))
    return Row(f"{change.subject}", cells, _fields(change.subject, change.change), payload=change)
