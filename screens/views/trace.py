"""Trace: one request step by step, the configuration left and the proxy's own Envoy right; what differs is marked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from meshdoctor.istio.find import proxy_named
from meshdoctor.istio.live.compare import Difference, differences
from meshdoctor.istio.matching import Call, call_of
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import from_pod
from meshdoctor.istio.trace_authorized import whole_trace
from meshdoctor.model.errors import MeshdoctorError, UsageError
from meshdoctor.model.workloads import Pod
from meshdoctor.reports.steps import glyph_of, pairs
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge, wrap
from screens.threads import aside
from screens.views.asked import AskedText
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

STEP, LEAST = 16, 20
PAUSE = 0.4  # seconds without a key, after which a request counts as typed
ROLES = {"●": "", "✖": "bad", "?": "unknown"}


@screen(name="trace", aliases=("tr",), title="Trace", says="where one request goes, as configured and in the proxy itself")
class Trace(AskedText):
    """A request from one proxy: `:trace shop/storefront cart.shop:8080/items`."""

    about = "Left what the YAML means, right what this Envoy has. / changes the request: SRC HOST[:PORT][/PATH]; r asks again."
    columns: Sequence[Column] = (
        Column("STEP", least=STEP, keep=True),
        Column("CONFIGURATION", 20, 90, keep=True),
        Column("ENVOY", 20, 90, keep=True),
    )
    has_header = True
    narrows_by = "WORKLOAD HOST[:PORT][/PATH]"
    empty = "Nothing traced yet: type / and a request, for instance: shop/storefront\u00a0cart.shop:8080/items"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "app.ask('/')", "request", id="trace.request", tooltip="the request: WORKLOAD HOST[:PORT][/PATH]"),
        Binding("w", "export", "copy", show=False, id="trace.copy", tooltip="copy both ways as tab-separated text"),
    ]

    def __init__(self, request: str = "") -> None:
        super().__init__()
        self._request = request
        self._who = ""
        self._sides: tuple[tuple[Step, ...], tuple[Step, ...]] = ((), ())
        self._found: tuple[Difference, ...] = ()

    @property
    def what(self) -> str:
        return f"{self._request}   {self._who}".rstrip()

    @property
    def crumb(self) -> str:
        return f"trace {self._request}" if self._request else "trace"

    @property
    def filter_text(self) -> str:
        return self._request

    def narrow(self, text: str) -> None:
        """The request as it stands in the prompt; asked once no key follows."""
        if text and text != self._request:
            self._request = text
            self.reload()

    def back(self) -> bool:
        return False

    async def ask(self) -> str:
        """Lead the request through both."""
        if len(self._request.split()) < 2:
            return ""
        await asyncio.sleep(PAUSE if self.boss.is_asking else 0.0)
        mesh = (self.seen or self.boss.shown).mesh
        if mesh is None:
            raise MeshdoctorError("The mesh is still being read.")
        source, target = self._request.split(maxsplit=1)
        pod, call = self._meant(source, target)
        configured = await aside(lambda: whole_trace(mesh, pod, call))
        live = await self.boss.feed.walk(pod, from_pod(call, pod))
        self._who = str(pod.subject)
        self._sides, self._found = (configured, live), differences(mesh, configured, live)
        return self._request

    def _meant(self, source: str, target: str) -> tuple[Pod, Call]:
        mesh = (self.seen or self.boss.shown).mesh
        if mesh is None:
            raise UsageError("The mesh is still being read.")
        return proxy_named(mesh, source), call_of(target)

    def lines(self, text: str) -> Iterable[Row]:
        return list(self._lines()) if text else ()

    def on_resize(self, event: events.Resize) -> None:
        if self._has_rows:
            self.take(tuple(self._lines()))

    def _lines(self) -> Iterator[Row]:
        """One row a step; what is longer than its half goes on in the next."""
        half = max((self.app.size.width - STEP - 8) // 2, LEAST)
        other = {(d.name, d.cluster) for d in self._found}
        for number, (name, one, two) in enumerate(pairs(*self._sides)):
            cluster = next(s.cluster for s in (one, two) if s is not None)
            role = "warn" if (name, cluster) in other else ""
            sides = zip_longest(_wrapped(one, half), _wrapped(two, half), fillvalue="")
            for part, (left, right) in enumerate(sides):
                cells = (
                    Run(name if part == 0 else "", role or "dim"),
                    Run(left, role or _role(one)),
                    Run(right, role or _role(two)),
                )
                yield Row(f"{number}.{part}", cells, is_fault=bool(role), payload=(one, two))

    def summary_of(self, seen: Seen) -> list[Item]:
        if not self._request:
            return []
        items = super().summary_of(seen)
        if self._came is None or self._failed or not any(self._sides):
            return items
        ends = next((s for side in self._sides for s in side if glyph_of(s) == "✖"), None)
        if ends is not None:
            items.append(Item((badge("FAIL", "ends"), Run(f" at {ends.name}: {ends.says}"))))
        unknown = sum(s.is_unknown for s in self._sides[1])
        if self._found:
            return [*items, *(Item((badge("WARN"), Run(f"  {d.says}", "warn"))) for d in self._found[:3])]
        if unknown:
            steps = "1 of Envoy's steps is" if unknown == 1 else f"{unknown} of Envoy's steps are"
            said = f"  {steps} unknown; what was seen is as configured"
            return [*items, Item((badge("UNKNOWN"), Run(said)))]
        return [*items, Item((badge("OK"), Run("  Envoy does what is configured")))]

    def _state(self) -> list[Item]:
        return [] if self._request else super()._state()

    def detail_of(self, row: Row) -> list[Item]:
        """Which objects decide, where, and who lost."""
        items = []
        for step in row.payload:
            if step is not None and step.subject is not None:
                items.append(Item((Run(f"{step.subject}", "strong"), Run(f"  {step.path}", "dim"))))
            for lost in step.lost if step is not None else ():
                items.append(Item(f"lost: {lost.subject} {lost.path}: {lost.why}", "dim", indent=2))
        return items[:6]


def _wrapped(step: Step | None, width: int) -> list[str]:
    if step is None:
        return [""]
    first, *rest = wrap(step.says, width - 2) or [""]
    return [f"{glyph_of(step)} {first}", *(f"  {line}" for line in rest)]


def _role(step: Step | None) -> str:
    return ROLES[glyph_of(step)] if step is not None else ""
