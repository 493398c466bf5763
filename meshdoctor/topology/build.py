"""The service graph of a Mesh: from what the asked proxies logged, and from routes and selectors.

Nothing is guessed: an edge that was not observed has no figures, and proxies that were not asked are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import MESH, gateway_of, gateway_pods_of
from meshdoctor.istio.hosts import Registered, long_name, registered
from meshdoctor.istio.routing import destinations
from meshdoctor.istio.workloads import injected_pods, is_gateway, is_live, pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.workloads import Pod
from meshdoctor.topology.parts import Edge, Kind, Node

if TYPE_CHECKING:
    from networkx import DiGraph

OBSERVED, CONFIGURED = "observed by Envoy", "configured"
LEFT = {"DC"}  # the client ended it: nobody's failure
BUSY = 10  # lines from which a log's first one tells when it begins


def graph_of(mesh: Mesh, namespace: str | None = None) -> DiGraph[Node]:
    """All nodes and edges (`edge` is an edge's attribute); of one namespace: its own, and who they call or are called by."""
    import networkx as nx

    made: DiGraph[Node] = nx.DiGraph()
    for edge in sorted(_merged(mesh), key=lambda e: (e.client, e.server)):
        if namespace is None or namespace in (edge.client.namespace, edge.server.namespace):
            made.add_edge(edge.client, edge.server, edge=edge)
    return made


def around(graph: DiGraph[Node], center: Node, hops: int = 1) -> DiGraph[Node]:
    """A node with its callers and those whom it calls, up to so many hops."""
    import networkx as nx

    near = nx.ego_graph(graph, center, radius=hops).nodes | nx.ego_graph(graph.reverse(copy=False), center, radius=hops).nodes
    found: DiGraph[Node] = graph.subgraph(near).copy()
    return found


def not_asked(mesh: Mesh) -> int:
    """How many proxies gave no access log: what they call is not observed."""
    told = {(e.namespace, e.name) for e in mesh.envoys if e.has("logs")}
    return sum((p.namespace, p.name) not in told for p in injected_pods(mesh))


def _merged(mesh: Mesh) -> Iterator[Edge]:
    """One edge a pair; what was observed and what is configured are told together."""
    pairs: dict[tuple[Node, Node], Edge] = {}
    for edge in (*_observed(mesh), *_routes(mesh), *_selected(mesh)):
        known = pairs.get((edge.client, edge.server))
        if known is None:
            pairs[edge.client, edge.server] = edge
        else:
            sources = tuple(dict.fromkeys((*known.sources, *edge.sources)))
            pairs[edge.client, edge.server] = msgspec.structs.replace(known, sources=sources)
    yield from pairs.values()


def _observed(mesh: Mesh) -> Iterator[Edge]:
    """Calls that clients' proxies logged: to the Service they meant, and on to the pod that was asked."""
    calls: dict[tuple[Node, Node], list[log.Line]] = {}
    spans = _spans(mesh)
    for line in log.lines(mesh):
        if line.is_outbound:
            called = _called(mesh, line)
            calls.setdefault((_workload(mesh, line.pod), called), []).append(line)
            pod = mesh.pods_by_ip.get(line.entry.upstream_host.rpartition(":")[0])
            if pod is not None and called.kind is not Kind.OUTSIDE:
                calls.setdefault((called, _workload(mesh, pod)), []).append(line)
    for (client, server), found in calls.items():
        failed = [x for x in found if has_failed(x)]
        flags = Counter(flag for x in failed for flag in x.flags - LEFT)
        window = max(spans[x.pod.namespace, x.pod.name] for x in found)
        yield Edge(client, server, (OBSERVED,), len(found), len(failed), window, dict(sorted(flags.items())))


def has_failed(line: log.Line) -> bool:
    """Whether a request got a 5xx, or a connection (which has no code) ended otherwise than by its client's leave."""
    return line.entry.code >= 500 or bool(line.entry.code == 0 and line.flags - LEFT)


def _spans(mesh: Mesh) -> dict[tuple[str, str], float]:
    """The seconds that each proxy's lines cover: a busy log is cut and begins late, a quiet one says little of its span."""
    times: dict[tuple[str, str], list[log.Line]] = {}
    for line in log.lines(mesh):
        times.setdefault((line.pod.namespace, line.pod.name), []).append(line)
    return {key: _span(mesh, found) for key, found in times.items()}


def _span(mesh: Mesh, found: list[log.Line]) -> float:
    window = found[0].window_s
    first = min((x.entry.time for x in found if x.entry.time), default=None)
    if len(found) < BUSY or first is None:
        return window
    return min(window, max((mesh.now - first).total_seconds(), 1.0))


def _called(mesh: Mesh, line: log.Line) -> Node:
    host = line.upstream.host or long_name(mesh, line.named, line.pod.namespace)
    found = registered(mesh, host)
    return _registered(found[0]) if found else Node(Kind.OUTSIDE, "", host or line.entry.upstream_host)


def _registered(found: Registered) -> Node:
    origin = found.origin
    if isinstance(origin, Service):
        return Node(Kind.SERVICE, origin.namespace, origin.name, origin.subject)
    return Node(Kind.ENTRY, origin.namespace, found.host, origin.subject)


def _workload(mesh: Mesh, pod: Pod) -> Node:
    owner = mesh.owner(pod)
    return Node(Kind.GATEWAY if is_gateway(pod) else Kind.WORKLOAD, owner.namespace, owner.name, owner)


def _routes(mesh: Mesh) -> Iterator[Edge]:
    """Where gateways send what they take. Who follows the routes of sidecars is observed, not configured."""
    for virtual_service in mesh[VirtualService]:
        for route in destinations(virtual_service, mesh.cluster.domain):
            for name in route.gateways:
                gateway = gateway_of(mesh, name) if name != MESH else None
                if gateway is None or route.is_idle:
                    continue
                fronts = {_workload(mesh, pod) for pod in gateway_pods_of(mesh, gateway)}
                for found in registered(mesh, route.host)[:1]:
                    yield from (Edge(front, _registered(found), (CONFIGURED,)) for front in fronts)


def _selected(mesh: Mesh) -> Iterator[Edge]:
    """From a Service to the workloads whose pods it selects, where some of them have a proxy."""
    for service in mesh[Service]:
        pods = [p for p in pods_of(mesh, service) if is_live(p)]
        if any(p.proxy is not None for p in pods):
            node = Node(Kind.SERVICE, service.namespace, service.name, service.subject)
            yield from (Edge(node, each, (CONFIGURED,)) for each in {_workload(mesh, p) for p in pods})
