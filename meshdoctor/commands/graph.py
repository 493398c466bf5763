"""`meshdoctor graph`: who calls whom, as far as proxies, Prometheus and routes tell."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshdoctor.commands.session import looked
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.istio.telemetry import RANGE_SECONDS, TRAFFIC
from meshdoctor.model.cluster import Service
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar, VirtualService
from meshdoctor.model.sources import Unseen, narrowed
from meshdoctor.model.text import plain
from meshdoctor.reports import graph as reports
from meshdoctor.reports.tables import table
from meshdoctor.topology import kiali, views
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.logged import clocks_ahead
from meshdoctor.topology.measured import calls_of
from meshdoctor.topology.parts import Edge, Node
from meshdoctor.topology.silent import blind_spots

if TYPE_CHECKING:
    from networkx import DiGraph

FEW = 3
KINDS = (Service, VirtualService, ServiceEntry, Sidecar)
GRAPH_TYPES: dict[str, kiali.GraphType] = {"app": "versionedApp", "service": "service"}


def run(arguments: argparse.Namespace) -> int:
    """Print the graph; 2 where the health of an edge is Failure, 3 where no proxy and no Prometheus told anything."""
    if arguments.demo:
        arguments.traffic_s = 0.0  # a recording has one moment
    mesh, _ = looked(arguments)
    try:
        graph, silent = chosen(mesh, arguments), blind_spots(mesh)
        notes = remarks(mesh, silent)
    except Unseen as why:  # pods: nobody who calls can be named
        graph, silent, notes = views.graph_from(()), {("", ""): str(why)}, [f"nothing can be drawn: {why}."]
    edges = views.edges_in(graph)
    if edges or arguments.output != "tree" or not silent:  # that nobody calls is no answer where nothing was seen
        print(printed(mesh, graph, edges, len(silent), notes, arguments), end="")
    if arguments.output in ("tree", "table"):
        for note in notes + thresholds(edges):
            print(plain(f"meshdoctor: {note}", 600), file=sys.stderr)
    if any(e.health == "Failure" for e in edges):
        return 2
    return 3 if silent and not any(e.traffic for e in edges) else 0


def chosen(mesh: Mesh, arguments: argparse.Namespace) -> DiGraph[Node]:
    """The part and the view that the flags name."""
    graph = graph_of(mesh, arguments.namespace)
    if arguments.traffic:
        graph = views.carrying(graph)
    if arguments.by == "namespace":
        graph = views.by_namespace(graph)
    elif arguments.by == "service":
        graph = views.by_service(graph)
    elif arguments.by == "app":
        graph = views.by_app(mesh, graph)
    return views.around(graph, named(graph.nodes, arguments.node), arguments.hops) if arguments.node else graph


def printed(
    mesh: Mesh, graph: DiGraph[Node], edges: list[Edge], unseen: int, notes: list[str], arguments: argparse.Namespace
) -> str:
    """The graph in the wanted format."""
    from meshdoctor.reports import graph_drawn, schema

    match arguments.output:
        case "json":
            return schema.encode(reports.as_json(edges, unseen, notes)) + "\n"
        case "table":
            head, rows = reports.rows(edges)
            return table(head, rows, colour=wants_colour(arguments))
        case "dot":
            return graph_drawn.dot(edges)
        case "mermaid":
            return graph_drawn.mermaid(edges)
        case "kiali":
            return schema.encode(as_kiali(mesh, arguments)) + "\n"
        case "svg":
            from meshdoctor.topology.layout import layered

            return graph_drawn.svg(edges, layered(graph))
    return reports.tree(edges, views.roots_of(edges) or sorted(graph.nodes)[:1])


def as_kiali(mesh: Mesh, arguments: argparse.Namespace) -> dict[str, object]:
    """What Kiali's API would answer, of the metrics that it reads. Without these there is nothing to compare."""
    calls = calls_of(mesh)
    if not calls:
        raise UsageError(
            "Neither Prometheus nor a proxy has istio_requests_total, which Kiali's graph is made of.",
            do="`-o json` tells what the proxies counted themselves.",
        )
    every = {each.destination.namespace for each in calls} | {each.source.namespace for each in calls} - {"unknown", ""}
    namespaces = frozenset({arguments.namespace} if arguments.namespace else every)
    graph_type: kiali.GraphType = GRAPH_TYPES.get(arguments.by, "workload")
    wanted = [c for c in calls if namespaces & {c.source.namespace, c.destination.namespace, c.service.namespace}]
    return {"graphType": graph_type, "duration": RANGE_SECONDS, "elements": kiali.elements(wanted, graph_type, namespaces)}


def remarks(mesh: Mesh, silent: dict[tuple[str, str], str]) -> list[str]:
    """What was not seen: proxies by their reason, and Prometheus."""
    reasons = Counter(silent.values())
    notes = []
    for why, count in sorted(reasons.items()):
        named = [f"{ns}/{name}" for (ns, name), reason in silent.items() if reason == why]
        more = "" if count <= FEW else f" and {count - FEW} more"
        notes.append(f"unknown what {count} of the proxies send ({', '.join(named[:FEW])}{more}): {why}.")
    if len(notes) > FEW:
        left = sum(count for _, count in sorted(reasons.items())[FEW:])
        notes[FEW:] = [f"unknown what {left} more of the proxies send, for other reasons."]
    for (namespace, name), seconds in sorted(clocks_ahead(mesh).items()):
        notes.append(f"the clock of {namespace}/{name} is {seconds:.0f} s ahead, so its access log gives no rates.")
    hidden = [mesh.state(kind) for kind in KINDS if mesh.state(kind) not in USABLE]
    if hidden:
        names = ", ".join(kind.resource() for kind in KINDS if mesh.state(kind) not in USABLE)
        notes.append(f"what {names} would show is not drawn: {', '.join(dict.fromkeys(hidden))}.")
    partly = narrowed(mesh.sources)
    if partly:
        notes.append(f"{partly}: who calls whom elsewhere is not drawn.")
    prometheus = mesh.prometheus
    missing = prometheus and next((prometheus.missing[q] for q in TRAFFIC if q in prometheus.missing), None)
    if prometheus and missing:
        notes.append(f"Prometheus {prometheus.service.namespace}/{prometheus.service.name} told nothing: {missing.reason}.")
    return notes


def thresholds(edges: list[Edge]) -> list[str]:
    """Why edges are not healthy, with the threshold."""
    bad = [e for e in edges if e.health in ("Failure", "Degraded") and e.threshold]
    return [f"{e.client} calls {e.server}: {e.health}, {e.threshold}." for e in bad]


def named(nodes: Iterable[Node], text: str) -> Node:
    """The node that `NAME`, `NAMESPACE/NAME` or `KIND/NAMESPACE/NAME` means; a workload before a Service of that name."""
    every = sorted(nodes)
    wanted = text.lower()
    for node in every:
        kinds = {node.kind.lower(), node.kind.replace(" ", "").lower(), node.subject.kind.lower()}
        if text in {str(node), node.name} or any(wanted == f"{kind}/{node}".lower() for kind in kinds):
            return node
    raise UsageError(f"Nothing in the graph is called {text!r}.", do="`meshdoctor graph -o table` shows all names.")
