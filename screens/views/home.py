"""Home: the answer first, then the ranked causes, the mesh in figures, and what was not seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget

from meshdoctor.model.findings import Cause
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import some
from screens.figures import Figure, figures, unseen_words
from screens.proof import evidence, proof
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, age, badge, count
from screens.verdict import cause_badge, checked, verdict
from screens.views.view import View
from screens.widgets.doc import Doc, Item
from screens.widgets.listing import Listing
from screens.widgets.rows import Column, Row, Rows

COLUMNS = (
    Column("", least=1, keep=True),
    Column("CAUSE", least=38, most=76, keep=True),
    Column("OBJECT", least=20, most=58, is_name=True, keep=True),
    Column("HARM", least=12, most=20, align="right"),
    Column("SURE", least=4, align="right"),
    Column("EXPLAINS", least=8, align="right"),
    Column("CODE", least=7),
)
TALL = 50  # lines from which that proof is told in full, and what was checked below it
ROOMY = 34  # lines from which the selected cause's proof stands below the table; on less, what was observed where it fits
SOME = 3  # lines that are worth filling


@screen(key="1", name="home", aliases=("causes", "pulse"), title="Home", says="is it broken, where, since when, how sure")
class Home(View):
    """What an operator sees first."""

    about = "What is wrong, worst first. Enter shows the proof of a cause and the way out."
    DEFAULT_CSS = """
    Home > #causes { height: auto; }
    Home > #proof { height: 1fr; margin-top: 1; }
    Home > #space { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "proof", id="home.proof", tooltip="what was seen, what it means, what to do"),
        Binding(
            "f", "fix", "fix", id="home.fix", tooltip="the guided change that heals the cause: plan, diff, consent; or its steps"
        ),
        Binding("l", "logs", "access log", show=False, id="home.logs", tooltip="requests of the workload that suffers"),
        Binding("y", "copy", "copy verdict", id="home.copy", tooltip="copy the verdict as text"),
        Binding("c", "contexts", "contexts", show=False, id="home.contexts", tooltip="another cluster"),
        Binding("d", "demo", "demo", show=False, id="home.demo", tooltip="the recorded mesh, where there is no cluster"),
    ]

    def body(self) -> ComposeResult:
        yield Doc("verdict", classes="auto", label=0)
        yield Container(classes="rule")
        yield Rows(COLUMNS, "causes")
        yield Doc("proof")
        yield Container(id="space")
        yield Doc("figures", classes="auto", label=0)
        yield Doc("unseen", classes="auto", label=0)

    def __init__(self) -> None:
        super().__init__()
        self._left = 0  # lines that neither the table nor the figures need

    def on_mount(self) -> None:
        for name in ("verdict", "proof", "figures", "unseen"):
            self.query_one(f"#{name}", Doc).can_focus = False

    @property
    def main(self) -> Widget:
        return self.query_one("#causes", Rows)

    def fill(self, seen: Seen) -> None:
        self._show_verdict(seen)
        causes = seen.diagnosis.causes if seen.diagnosis else ()
        self.query_one("#causes", Rows).set_rows(rows_of(causes))
        mesh = seen.mesh
        if mesh is None:
            self.query_one("#figures", Doc).set_items(())
            self.query_one("#unseen", Doc).set_items(())
            self._arrange()
            return
        self._show_unseen(seen, mesh)
        self.beside(seen, lambda: figures(mesh), self._show_figures)
        self._arrange()

    def tick(self) -> None:
        if self.seen is not None:
            self._show_verdict(self.seen)

    def _show_verdict(self, seen: Seen) -> None:
        self.query_one("#verdict", Doc).set_items(verdict(seen))

    def _show_figures(self, made: tuple[Figure, ...]) -> None:
        doc = self.query_one("#figures", Doc)
        doc.set_items([Item(""), *_strip(made, self.app.size.width)])
        self._arrange()

    def _show_unseen(self, seen: Seen, mesh: Mesh) -> None:
        self.query_one("#unseen", Doc).set_items(_not_seen(seen, mesh, self.app.size.height))

    def _arrange(self) -> None:
        """Give the table what it needs, and the rest to the proof of the selected cause."""
        table = self.query_one("#causes", Rows)
        high, wanted = self.app.size.height, len(table.rows) + 1
        table.display = bool(table.rows)
        room = high - 6 - sum(self.query_one(f"#{name}", Doc).height for name in ("verdict", "figures", "unseen"))
        table.styles.height = max(min(wanted, room // (2 if high >= ROOMY else 1)), 2)
        self._left = room - wanted
        roomy = high >= ROOMY or self._left >= SOME
        checked = not table.rows and self.seen is not None and self.seen.diagnosis is not None
        shows = checked or (roomy and bool(table.rows))
        self.query_one("#proof", Doc).display = shows
        self.query_one("#space", Container).display = not shows
        self._show_proof()
        self.take_focus()

    def _show_proof(self) -> None:
        doc, cause = self.query_one("#proof", Doc), self.cause
        if not doc.display or self.seen is None:
            return
        if cause is None:
            doc.set_items(checked(self.seen.diagnosis))
            return
        high = self.app.size.height
        if high < ROOMY:
            doc.set_items(_as_many(evidence(cause, self.seen), self._left - 1, doc))
            return
        more = (Item(""), *checked(self.seen.diagnosis)) if high >= TALL else ()
        doc.set_items([*proof(cause, self.seen, brief=high < TALL), *more])

    @property
    def cause(self) -> Cause | None:
        row = self.query_one("#causes", Rows).row
        return row.payload if row is not None else None

    @property
    def topic(self) -> Cause | None:
        return self.cause

    def offers(self, action: str) -> bool:
        return action not in ("open", "fix") or self.cause is not None

    def on_resize(self, event: events.Resize) -> None:
        if self.seen is not None:
            self.present(self.seen)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        event.stop()
        self.guard(self._show_proof)

    async def on_listing_opened(self, event: Listing.Opened) -> None:
        event.stop()
        await self.action_open()

    async def action_open(self) -> None:
        from screens.views.proof import Proof

        if self.cause is not None:
            await self.boss.open(Proof(self.cause))

    async def action_fix(self) -> None:
        from screens.views.fix import fix

        await fix(self, self.cause)

    async def action_logs(self) -> None:
        from screens.views.access_log import show_log

        await show_log(self, self.cause)

    def action_copy(self) -> None:
        if self.seen is not None:
            lines = ["".join(r.text for r in item.runs) for item in verdict(self.seen)]
            self.boss.copy("\n".join(lines), "the verdict")

    async def action_contexts(self) -> None:
        await self.boss.action_go("contexts")

    def action_demo(self) -> None:
        """Not while a mesh is looked at: one key does not take an operator from a live cluster to a recording."""
        if self.seen is not None and self.seen.mesh is not None:
            self.boss.say("A mesh is looked at here; :demo leaves it for the recorded one.", "dim")
        else:
            self.boss.start_demo()


def _as_many(items: list[Item], lines: int, doc: Doc) -> list[Item]:
    """The first of them that so many lines have room for."""
    kept: list[Item] = []
    for item in items:
        lines -= doc.lines_of(item)
        if lines < 0:
            break
        kept.append(item)
    return kept


def rows_of(causes: Iterable[Cause]) -> list[Row]:
    """The observed causes, then, under their own heading, those that have done no harm yet."""
    rows, latent = [], False
    for number, cause in enumerate(causes):
        if not cause.observed and not latent:
            latent = True
            if number:
                rows.append(Row("latent", (Run("LATENT", "head"),), is_heading=True))
        rows.append(_row(cause))
    return rows


def _row(cause: Cause) -> Row:
    state = cause_badge(cause)
    cells = (
        state,
        cause.title or cause.summary,
        str(cause.subject),
        _harm_cell(cause),
        f"{cause.confidence:.0%}".replace("%", " %"),
        f"{len(cause.explains)}" if cause.explains else "",
        cause.problem,
    )
    return Row(cause.finding or f"{cause.problem} {cause.subject}", cells, payload=cause)


def _harm_cell(cause: Cause) -> Run:
    if not cause.observed:
        return Run("none yet", "dim")
    failing = cause.impact.requests_failed_per_s
    if failing is not None:
        return Run(f"{failing:.1f}/s")
    return Run(count(len(cause.impact.workloads), "workload") if cause.impact.workloads else "seen")


def _strip(made: tuple[Figure, ...], width: int) -> list[Item]:
    """The figures in columns; each on its own is glyph, name and number."""
    cells = [(f"{f.name} ", badge(f.state, ""), f" {f.says}") for f in made]
    widest = max(sum(len(part if isinstance(part, str) else part.text) for part in cell) for cell in cells) + 3
    columns = max(min((width - 2) // widest, len(cells)), 1)
    items = []
    for start in range(0, len(cells), columns):
        runs: list[Run] = []
        for name, state, says in cells[start : start + columns]:
            text = f"{name}{state.text}{says}"
            runs += [Run(name, "dim"), state, Run(says + " " * (widest - len(text)))]
        items.append(Item(tuple(runs)))
    return items


def _not_seen(seen: Seen, mesh: Mesh, height: int) -> list[Item]:
    words = list(unseen_words(mesh))
    coverage = seen.diagnosis.coverage if seen.diagnosis else None
    unknown = f"{coverage.unknown} of {coverage.rules} checks unknown." if coverage else ""
    listed = some(words, 3 if height < ROOMY else 8)
    ages = [s.age_s for s in mesh.sources if s.age_s is not None]
    read = f"{count(sum(s.state == 'live' for s in mesh.sources), 'source')} read"
    oldest = f", the oldest {age(max(ages))} before" if ages else ""
    runs = [Run(f"Not seen: {listed}. ", "")] if words else [Run(f"{read}{oldest}. ", "dim")]
    return [Item((*runs, Run(unknown, "dim"), Run("  u", "key"), Run(" why", "dim")))]
