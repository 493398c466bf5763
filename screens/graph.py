"""The service graph as rows: around one node, as a tree, as a table of edges; and one edge in full."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING

from meshdoctor.istio.hosts import long_name, registered
from meshdoctor.istio.responses import flag
from meshdoctor.model.mesh import Mesh
from meshdoctor.reports.graph import GLYPHS, cells, known_from, per_second
from meshdoctor.topology.parts import Edge, Kind, Node
from screens.text import GLUE, Run, age, count
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from networkx import DiGraph

STATES = {
    "Failure": ("✖", "bad"),
    "Degraded": ("▲", "warn"),
    "Not Ready": ("▲", "warn"),
    "Healthy": ("●", "ok"),
    "NA": ("○", "dim"),
}
ROLES = {"Failure": "bad", "Degraded": "warn"}
AROUND = (
    Column("CALLERS", least=12, most=48, align="right", is_name=True, keep=True),
    Column("", least=17, most=34, align="right", keep=True),
    Column("", least=12, most=44, is_name=True, keep=True),
    Column("", least=17, most=34, keep=True),
    Column("CALLEES", least=12, most=48, is_name=True, keep=True),
)
TREE = (
    Column("WHO CALLS WHOM", least=34, most=80, is_name=True, keep=True),
    Column("HEALTH", least=9),
    Column("REQ/S", least=5, align="right", keep=True),
    Column("FAIL", least=10, align="right", keep=True),
    Column("mTLS", least=5, align="right"),
    Column("P95 MS", least=6, align="right"),
    Column("KNOWN FROM", least=9, most=24),
)
TABLE = (
    Column("HEALTH", least=9, keep=True),
    Column("CLIENT", least=14, most=44, is_name=True, keep=True),
    Column("SERVER", least=14, most=44, is_name=True, keep=True),
    Column("REQ/S", least=5, align="right", keep=True),
    Column("FAIL", least=10, align="right", keep=True),
    Column("mTLS", least=5, align="right"),
    Column("P95 MS", least=6, align="right"),
    Column("PROTOCOL", least=4, most=10),
    Column("FLAGS", least=5, most=16),
    Column("KNOWN FROM", least=9, most=40),
)
LEFT, RIGHT = "callers", "callees"


def label(node: Node) -> str:
    """A node's glyph and name."""
    return f"{GLYPHS[node.kind]} {node}"


def figures(edge: Edge) -> Run:
    """Rate, failures and mutual TLS of an edge in few cells; `?` where nobody's figures are known."""
    if edge.per_second is None:
        return Run("? unknown" if edge.unknown else "not observed", "unknown" if edge.unknown else "dim")
    told = cells(edge)
    failed = f" {told[1]}" if told[1] and (edge.failed or edge.health in ROLES) else ""
    secured = "" if not told[3] else " mTLS" if told[3] == "100 %" else f" mTLS {told[3]}"
    return Run(f"{told[0]}/s{failed}{secured}", ROLES.get(edge.health, ""))


def around(graph: DiGraph[Node], center: Node, side: str, *, narrow: bool = False) -> list[Row]:
    """Callers left, callees right of a node. The payload of a row is the edge on the chosen side, else that on the other."""
    left = _worst_first(d["edge"] for _, _, d in graph.in_edges(center, data=True))
    right = _worst_first(d["edge"] for _, _, d in graph.out_edges(center, data=True))
    middle = (max(len(left), len(right), 1) - 1) // 2
    made = []
    for number, (caller, callee) in enumerate(zip_longest([*left], [*right])) if left or right else ():
        chosen = caller if side == LEFT else callee
        one = (Run(label(caller.client), "strong" if side == LEFT else ""), _arrow(caller, narrow)) if caller else ("", "")
        other = (_arrow(callee, narrow), Run(label(callee.server), "strong" if side == RIGHT else "")) if callee else ("", "")
        name = Run(label(center), "strong") if number == middle else ""
        edge = chosen or caller or callee
        assert edge is not None
        made.append(Row(f"{edge.client} {edge.server}", (*one, name, *other), _fields(edge), _is_bad(edge), payload=edge))
    return made or [Row("alone", ("", "", Run(label(center), "strong"), "", ""), is_heading=False)]


def _arrow(edge: Edge, narrow: bool) -> Run:
    """What flows, and the arrow: short where names need the room."""
    told = figures(edge)
    long = {"bad": "══✖═▶", "warn": "══▲═▶"}.get(told.role, "─────▶" if edge.is_carrying else "╌╌╌╌╌▷")
    short = "═▶" if told.role else "─▶" if edge.is_carrying else "╌▷"
    says = told.text
    if narrow:
        says, percent, _ = says.replace("not observed", "unseen").partition(" mTLS")[0].partition(" %")
        says += percent
    return Run(f"{says} {short if narrow else long}", told.role or ("" if edge.is_carrying else "dim"))


def _worst_first(edges: Iterable[Edge]) -> list[Edge]:
    order = ("Failure", "Degraded", "Not Ready", "Healthy", "NA")
    return sorted(edges, key=lambda e: (order.index(e.health), -(e.per_second or 0.0), e.client, e.server))


