"""The topology screen: tree, table and around one node, walking and zooming, and one edge in full."""

from __future__ import annotations

from meshdoctor.model.mesh import Mesh
from meshdoctor.topology.parts import ENVOY, Edge, Kind, Latency, Node, Traffic
from meshdoctor.topology.views import graph_from
from screens.graph import around, edge_detail, figures, headline, table, tree
from screens.text import GLUE
from screens.views.topology import Topology
from screens.widgets.rows import Row
from tests.screens.conftest import Screen, opened

WEB, CART, PAY = (Node(Kind.WORKLOAD, "shop", n) for n in ("web", "cart", "pay"))


def edge(client: Node, server: Node, failed: float = 0.0, health: str = "Healthy", threshold: str = "", errors: str = "") -> Edge:
    flags = {"UH": failed} if failed else {}
    told = Traffic(
        source=ENVOY,
        how="access log",
        window_s=60,
        per_second=4.0,
        requests=240.0,
        failed=failed,
        flags=flags,
        latency_ms=Latency(p95=6.0),
        mtls_share=1.0,
    )
    return Edge(client=client, server=server, sources=(ENVOY,), traffic=(told,), health=health, threshold=threshold, errors=errors)


SOUND, BROKEN = edge(WEB, CART), edge(CART, PAY, 240.0, "Failure", threshold="100 % are 5XX", errors="100% 5XX")
SILENT = Edge(client=CART, server=PAY, sources=("configured",), unknown="its proxy was not asked")


def words(rows: list[Row]) -> str:
    return "\n".join(r.words for r in rows)


def test_the_tree_opens_each_node_once_and_the_table_begins_with_the_worst() -> None:
    assert [r.cells[0] if isinstance(r.cells[0], str) else r.cells[0].text for r in tree([SOUND, BROKEN], [WEB])] == [
        "● shop/web",
        "  ● shop/cart",
        "    ● shop/pay",
    ]
    assert [r.fields["server"] for r in table([SOUND, BROKEN])] == ["shop/pay", "shop/cart"]
    circle = [SOUND, edge(CART, WEB)]
    assert "…" in words(tree(circle, [WEB]))


def test_callers_stand_left_and_callees_right() -> None:
    (row,) = around(graph_from((SOUND, BROKEN)), CART, "callees")
    assert row.payload is BROKEN
    assert row.words.index("shop/web") < row.words.index("shop/cart") < row.words.index("shop/pay")
    assert around(graph_from((SOUND, BROKEN)), CART, "callers")[0].payload is SOUND


def test_what_is_not_known_is_no_zero() -> None:
    assert figures(SILENT).text == "? unknown"
    assert "its proxy was not asked" in str(edge_detail(SILENT))


def test_an_edge_in_full_tells_source_threshold_and_flags() -> None:
    told = " ".join(run.text for item in edge_detail(BROKEN) for run in item.runs).replace(GLUE, " ")
    assert all(part in told for part in (ENVOY, "60 s window", "100 % are 5XX", "no healthy endpoint", "p95 6 ms"))


async def drawn(screen: Screen) -> Topology:
    await screen.press("2")
    await screen.until(lambda: "edges" in screen.text and bool(screen.app.view and screen.app.view.main))
    await screen.settled()
    view = screen.app.view
    assert isinstance(view, Topology)
    return view


async def test_forms_walk_and_zoom(faulty: Mesh) -> None:
    async with opened(faulty, size=(140, 40)) as screen:
        view = await drawn(screen)
        assert "WHO CALLS WHOM" in screen.text
        await screen.press("x")
        assert "CLIENT" in screen.text
        await screen.press("enter")
        assert "[around]" in screen.text
        await screen.press("escape")
        assert "[tree]" in screen.text
        await screen.press("z", "z")
        assert view.scope == "namespaces"


def test_traffic_that_nobody_could_see_is_not_none() -> None:
    still = Edge(client=CART, server=PAY, sources=("configured",))
    assert headline([SILENT, SILENT]).text == "2 edges, traffic of 2 not known"
    assert headline([SILENT, still]).text == "2 edges, traffic of 1 not known"
    assert headline([still]).text == "1 edge, 0 carry traffic"
