"""One Envoy from within: listeners, routes, clusters, endpoints, certificates, each asked for when it is looked at."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.model.subject import Subject
from screens.dump import TABS, Tab
from screens.seen import Seen
from screens.text import Run, age, badge
from screens.threads import aside
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Row


@dataclass(slots=True)
class Asked:
    """How one tab stands: being asked since, answered at, or failed with."""

    began: float
    came: float | None = None
    failed: str = ""
    rows: tuple[Row, ...] = ()


class EnvoyView(TableView):
    """The Envoy of one pod. Every answer shows its age; asking again is `r`."""

    drawn_from = ("pods", "istiod *", "Envoy *", "/[!a]* of *", "istio-proxy log of *")
    about = "What this proxy itself says through its admin port. Only what is looked at is asked, one request at a time."
    columns = TABS[0].columns
    fields = frozenset({"state", "name", "route", "direction", "role"})
    empty = "This Envoy has none."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,right_square_bracket", "turn(1)", "next part", id="envoy.next", key_display="tab", tooltip="next part"),
        Binding("shift+tab,left_square_bracket", "turn(-1)", "", show=False, id="envoy.previous", tooltip="previous part"),
        Binding("F", "full", "all of it", show=False, id="envoy.full", tooltip="ask again, and read an answer above 1 MB too"),
        Binding("l", "logs", "access log", id="envoy.logs", tooltip="requests of all pods of this workload, with what went wrong"),
    ]

    def __init__(self, pod: Subject) -> None:
        super().__init__()
        self.pod = pod
        self.tab = 0
        self._asked: dict[str, Asked] = {}
        self._full = False

    @property
    def topic(self) -> Subject:
        return self.pod

    @property
    def crumb(self) -> str:
        return f"{self.pod.namespace}/{self.pod.name}"

    @property
    def part(self) -> Tab:
        return TABS[self.tab]

    def on_mount(self) -> None:
        super().on_mount()
        self._show()

    def fill(self, seen: Seen) -> None:
        self._show_summary()

    def tick(self) -> None:
        self._show_summary()

    def reload(self) -> None:
        self._asked.pop(self.part.name, None)
        self._show()

    def action_full(self) -> None:
        """Ask for the whole of this part, however large: somebody looks at it now."""
        self._full = True
        self.reload()
        self._full = False

    def action_turn(self, by: int) -> None:
        self.tab = (self.tab + by) % len(TABS)
        self._order = None
        self._show()

    async def action_logs(self) -> None:
        from screens.views.access_log import AccessLog

        await self.boss.open(AccessLog(self.pod))

    def _show(self) -> None:
        """The current part: its columns, and its rows where they came; else ask for them."""
        part = self.part
        self.columns = self.table.columns = tuple(part.columns)
        asked = self._asked.get(part.name)
        if asked is None:
            asked = self._asked[part.name] = Asked(time.monotonic())
            self.run_worker(self._ask(part, asked, full=self._full), group="envoy", exclusive=False, exit_on_error=False)
        self._all, self._has_rows = asked.rows, asked.came is not None
        self._apply()

    async def _ask(self, part: Tab, asked: Asked, *, full: bool) -> None:
        feed, mesh = self.boss.feed, self.seen.mesh if self.seen else None
        now = mesh.now if mesh else datetime.now(UTC)
        try:
            body = await feed.envoy(self.pod.namespace, self.pod.name, "/" + part.path, full=full)
            asked.rows = await aside(lambda: tuple(sorted(part.rows(body, now), key=_worst_first)))
            asked.came = time.monotonic()
        except Exception as error:  # a refused or broken answer is this tab's own; the others go on
            asked.failed = f"{type(error).__name__}: {error}"
        if part is self.part:
            self.guard(self._show)

    def summary_of(self, seen: Seen) -> list[Item]:
        names: list[Run] = []
        for number, tab in enumerate(TABS):
            names += [
                Run(f"[{tab.name}]" if number == self.tab else f" {tab.name} ", "strong" if number == self.tab else "dim"),
                Run(" "),
            ]
        items = [Item(f"{self.pod}", "strong"), Item(tuple(names)), Item(self._stands(), note=f"GET /{self.part.path}")]
        if self.part.note:
            items.append(Item(self.part.note, "dim"))
        return items

    def _stands(self) -> tuple[Run, ...]:
        asked = self._asked.get(self.part.name)
        if asked is None or (asked.came is None and not asked.failed):
            return (Run("… ", "unknown"), Run(f"asking for {age(time.monotonic() - (asked.began if asked else time.monotonic()))}"))
        if asked.failed:
            return (
                badge("ERROR"),
                Run(f"  {asked.failed}   "),
                Run("r", "key"),
                Run(" asks again   ", "dim"),
                Run("F", "key"),
                Run(" reads more than 1 MB", "dim"),
            )
        faults = sum(r.is_fault for r in asked.rows)
        said = (
            badge("OK", f"{len(asked.rows)} rows") if not faults else badge("WARN", f"{faults} of {len(asked.rows)} rows look bad")
        )
        return (said, Run(f"   asked {age(time.monotonic() - (asked.came or 0.0))} ago", "dim"))

    def _state(self) -> list[Item]:
        return super()._state() if self._has_rows else []


def _worst_first(row: Row) -> tuple[bool, tuple[str, ...]]:
    """Rows with a fault, then the rest by what they show."""
    return not row.is_fault, tuple(c if isinstance(c, str) else c.text for c in row.cells[1:3])
