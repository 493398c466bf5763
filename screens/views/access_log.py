"""The access log of a workload, read for you: all its pods merged, flags explained, the newest last."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.authorization.refused import of_entry
from meshdoctor.istio.workloads import is_live
from meshdoctor.istio.workloads import pods_of as selected_by
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import AccessLogEntry
from meshdoctor.model.findings import Cause, Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from screens.access import COLUMNS, Lines, detail, read, summary
from screens.refusals import refusal
from screens.seen import Seen
from screens.text import Run, age, badge
from screens.threads import aside
from screens.views.asking import Asking
from screens.views.view import View
from screens.widgets.doc import Item
from screens.widgets.rows import Row

MOST_PODS = 12  # at once; the rest is counted and said
EVERY = 5.0  # seconds between two reads


class AccessLog(Asking):
    """What the proxies of one workload logged; it follows until it is held."""

    drawn_from = ("pods", "istio-proxy log of *")
    about = "Requests as the proxies logged them. f failures only; / narrows: flag=UH code=503 way=in pod=…; p holds the picture."
    columns = COLUMNS
    fields = frozenset({"code", "flag", "pod", "way", "state"})
    empty = "No line in the last hour."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "hold", "hold", id="access.hold", tooltip="stop following, or go on"),
        Binding("A", "refused", "why refused", id="access.why", tooltip="which policy refuses this request, by which rule"),
        Binding("enter", "open", "whole log", id="access.open", tooltip="all lines of istio-proxy in this pod"),
    ]

    def __init__(self, about: Subject) -> None:
        super().__init__()
        self.subject = about
        self._lines: Lines | None = None
        self._asked = 0.0
        self._came: float | None = None
        self._left_out = 0
        self._held = self._reading = False

    @property
    def topic(self) -> Subject:
        return self.subject

    @property
    def crumb(self) -> str:
        return f"access log {self.subject.name}"

    def on_mount(self) -> None:
        super().on_mount()
        self.reload()

    def fill(self, seen: Seen) -> None:
        self._show_summary()

    def tick(self) -> None:
        self._show_summary()
        if not self._held and not self._reading and self.display and time.monotonic() - self._asked >= EVERY:
            self.reload()

    def reload(self) -> None:
        if not self._reading:
            self._asked, self._reading = time.monotonic(), True
            self.run_worker(self._read(), group="access", exclusive=True, exit_on_error=False)

    def action_hold(self) -> None:
        self._held = not self._held
        self._show_summary()

    def offers(self, action: str) -> bool:
        if action == "refused":
            return self.row is not None and self.row.payload is not None and self.row.payload.code in (0, 401, 403)
        return super().offers(action)

    def action_refused(self) -> None:
        """Why the selected line's request was refused, by the policies as they are now."""
        entry: AccessLogEntry | None = self.row.payload if self.row is not None else None
        if entry is not None:
            self._held = True  # the line stays where it is while its answer is read
            self.ask(lambda mesh: refusal(of_entry(mesh, entry, f"{entry.details} {entry.connection_details}".strip())))

    async def open(self, row: Row) -> None:
        from screens.views.logs import Logs

        pod = Subject(kind="Pod", namespace=self.subject.namespace, name=row.fields["pod"])
        await self.boss.open(Logs(pod, "istio-proxy"))

    async def _read(self) -> None:
        try:
            mesh = (self.seen or self.boss.shown).mesh
            pods = pods_of(mesh, self.subject) if mesh else []
            self._left_out = max(len(pods) - MOST_PODS, 0)
            names = [p.name for p in pods[:MOST_PODS]]
            asked = [self.boss.feed.pod_logs(self.subject.namespace, n, "istio-proxy") for n in names]
            answers = dict(zip(names, await asyncio.gather(*asked, return_exceptions=True), strict=True))
            texts = {n: a for n, a in answers.items() if isinstance(a, str)}
            failures = {n: str(a) for n, a in answers.items() if not isinstance(a, str)}
            found = await aside(lambda: read(texts, failures))
            self._came = time.monotonic()
            self.guard(lambda: self._take(found))
        finally:
            self._reading = False

    def _take(self, found: Lines) -> None:
        """Follow the newest line unless another one was chosen."""
        follows = not self._has_rows or (self.table.at or 0) >= len(self.table.rows) - 1
        self._lines = found
        self.take(found.rows)
        if follows:
            self.table.action_edge(-1)

    def summary_of(self, seen: Seen) -> list[Item]:
        said: tuple[Run, ...] = (Run(f"{owner_of(seen.mesh, self.subject)}", "strong"),)
        if self._came is None or self._lines is None:
            return [Item(said), Item((Run("… ", "unknown"), Run(f"reading for {age(time.monotonic() - self._asked)}")))]
        state = Run("‖ held", "warn") if self._held else badge("OK", "following")
        more = f"   {self._left_out} more pods are not read" if self._left_out else ""
        head = Item((*said, Run("   "), state, Run(more, "dim")), note=f"read {age(time.monotonic() - self._came)} ago")
        return [head, *super().summary_of(seen), *summary(self._lines)]

    def detail_of(self, row: Row) -> list[Item]:
        return (
            detail(row.payload)
            if row.payload is not None
            else [Item((row.cells[5],)) if isinstance(row.cells[5], Run) else Item(row.cells[5])]
        )

    def _state(self) -> list[Item]:
        return super()._state() if self._has_rows else []


def pods_of(mesh: Mesh, about: Subject) -> list[Pod]:
    """The live pods with a proxy of a workload; of a pod those of its workload; of a Service those that it selects."""
    try:
        pods = [p for p in mesh[Pod].within(about.namespace) if is_live(p) and p.proxy is not None]
        service = mesh[Service].get(about.namespace, about.name) if about.kind == "Service" else None
    except Unseen:
        return []
    if service is not None:
        selected = {p.name for p in selected_by(mesh, service)}
        return sorted((p for p in pods if p.name in selected), key=lambda p: p.name)
    workload = owner_of(mesh, about)
    return sorted((p for p in pods if workload in (mesh.owner(p), p.subject)), key=lambda p: p.name)


def owner_of(mesh: Mesh | None, about: Subject) -> Subject:
    """The workload of a pod; anything else is itself."""
    try:
        one = mesh[Pod].get(about.namespace, about.name) if mesh and about.kind == "Pod" else None
    except Unseen:
        one = None
    return mesh.owner(one) if mesh and one is not None else about


def logged_by(mesh: Mesh | None, about: Cause | Finding) -> Subject | None:
    """Whose access log tells of a cause or finding: the object itself where it has pods, else the first who suffers."""
    if mesh is None:
        return None
    harmed = about.impact.workloads if isinstance(about, Cause) else about.harm.workloads if about.harm else ()
    named = (w.partition("/") for w in harmed)
    suffering = (Subject(group="apps", kind="Deployment", namespace=ns, name=name) for ns, _, name in named)
    also = about.also if isinstance(about, Finding) else ()
    return next((s for s in (about.subject, *suffering, *also) if pods_of(mesh, s)), None)


async def show_log(view: View, about: Cause | Finding | None) -> None:
    """Open the access log that tells of a cause or finding, or say that there is none."""
    whose = logged_by(view.seen.mesh, about) if view.seen and about is not None else None
    if whose is None:
        view.boss.say("No proxy that runs logs requests of this object.", "dim")
    else:
        await view.boss.open(AccessLog(whose))
