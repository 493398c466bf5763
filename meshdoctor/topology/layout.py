"""Where each node of a graph is drawn: in layers, callers left of whom they call, with few crossings.

Pure and deterministic, so that it can run in a worker thread and a refresh moves nothing that did not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from networkx import DiGraph

N = TypeVar("N", bound=Any)  # hashable, and ordered by `<`
SWEEPS = 6


class Place(NamedTuple):
    """A layer, counted from the callers, and a row within it."""

    layer: int
    row: int


def layered(graph: DiGraph[Any], before: Mapping[Any, Place] | None = None) -> dict[Any, Place]:
    """A place for each node. With the places of `before` nodes that stay in their layer keep their order; new ones join.

    Nodes need an order of their own (`<`). Edges that close a circle are drawn backwards and do not count.
    """
    ordered = sorted(graph.nodes)
    below, above = _without_circles(ordered, graph.successors)
    layer = _layers(ordered, below, above)
    rows = _first_rows(ordered, layer, before or {})
    if before:
        _join_new(rows, layer, before, above, below)
    else:
        for sweep in range(SWEEPS):
            _sweep(rows, above if sweep % 2 == 0 else below, downward=sweep % 2 == 0)
    return {node: Place(number, i) for number, nodes in enumerate(rows) for i, node in enumerate(nodes)}


def _without_circles(ordered: list[N], successors: Callable[[N], Iterable[N]]) -> tuple[dict[N, list[N]], dict[N, list[N]]]:
    """Successors and predecessors of each node, without the edges that lead back; depth first, callers of nobody's first."""
    below: dict[N, list[N]] = {n: [] for n in ordered}
    above: dict[N, list[N]] = {n: [] for n in ordered}
    called = {s for n in ordered for s in successors(n) if s != n}
    done: set[N] = set()
    open_: set[N] = set()
    for start in sorted(ordered, key=lambda n: n in called):
        if start in done:
            continue
        stack = [(start, iter(sorted(successors(start))))]
        open_.add(start)
        done.add(start)
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                open_.discard(node)
                stack.pop()
                continue
            if following in open_:
                continue
            below[node].append(following)
            above[following].append(node)
            if following not in done:
                done.add(following)
                open_.add(following)
                stack.append((following, iter(sorted(successors(following)))))
    return below, above


def _layers(ordered: list[N], below: dict[N, list[N]], above: dict[N, list[N]]) -> dict[N, int]:
    """The longest way from a node that nobody calls."""
    waiting = {n: len(above[n]) for n in ordered}
    layer = dict.fromkeys(ordered, 0)
    ready = [n for n in ordered if not waiting[n]]
    for node in ready:
        for following in below[node]:
            layer[following] = max(layer[following], layer[node] + 1)
            waiting[following] -= 1
            if not waiting[following]:
                ready.append(following)
    return layer


def _first_rows(ordered: list[N], layer: dict[N, int], before: Mapping[N, Place]) -> list[list[N]]:
    rows: list[list[N]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in ordered:
        if not before or _stays(node, layer, before):
            rows[layer[node]].append(node)
    for nodes in rows if before else ():
        nodes.sort(key=lambda n: before[n].row)
    return rows


def _stays(node: N, layer: dict[N, int], before: Mapping[N, Place]) -> bool:
    return node in before and before[node].layer == layer[node]


def _join_new(
    rows: list[list[N]], layer: dict[N, int], before: Mapping[N, Place], above: dict[N, list[N]], below: dict[N, list[N]]
) -> None:
    """Put nodes that were not there (or not in that layer) beside their neighbours, the others as they were."""
    row = {n: float(i) for nodes in rows for i, n in enumerate(nodes)}
    for node in (n for n in layer if not _stays(n, layer, before)):
        near = [row[n] for n in (*above[node], *below[node]) if n in row]
        at = sum(near) / len(near) if near else float(len(rows[layer[node]]))
        rows[layer[node]].append(node)
        row[node] = at + 0.5
    for nodes in rows:
        nodes.sort(key=row.__getitem__)


def _sweep(rows: list[list[N]], beside: dict[N, list[N]], *, downward: bool) -> None:
    """Order each layer by the middle of each node's neighbours in the layers before it; nodes without any stay."""
    place = {n: i / max(len(nodes), 1) for nodes in rows for i, n in enumerate(nodes)}
    for nodes in rows if downward else reversed(rows):
        middle = {n: sum(place[b] for b in beside[n]) / len(beside[n]) if beside[n] else place[n] for n in nodes}
        nodes.sort(key=middle.__getitem__)
        place.update((n, i / len(nodes)) for i, n in enumerate(nodes))
