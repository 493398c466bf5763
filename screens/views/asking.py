"""Tables above which a question is answered: why a request was refused, or would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.collect.who_may import pasted, service_named, why_refused
from meshdoctor.istio.authorization.refused import Refusal
from meshdoctor.model.cluster import Service
from meshdoctor.model.errors import MeshdoctorError, UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from screens.refusals import refusal
from screens.seen import Seen
from screens.text import Run, badge
from screens.threads import aside
from screens.views.table import TableView
from screens.widgets.doc import Item

PASTE = "log line, or [CALLER] curl or GET /path"


class Asking(TableView):
    """A table with an answer above it: why what was typed or pasted is refused. Escape takes the answer away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "p",
            "why",
            "why 403",
            id="authorization.why",
            tooltip="who refuses it: a line of an access log, or [NS/WORKLOAD] request",
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._answer: list[Item] = []

    @property
    def service(self) -> Subject | None:
        """The Service that a pasted request goes to."""
        return None

    def summary_of(self, seen: Seen) -> list[Item]:
        return [*self._answer, Item("")] if self._answer else []

    def back(self) -> bool:
        if not self._answer:
            return super().back()
        self._tell([])
        return True

    def action_why(self) -> None:
        self.wants = PASTE
        self.boss.action_ask("+")

    def given(self, text: str) -> None:
        if text:
            self.ask(lambda mesh: refusal(_why(mesh, text, self.service)))

    def ask(self, answer: Callable[[Mesh], list[Item]]) -> None:
        """Find the answer in a thread, and show it."""
        mesh = self.seen.mesh if self.seen else None
        if mesh is None:
            return

        async def work() -> None:
            try:
                told = await aside(lambda: answer(mesh))
            except MeshdoctorError as error:
                told = [Item((badge("WARN", ""), Run(f" {error}")))]
            except Unseen as unseen:
                told = [Item((badge("UNKNOWN"), Run(f"  {unseen}")))]
            self.guard(lambda: self._tell(told))

        self.run_worker(work(), group="asked", exclusive=True, exit_on_error=False)

    def _tell(self, items: list[Item]) -> None:
        self._answer = items
        self._show_summary()
        self._show_detail()


def _why(mesh: Mesh, text: str, place: Subject | None) -> Refusal:
    """The refusal that a text tells of: where it begins with a caller, the request of that one."""
    first, _, rest = text.partition(" ")
    is_caller = bool(rest) and "/" in first and first[:1].isalpha() and not first.startswith("http")
    told = pasted((rest if is_caller else text).encode())
    service = mesh[Service].get(place.namespace, place.name) if place is not None else None
    if told.is_request and service is None:
        if not told.host:
            raise UsageError("No Service was named.", "Who would take that request is not known.", "Choose one first: enter.")
        service = service_named(mesh, told.host, None)
    return why_refused(mesh, told, service, first if is_caller else None)
