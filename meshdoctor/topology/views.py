"""Other views of the same graph: around one object, by namespace, by app, only what carries traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from meshdoctor.topology import nodes
from meshdoctor.topology.health import WORSE, Health
from meshdoctor.topology.parts import Edge, Kind, Latency, Node, Traffic

if TYPE_CHECKING:
    from networkx import DiGraph

APP_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")  # in this order, as Istio names services


def edges_in(graph: DiGraph[Node]) -> list[Edge]:
    """The edges of a graph, in its order."""
    return [data["edge"] for _, _, data in graph.edges(data=True)]


def graph_from(edges: Iterable[Edge]) -> DiGraph[Node]:
    import networkx as nx

    made: DiGraph[Node] = nx.DiGraph()
    for edge in sorted(edges, key=lambda e: (e.client, e.server)):
        made.add_edge(edge.client, edge.server, edge=edge)
    return made


def around(graph: DiGraph[Node], center: Node, hops: int = 1) -> DiGraph[Node]:
    """A node with its callers and those whom it calls, up to so many hops. The way through a Service is one hop."""
    near = _reached(center, hops, graph.successors) | _reached(center, hops, graph.predecessors)
    found: DiGraph[Node] = graph.subgraph(near | {center}).copy()
    return found


def _reached(center: Node, hops: int, beside: Callable[[Node], Iterable[Node]]) -> set[Node]:
    found = {center}
    ring = [center]
    for _ in range(hops):
        ring = [n for each in ring for n in beside(each)]
        ring += [n for each in ring if each.kind in (Kind.SERVICE, Kind.ENTRY) for n in beside(each)]
        found.update(ring)
    return found


def carrying(graph: DiGraph[Node]) -> DiGraph[Node]:
    """What carries traffic now."""
    return graph_from(edge for edge in edges_in(graph) if edge.is_carrying)


def by_namespace(graph: DiGraph[Node]) -> DiGraph[Node]:
    """Namespaces and who calls whom across them; what stays within a namespace is left out."""

    def place(node: Node) -> Node:
        return Node(Kind.NAMESPACE, "", node.namespace) if node.namespace else node

    return _merged(graph, place)


def by_app(mesh: Mesh, graph: DiGraph[Node]) -> DiGraph[Node]:
    """Apps in place of their workloads: the versions of one are together."""
    apps: dict[Node, Node] = {}
    for pod in mesh[Pod]:
        name = next((pod.labels[label] for label in APP_LABELS if pod.labels.get(label)), "")
        own = nodes.of_pod(mesh, pod)
        apps.setdefault(own, Node(Kind.APP, pod.namespace, name) if name and own.kind is Kind.WORKLOAD else own)
    return _merged(graph, lambda node: apps.get(node, node))


def by_service(graph: DiGraph[Node]) -> DiGraph[Node]:
    """Services in place of the workloads behind them: what these call, the Service calls. One behind several is the first's."""
    fronts: dict[Node, Node] = {}
    for edge in edges_in(graph):
        if edge.client.kind is Kind.SERVICE and edge.server.kind is Kind.WORKLOAD:
            fronts.setdefault(edge.server, edge.client)
    return _merged(graph, lambda node: fronts.get(node, node))


def _merged(graph: DiGraph[Node], place: Callable[[Node], Node]) -> DiGraph[Node]:
    groups: dict[tuple[Node, Node], list[Edge]] = {}
    for edge in edges_in(graph):
        client, server = place(edge.client), place(edge.server)
        if client != server:
            groups.setdefault((client, server), []).append(edge)
    return graph_from(_sum(client, server, found) for (client, server), found in groups.items())


def _sum(client: Node, server: Node, found: list[Edge]) -> Edge:
    """Several edges as one: rates and counts added, shares weighed, the worst latency and the worst health."""
    sources = tuple(dict.fromkeys(s for e in found for s in e.sources))
    best = [e.best for e in found if e.best is not None]
    unknown = next((e.unknown for e in found if e.unknown), "")
    if not best:
        return Edge(client=client, server=server, sources=sources, unknown=unknown)
    slow = [e.latency_ms.p95 for e in found if e.latency_ms]
    secured = [(e.mtls_share, e.requests or 0) for e in found if e.mtls_share is not None]
    weight = sum(w for _, w in secured)
    protocols = {e.protocol for e in found if e.protocol}
    flags: dict[str, float] = {}
    for flag, count in (pair for e in found for pair in e.flags.items()):
        flags[flag] = flags.get(flag, 0) + count
    total = Traffic(
        source=best[0].source,
        how="sum",
        window_s=max(b.window_s for b in best),
        age_s=max(b.age_s for b in best),
        per_second=round(sum(b.per_second or 0.0 for b in best), 3),
        requests=sum(b.requests or 0.0 for b in best),
        failed=sum(b.failed or 0.0 for b in best),
        protocol=next(iter(protocols)) if len(protocols) == 1 else "mixed" if protocols else None,
        flags=flags,
        latency_ms=Latency(p95=max(slow)) if slow else None,
        mtls_share=round(sum(s * w for s, w in secured) / weight, 4) if weight else None,
        is_partial=any(b.is_partial for b in best),
    )
    worst = max(found, key=lambda e: WORSE.index(Health(e.health)))
    of = f"{worst.client} → {worst.server}: " if worst.threshold and len(found) > 1 else ""
    return Edge(
        client=client,
        server=server,
        sources=sources,
        traffic=(total,),
        unknown=unknown,
        health=worst.health,
        threshold=f"{of}{worst.threshold}",
        errors=worst.errors,
    )


def roots_of(edges: list[Edge]) -> list[Node]:
    """Who calls and is called by nobody; a Service that nobody is seen to call, such as a gateway's own, calls nobody.

    Where all call each other in a circle, the first of each circle.
    """
    called = {e.server for e in edges}
    idle = {e.client for e in edges if e.client.kind is Kind.SERVICE and e.client not in called}
    busy = {e.server for e in edges if e.client not in idle and e.client != e.server}
    roots = sorted({e.client for e in edges} - busy - idle)
    below: dict[Node, list[Node]] = {}
    for edge in edges:
        below.setdefault(edge.client, []).append(edge.server)
    reached: set[Node] = set()
    for start in (*roots, *sorted(below)):
        if start in reached or (start in idle and start not in roots and below[start][0] in reached):
            continue
        if start not in roots:
            roots.append(start)
        stack = [start]
        while stack:
            node = stack.pop()
            if node not in reached:
                reached.add(node)
                stack += below.get(node, ())
    return roots
