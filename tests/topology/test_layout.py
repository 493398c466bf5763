"""Places of nodes: callers before whom they call, the same for the same graph, and nothing moves that need not."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from meshdoctor.topology.layout import layered

EDGES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=80)


def graph(*edges: tuple[object, object]) -> nx.DiGraph[object]:
    return nx.DiGraph(edges)


@given(EDGES)
def test_every_node_has_a_place_of_its_own(edges: list[tuple[int, int]]) -> None:
    places = layered(graph(*edges))
    assert len(set(places.values())) == len(places) == len({n for e in edges for n in e})
    assert places == layered(graph(*reversed(edges)))
    if nx.is_directed_acyclic_graph(graph(*edges)):
        assert all(places[a].layer < places[b].layer for a, b in edges)


@given(EDGES, st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_what_stays_in_its_layer_keeps_its_order(edges: list[tuple[int, int]], more: tuple[int, int]) -> None:
    before = layered(graph(*edges))
    after = layered(graph(*edges, more), before)
    kept = [n for n in before if after[n].layer == before[n].layer]
    assert sorted(kept, key=lambda n: before[n]) == sorted(kept, key=lambda n: after[n])


def test_an_unchanged_graph_moves_nothing() -> None:
    edges = [("a", "c"), ("b", "c"), ("c", "d"), ("b", "e")]
    before = layered(graph(*edges))
    assert layered(graph(*edges), before) == before


def test_circles_end() -> None:
    assert layered(graph(("a", "b"), ("b", "a"), ("a", "a"))) == {"a": (0, 0), "b": (1, 0)}


def test_few_crossings() -> None:
    places = layered(graph(("a", "z"), ("b", "y"), ("c", "x")))
    assert [places[n].row for n in "abc"] == [places[n].row for n in "zyx"]
