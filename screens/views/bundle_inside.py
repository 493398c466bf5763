"""What is in a bundle: each part with its state, age and size; what is missing stands first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.sources import SourceState
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, age, badge, count, duration, size
from screens.threads import aside
from screens.views.sources import STATES
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from meshdoctor.bundle.inside import Inside, Part, Removed
    from meshdoctor.bundle.manifest import File


@screen(name="inside", aliases=("contents", "bundle-contents"), title="Inside", says="what is in a bundle, and what was removed")
class BundleInside(TableView):
    """The bundle that is open, or one that is named with `o`."""

    needs_mesh = False
    about = "What is not in the file is UNKNOWN to every check. d compares with another bundle, x shows what was removed."
    columns = (
        Column("STATE", least=12, keep=True),
        Column("WHAT", least=4),
        Column("PART", least=36, most=64, is_name=True, keep=True),
        Column("OBJECTS", least=4, align="right"),
        Column("FILES", least=4, align="right"),
        Column("SIZE", least=7, align="right", keep=True),
        Column("AGE", least=5, align="right"),
        Column("WHY", least=16, most=110),
    )
    fields = frozenset({"state", "name", "what"})
    empty = "No bundle is open. o names a file; :bundle writes one."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "files", id="inside.open", tooltip="the files of this part"),
        Binding("x", "removed", "removed", id="inside.removed", tooltip="what was removed, from which file, how often"),
        Binding("d", "diff", "compare", id="inside.diff", tooltip="name another bundle, and see what changed"),
        Binding("o", "other", "open file", id="inside.other", tooltip="look into another file"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self._inside: Inside | None = None
        self._failed: MeshdoctorError | None = None
        self._reading: Path | None = None
        self._asked = ""

    @property
    def crumb(self) -> str:
        return f"{self.title} {self.path.name}" if self.path else self.title

    def fill(self, seen: Seen) -> None:
        if self.path is None and self._reading is None and self.boss.options.bundle:
            self.read(Path(self.boss.options.bundle))
        self.take(tuple(self.rows_of(seen)))

    def read(self, path: Path) -> None:
        """Open a bundle, beside everything else."""
        self._reading, self.path, self._inside, self._failed = path, path, None, None

        def look() -> Inside:
            from meshdoctor.bundle.inside import inside
            from meshdoctor.bundle.opening import open_bundle

            return inside(open_bundle(path))

        async def work() -> None:
            try:
                self._inside = await aside(look)
            except MeshdoctorError as why:
                self._failed = why
            self._reading = None
            if self.seen is not None:
                self.present(self.seen)

        self.run_worker(work(), group="asked", exclusive=True, exit_on_error=False)

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        return [_row(part) for part in self._inside.parts] if self._inside else ()

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._failed is not None:
            return [
                Item((badge("ERROR"), Run(f"  {self._failed.observed}"))),
                *(Item(line, "dim", indent=2) for line in (self._failed.means, self._failed.do) if line),
            ]
        if self._reading is not None:
            return [Item(f"reading {self._reading} …", "dim")]
        if self._inside is None:
            return []
        told = self._inside.told
        old = duration(max((datetime.now(UTC) - told.recorded_at).total_seconds(), 0))
        tier = f" {told.tier}" if told.tier else ""
        names = ", pseudonyms for names" if told.pseudonyms else ""
        code = ", with code" if told.code_kept else ""
        items = [
            Item((Run(told.title or told.file, "strong"), Run(f"   {told.form}{tier}, {old} old", "dim"))),
            Item(
                f"{count(len(told.namespaces), 'namespace')}, {count(len(told.pods), 'pod')} answered, {count(told.logs, 'log')}, "
                f"{count(told.files, 'file')}{names}{code}",
                "dim",
            ),
        ]
        if told.redactions:
            worst = sorted(told.redactions.items(), key=lambda each: -each[1])
            items.append(Item(f"removed: {', '.join(f'{n} {kind}' for kind, n in worst)}", "dim"))
        return [*items, *(Item((badge("WARN", ""), Run(f" {line}"))) for line in (*told.left_out, *told.notes)[:4])]

    def offers(self, action: str) -> bool:
        return (action not in ("removed", "diff") or self._inside is not None) and super().offers(action)

    def detail_of(self, row: Row) -> list[Item]:
        part: Part = row.payload
        said = f"{count(len(part.files), 'file')}, {size(part.bytes)} unpacked" if part.files else "no file"
        return [Item(part.name, "strong"), Item(part.why or said, indent=2)]

    def name_in(self, row: Row) -> str:
        part: Part = row.payload
        return part.name

    def _why_empty(self, total: int) -> str:
        return "" if self._failed or self._reading else super()._why_empty(total)

    async def open(self, row: Row) -> None:
        part: Part = row.payload
        if part.files:
            await self.boss.open(Files(part))

    async def action_removed(self) -> None:
        if self._inside is not None:
            await self.boss.open(RemovedValues(self._inside.removed))

    def action_diff(self) -> None:
        if self.path is None:
            self.boss.say("Open a bundle first: o names a file.", "dim")
            return
        self._asked, self.wants = "diff", "the other bundle: a file or a folder"
        self.boss.action_ask("+")

    def action_other(self) -> None:
        self._asked, self.wants = "open", "a file or a folder"
        self.boss.action_ask("+")

    def given(self, text: str) -> None:
        if not text:
            return
        path = Path(text).expanduser()
        if self._asked == "diff" and self.path is not None:
            from screens.views.bundle_diff import BundleDiff

            self.run_worker(self.boss.open(BundleDiff(self.path, path)), group="stack", exit_on_error=False)
        else:
            self.read(path)


class Files(TableView):
    """The files of one part."""

    needs_mesh = False
    about = "As they lie in the archive; tar xzf gives them."
    columns = (
        Column("FILE", least=30, most=120, is_name=True, keep=True),
        Column("SIZE", least=7, align="right", keep=True),
        Column("STATUS", least=3, align="right"),
        Column("ASKED", least=20, most=120),
    )

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part = part
        self.title = part.name

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        return [_file_row(file) for file in sorted(self._part.files, key=lambda f: -f.bytes)]


class RemovedValues(TableView):
    """What was removed: kinds and places, never the values."""

    needs_mesh = False
    title = "Removed"
    about = "Values that were taken out before anything was written. Equal marks in one bundle stand for equal values."
    columns = (
        Column("COUNT", least=5, align="right", keep=True),
        Column("KIND", least=12, keep=True),
        Column("FROM", least=30, most=140, is_name=True, keep=True),
    )
    fields = frozenset({"kind"})
    empty = "Nothing was removed, or the bundle is not one of ours."

    def __init__(self, removed: tuple[Removed, ...]) -> None:
        super().__init__()
        self._removed = removed

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        return [Row(f"{r.file} {r.kind}", (f"{r.count:,}", r.kind, r.file), {"kind": r.kind}) for r in self._removed]


def _row(part: Part) -> Row:
    state = STATES.get(part.state, badge("UNKNOWN"))
    if part.state is SourceState.LIVE:
        state = Run("◐ partly", "warn") if part.why else Run("● there", "ok")
    cells = (
        state,
        Run(part.what, "dim"),
        part.name,
        "" if part.objects is None else f"{part.objects:,}",
        f"{len(part.files)}" if part.files else "",
        size(part.bytes) if part.files else "",
        age(part.age_s),
        part.why,
    )
    is_fault = part.state in (SourceState.ERROR, SourceState.DENIED, SourceState.STALE) or bool(part.why)
    fields = {"state": str(part.state), "name": part.name, "what": part.what}
    return Row(f"{part.what} {part.name}", cells, fields, is_fault=is_fault, payload=part)


def _file_row(file: File) -> Row:
    asked = file.key.removeprefix("api ")
    return Row(file.path, (file.path, size(file.bytes), f"{file.status}" if asked else "", Run(asked, "dim")), payload=file)