def tree(edges: Iterable[Edge], roots: Iterable[Node]) -> list[Row]:
    """Callers first, whom they call below them; a node that was shown already is not opened again."""
    below: dict[Node, list[Edge]] = {}
    for edge in edges:
        below.setdefault(edge.client, []).append(edge)
    made: list[Row] = []
    opened: set[Node] = set()
    waiting: list[tuple[Node, int, Edge | None, str]] = [(root, 0, None, "") for root in reversed(list(roots))]
    while waiting:
        node, depth, came, path = waiting.pop()
        again = node in opened and bool(below.get(node))
        path = f"{path}>{node}"
        name = f"{'  ' * depth}{label(node)}{' …' if again else ''}"
        made.append(_tree_row(path, name, node, came))
        if not again:
            opened.add(node)
            waiting += [(e.server, depth + 1, e, path) for e in reversed(below.get(node, []))]
    return made


def _tree_row(path: str, name: str, node: Node, edge: Edge | None) -> Row:
    if edge is None:
        return Row(path, (name, "", "", "", "", "", ""), {"ns": node.namespace, "server": str(node)}, payload=node)
    told = cells(edge)
    role = ROLES.get(edge.health, "")
    more = (told[0] or Run("-", "dim"), Run(told[1], role), told[3], told[2], Run(known_from(edge), "dim"))
    return Row(path, (Run(name, role), _health(edge), *more), _fields(edge), _is_bad(edge), payload=edge)


def table(edges: Iterable[Edge]) -> list[Row]:
    """One row an edge, the worst first."""
    made = []
    for edge in _worst_first(edges):
        told = cells(edge)
        shown = (
            _health(edge),
            str(edge.client),
            str(edge.server),
            told[0] or Run("-", "dim"),
            Run(told[1], ROLES.get(edge.health, "")),
            told[3],
            told[2],
            edge.protocol or "",
            ",".join(edge.flags),
            Run(", ".join(edge.sources), "dim"),
        )
        made.append(Row(f"{edge.client} {edge.server}", shown, _fields(edge), _is_bad(edge), payload=edge))
    return made


def _health(edge: Edge) -> Run:
    glyph, role = STATES[edge.health]
    return Run(f"{glyph} {edge.health}" if edge.health != "NA" else f"{glyph} -", role)


def _fields(edge: Edge) -> dict[str, str]:
    return {
        "ns": edge.server.namespace,
        "client": str(edge.client),
        "server": str(edge.server),
        "health": edge.health,
        "protocol": edge.protocol or "",
        "flag": ",".join(edge.flags),
        "traffic": "yes" if edge.is_carrying else "unknown" if edge.unknown else "no",
    }


def _is_bad(edge: Edge) -> bool:
    return edge.health in ROLES


def edge_detail(edge: Edge) -> list[Item]:
    """Who calls whom, how much by each source with its window and age, why it is judged so, and what the flags mean."""
    items = [Item((Run(f"{edge.client}", "strong"), Run(" calls ", "dim"), Run(f"{edge.server}", "strong")))]
    if edge.unknown:
        items.append(Item((Run("? UNKNOWN  ", "unknown"), Run(edge.unknown))))
    for told in edge.traffic[:3]:
        figure = "rate unknown" if told.per_second is None else f"{'≥' if told.is_partial else ''}{per_second(told.per_second)}/s"
        failed = "" if told.error_share is None else f", {100 * told.error_share:.1f} % fail"
        slow = f", p95 {told.latency_ms.p95:.0f} ms" if told.latency_ms else ""
        secured = "" if told.mtls_share is None else f", mTLS {100 * told.mtls_share:.0f} %"
        source = f"   {told.source} ({told.how}), {told.window_s:.0f} s window, {age(told.age_s) or '0 s'} old"
        items.append(Item((Run(f"{figure}{failed}{slow}{secured}"), Run(source, "dim")), indent=2))
    if edge.threshold:
        items.append(Item(f"{edge.health}: {edge.threshold}".replace(" %", f"{GLUE}%"), ROLES.get(edge.health, "dim"), indent=2))
    for word in list(edge.flags)[:3]:
        said = flag(word)
        items.append(Item((Run(f"{word}  ", "bad"), Run(said.means), Run(f"   look at: {said.look}", "dim")), indent=2))
    written = [s for s in edge.sources if not s.startswith("observed")]
    if written:
        items.append(Item(f"{', '.join(written)}{'' if edge.traffic else ', not observed'}", "dim", indent=2))
    return items


def request_along(mesh: Mesh, edge: Edge) -> str:
    """A request as the trace screen takes it; empty where no proxy sends one along this edge."""
    sends = edge.client.kind in (Kind.WORKLOAD, Kind.GATEWAY)
    if not sends or edge.server.kind not in (Kind.SERVICE, Kind.ENTRY):
        return ""
    host = f"{edge.server.name}.{edge.server.namespace}" if edge.server.kind is Kind.SERVICE else edge.server.name
    known = registered(mesh, long_name(mesh, host, edge.client.namespace))
    port = next((p for r in known for p in r.ports), 80)
    return f"{edge.client} {host}:{port}/"


def headline(edges: list[Edge]) -> Run:
    """How many edges carry traffic, of how many that is not known, and how many are not healthy."""
    carrying = sum(e.is_carrying for e in edges)
    unseen = sum(bool(e.unknown) and not e.is_carrying for e in edges)
    bad = sum(_is_bad(e) for e in edges)
    total = count(len(edges), "edge")
    if carrying or not unseen:
        total += f", {carrying} carr{'ies' if carrying == 1 else 'y'} traffic"
    if unseen:
        total += f", traffic of {unseen} not known"
    return Run(f"{total}, {bad} not healthy" if bad else total, "bad" if bad else "strong")
