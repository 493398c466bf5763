"""The service graph of a Mesh: what proxies and Prometheus observed, what is configured, what is declared.

Nothing is guessed: an edge that was not observed has no figures, and says why where that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod
from meshdoctor.topology import logged, measured, nodes, written
from meshdoctor.topology.counted import COUNTERS, Counted
from meshdoctor.topology.judge import judged
from meshdoctor.topology.logged import LOGS
from meshdoctor.topology.parts import CONFIGURED, DECLARED, ENVOY, Edge, Kind, Node, Traffic
from meshdoctor.topology.silent import Silent
from meshdoctor.topology.sums import is_same_rate

if TYPE_CHECKING:
    from networkx import DiGraph

T = TypeVar("T")
Pair = tuple[Node, Node]
WRITTEN = (
    (written.routed, CONFIGURED),
    (written.attached, CONFIGURED),
    (written.selected, CONFIGURED),
    (written.imported, DECLARED),
    (written.entered, DECLARED),
)


def graph_of(mesh: Mesh, namespace: str | None = None) -> DiGraph[Node]:
    """All nodes and edges (`edge` is an edge's attribute); of one namespace: its own, and who they call or are called by."""
    import networkx as nx

    made: DiGraph[Node] = nx.DiGraph()
    for edge in sorted(edges_of(mesh), key=lambda e: (e.client, e.server)):
        if namespace is None or namespace in (edge.client.namespace, edge.server.namespace):
            made.add_edge(edge.client, edge.server, edge=edge)
    return made


def edges_of(mesh: Mesh) -> Iterator[Edge]:
    """One edge a pair, with what each source tells of it."""
    silent = Silent(mesh)
    counted = Counted(mesh)
    observed: dict[Pair, list[Traffic]] = {}
    # a reader whose kind was not seen tells nothing: `blind_spots` and the sources say so
    told: list[Callable[[], Iterable[tuple[Pair, Traffic]]]] = [counted.figures]
    told += [partial(each, mesh) for each in (logged.figures, measured.of_proxies, measured.of_prometheus)]
    for read in told:
        for pair, traffic in _seen(read):
            observed.setdefault(_known(mesh, pair), []).append(traffic)
    wrote: dict[Pair, list[str]] = {}
    for pairs, source in WRITTEN:
        for pair in _seen(partial(pairs, mesh)):
            wrote.setdefault(pair, []).append(source)
    for pair in {**observed, **wrote, **counted.unknown}:
        figures = observed.get(pair) or ([idle] if (idle := counted.idle(pair)) else [])
        ordered = _ordered(pair[0], figures, is_partial=bool(silent.taking_part(pair)))
        if pair in wrote or pair in counted.unknown or any(_tells(t) for t in ordered):
            sources = dict.fromkeys([t.source for t in ordered] + wrote.get(pair, []))
            unknown = counted.unknown.get(pair) or ("" if ordered else silent.why(pair))
            made = Edge(client=pair[0], server=pair[1], sources=tuple(sources), traffic=tuple(ordered), unknown=unknown)
            yield judged(mesh, made)


def _seen(read: Callable[[], Iterable[T]]) -> list[T]:
    try:
        return list(read())
    except Unseen:
        return []


def _tells(traffic: Traffic) -> bool:
    """Whether some traffic was seen. That every client knows every Service is no edge."""
    return bool(traffic.per_second or traffic.open_connections or traffic.bytes_sent_per_s or traffic.bytes_received_per_s)


def _known(mesh: Mesh, pair: Pair) -> Pair:
    """Workloads that metrics name by their labels, as the nodes that their pods are."""
    by_name: dict[tuple[str, str], Node] | None = mesh.memo.get("graph nodes by name")
    if by_name is None:
        pods = [nodes.of_pod(mesh, pod) for pod in mesh[Pod]]
        by_name = mesh.memo["graph nodes by name"] = {(n.namespace, n.name): n for n in pods}

    def whole(node: Node) -> Node:
        bare = node.kind is Kind.WORKLOAD and not node.subject.kind
        return by_name.get((node.namespace, node.name), node) if bare else node

    return whole(pair[0]), whole(pair[1])


def _ordered(client: Node, traffic: list[Traffic], *, is_partial: bool) -> list[Traffic]:
    """The one to believe first: whole before partial; the log, which covers more, where the counters agree with it."""
    marked = [msgspec.structs.replace(t, is_partial=is_partial and t.source == ENVOY) for t in traffic]
    counters = next((t for t in marked if t.how == COUNTERS), None)

    def rank(each: Traffic) -> tuple[bool, int, float]:
        agrees = each.how in LOGS and counters is not None and _agree(client, counters, each)
        return each.is_partial, 0 if agrees else 1 if each.how == COUNTERS else 2, -each.window_s

    return sorted(marked, key=rank)


def _agree(client: Node, counters: Traffic, log: Traffic) -> bool:
    """Whether counters and log tell the same rate, as far as chance allows; a silence may be a gap between two requests.

    A server's log also has what callers without a proxy send to its Service, which no counters tell.
    """
    if not counters.requests:
        return log.is_flowing
    if client.kind in (Kind.SERVICE, Kind.ENTRY) and (log.per_second or 0.0) > (counters.per_second or 0.0):
        return True
    return log.window_s > counters.window_s and is_same_rate(counters.requests, counters.window_s, log.per_second or 0.0)
