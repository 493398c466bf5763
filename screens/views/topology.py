"""Topology: who calls whom, around one object, as a tree or as a table; live, from what the proxies say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.worker import Worker

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen, narrowed
from meshdoctor.topology import views
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.parts import Edge, Kind, Node
from screens import graph as drawn
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run
from screens.threads import aside
from screens.views.table import TableView
from screens.views.view import unseen_items
from screens.widgets.doc import WIDE, Item
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from networkx import DiGraph

Form = Literal["tree", "table", "around"]
Scope = Literal["workloads", "apps", "namespaces"]
FORMS: tuple[Form, ...] = ("tree", "table", "around")
SCOPES: tuple[Scope, ...] = ("workloads", "apps", "namespaces")
COLUMNS: dict[Form, Sequence[Column]] = {"tree": drawn.TREE, "table": drawn.TABLE, "around": drawn.AROUND}


@screen(key="2", name="topology", aliases=("graph", "topo", "t"), title="Topology", says="who calls whom, how much, and what fails")
class Topology(TableView):
    """The service graph in three forms and three scopes."""

    drawn_from = (
        "pods",
        "services",
        "endpointslices*",
        "virtualservices*",
        "destinationrules*",
        "serviceentries*",
        "sidecars*",
        "Envoy *",
        "/[!a]* of *",
        "istio-proxy log of *",
        "Prometheus *",
    )
    about = "Observed first, configured dim. enter goes to the other end; x tree, table or around; z zooms; ← → change the side."
    columns: Sequence[Column] = drawn.TREE
    fields = frozenset({"ns", "client", "server", "health", "protocol", "flag", "traffic"})
    empty = "Nobody calls anybody here, as far as could be seen."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "walk", id="topology.open", tooltip="around the other end of this edge"),
        Binding("x", "form", "tree/table/around", id="topology.form", tooltip="another form of the same graph"),
        Binding("z", "zoom", "zoom", id="topology.zoom", tooltip="workloads, apps or namespaces"),
        Binding("a", "active", "active", id="topology.active", tooltip="only what carries traffic, or all"),
        Binding("left", "side(-1)", "callers", show=False, id="topology.left", tooltip="choose among the callers"),
        Binding("right", "side(1)", "callees", show=False, id="topology.right", tooltip="choose among the callees"),
        Binding("l", "logs", "access log", id="topology.logs", tooltip="requests of the client of this edge"),
        Binding("T", "trace", "trace", id="topology.trace", tooltip="a request along this edge, as configured and in the proxy"),
        Binding(
            "A",
            "who_may",
            "who may call",
            show=False,
            id="topology.who",
            tooltip="who may call the Service here, by which rule",
        ),
        Binding("D", "drawing('dot')", "copy DOT", show=False, id="topology.dot", tooltip="copy the graph for Graphviz"),
        Binding("M", "drawing('mermaid')", "copy Mermaid", show=False, id="topology.mermaid", tooltip="copy it for Markdown"),
    ]

    def __init__(self, center: Node | None = None) -> None:
        super().__init__()
        self.center = center
        self.form: Form = "around" if center else "tree"
        self.scope: Scope = "workloads"
        self.side = drawn.RIGHT
        self._active = False
        self._edges: list[Edge] = []
        self._trail: list[Node | None] = []

    @property
    def crumb(self) -> str:
        return f"{self.title} {self.center}" if self.center and self.form == "around" else self.title

    def fill(self, seen: Seen) -> None:
        """Draw in a thread whatever the size: a graph of thousands of edges takes longer than a key may wait."""
        mesh = seen.mesh
        if mesh is not None:
            self._is_filling = True

            async def draw() -> None:  # made when it is begun: another picture may come before that
                await self._draw(mesh)

            _: Worker[None] = self.run_worker(draw, group="beside", exclusive=True, exit_on_error=False)
        self._show_summary()

    async def _draw(self, mesh: Mesh) -> None:
        narrow = self.app.size.width < WIDE
        try:
            edges, rows = await aside(lambda: self._made(mesh, narrow=narrow))
        except Unseen as unseen:
            self.filled(unseen_items(unseen))
            return
        self._edges = edges
        self.filled()
        self.columns = self.table.columns = tuple(COLUMNS[self.form])
        self.guard(lambda: self.take(tuple(rows)))

    def _made(self, mesh: Mesh, *, narrow: bool) -> tuple[list[Edge], list[Row]]:
        graph = graph_of(mesh)
        if self._active:
            graph = views.carrying(graph)
        if self.scope == "apps":
            graph = views.by_app(mesh, graph)
        elif self.scope == "namespaces":
            graph = views.by_namespace(graph)
        edges = views.edges_in(graph)
        if self.form == "table":
            return edges, drawn.table(edges)
        if self.form == "tree":
            return edges, drawn.tree(edges, views.roots_of(edges))
        center = self._center(graph)
        return edges, drawn.around(graph, center, self.side, narrow=narrow) if center is not None else []

    def _center(self, graph: DiGraph[Node]) -> Node | None:
        """The chosen node; where it is not in this scope, or none was chosen, the one with the most traffic."""
        if self.center is not None and self.center in graph:
            return self.center
        busiest = max(views.edges_in(graph), key=lambda e: (e.health == "Failure", e.per_second or 0.0), default=None)
        self.center = busiest.server if busiest else None
        return self.center

    def summary_of(self, seen: Seen) -> list[Item]:
        parts = [Run(f"[{f}]" if f == self.form else f" {f} ", "strong" if f == self.form else "dim") for f in FORMS]
        scope = f"   {self.scope}{', active only' if self._active else ''}"
        told = (drawn.headline(self._edges),) if self._has_rows else ()
        only = narrowed(seen.mesh.sources) if seen.mesh is not None else ""
        limits = [Item(f"{only}: who calls whom elsewhere is not drawn", "dim")] if only else []
        return [Item((*parts, Run(f"{scope}   ", "dim"), *told)), *limits]

    def detail_of(self, row: Row) -> list[Item]:
        return drawn.edge_detail(row.payload) if isinstance(row.payload, Edge) else []

    def name_in(self, row: Row) -> str:
        return str(row.payload.server if isinstance(row.payload, Edge) else row.payload)

    async def open(self, row: Row) -> None:
        """Walk to the other end of the edge."""
        edge = row.payload
        if not isinstance(edge, Edge):
            goal: Node | None = edge
        else:
            goal = edge.client if self.form == "around" and edge.server == self.center else edge.server
        self._trail.append(self.center if self.form == "around" else None)
        self.center, self.form = goal, "around"
        self._again()

    def back(self) -> bool:
        if super().back():
            return True
        if not self._trail:
            return False
        before = self._trail.pop()
        self.form, self.center = ("around", before) if before else ("tree", self.center)
        self._again()
        return True

    def action_form(self) -> None:
        self.form = FORMS[(FORMS.index(self.form) + 1) % len(FORMS)]
        row = self.row
        if self.form == "around" and row is not None and isinstance(row.payload, Edge):
            self.center = row.payload.server
        self._again()

    def action_zoom(self) -> None:
        self.scope = SCOPES[(SCOPES.index(self.scope) + 1) % len(SCOPES)]
        self._again()

    def action_active(self) -> None:
        self._active = not self._active
        self._again()

    def action_side(self, to: int) -> None:
        self.side = drawn.LEFT if to < 0 else drawn.RIGHT
        self._again()

    async def action_logs(self) -> None:
        from screens.views.access_log import AccessLog

        either = self._logging()
        if either:
            await self.boss.open(AccessLog(either[0].subject))
        else:
            self.boss.say("No proxy is at either end of this edge: nobody logs its requests.", "dim")

    def _logging(self) -> list[Node]:
        """Whose access log tells of the selected edge, or of the selected node."""
        chosen = self.row.payload if self.row is not None else None
        ends = (chosen.client, chosen.server) if isinstance(chosen, Edge) else (chosen,) if isinstance(chosen, Node) else ()
        return [n for n in ends if n.kind in (Kind.WORKLOAD, Kind.GATEWAY, Kind.SERVICE)]

    def offers(self, action: str) -> bool:
        match action:
            case "form" | "zoom" | "active":
                return self.seen is not None and self.seen.mesh is not None
            case "logs":
                return bool(self._logging())
            case "trace":
                mesh, edge = self.seen.mesh if self.seen else None, self.row.payload if self.row is not None else None
                return mesh is not None and isinstance(edge, Edge) and bool(drawn.request_along(mesh, edge))
        return super().offers(action)

    async def action_trace(self) -> None:
        """A request from the client of this edge to the first port of whom it calls."""
        from screens.views.trace import Trace

        edge = self.row.payload if self.row is not None else None
        mesh = self.seen.mesh if self.seen else None
        request = drawn.request_along(mesh, edge) if mesh is not None and isinstance(edge, Edge) else ""
        if request:
            await self.boss.open(Trace(request))
        else:
            self.boss.say("No proxy sends requests along this edge: trace one from a workload to a Service.", "dim")

    async def action_who_may(self) -> None:
        from screens.views.authorization import WhoMay

        chosen = self.row.payload if self.row is not None else None
        ends = (chosen.server, chosen.client) if isinstance(chosen, Edge) else (chosen,) if isinstance(chosen, Node) else ()
        place = next((n.subject for n in ends if n.kind is Kind.SERVICE), None)
        if place is not None:
            await self.boss.open(WhoMay(place))
        else:
            self.boss.say("No Service is at either end of this edge; :authorization lists them all.", "dim")

    async def action_drawing(self, form: str) -> None:
        from meshdoctor.reports import graph_drawn

        draw = graph_drawn.dot if form == "dot" else graph_drawn.mermaid
        text = await aside(lambda: draw(self._edges))
        self.boss.copy(text, f"{len(self._edges)} edges as {'DOT' if form == 'dot' else 'Mermaid'}")

    def _again(self) -> None:
        if self.seen is not None:
            self.fill(self.seen)
