"""Contexts: go to another cluster, whatever this one is doing."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from screens.feed import Switches
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row


@screen(name="contexts", aliases=("ctx", "context"), title="Contexts", says="go to another cluster")
class Contexts(TableView):
    """The contexts of the kubeconfig. It is never written."""

    about = "Enter goes to a context. The kubeconfig's own current context stays as it is."
    columns = (Column("", least=2, keep=True), Column("CONTEXT", least=30, most=120, is_name=True, keep=True))
    fields = frozenset({"name"})
    needs_mesh = False
    empty = "No context: the kubeconfig names none. d starts the demo on a recorded mesh."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "go there", id="contexts.open", tooltip="read this cluster instead"),
        Binding("d", "demo", "demo", id="contexts.demo", tooltip="the recorded mesh"),
        Binding("f", "nothing", "", show=False, id="contexts.none"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._failed = ""

    def on_mount(self) -> None:
        super().on_mount()
        self.reload()

    def reload(self) -> None:
        self.run_worker(self._list(), group="contexts", exclusive=True, exit_on_error=False)

    async def _list(self) -> None:
        feed = self.boss.feed
        try:
            names = await feed.contexts() if isinstance(feed, Switches) else (feed.context,)
            self._failed = ""
        except Exception as error:  # a broken kubeconfig is told here; the demo still works
            names, self._failed = (), f"{error}"
        current = feed.context
        self.take(tuple(Row(n, (Run("●" if n == current else ""), n), {"name": n}) for n in names))

    def fill(self, seen: Seen) -> None:
        self._show_summary()

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._failed:
            return [Item((badge("ERROR"), Run(f"  {self._failed}")))]
        if not seen.context:
            return [Item(seen.link.reason or "no context yet", "dim")]
        return [Item(f"now {seen.context}: {'recorded' if seen.is_recorded else seen.link.state}", "dim")]

    def name_in(self, row: Row) -> str:
        return row.key

    async def open(self, row: Row) -> None:
        await self.boss.switch(row.key)

    def action_demo(self) -> None:
        self.boss.start_demo()

    def action_nothing(self) -> None:
        """Faults only means nothing here."""
