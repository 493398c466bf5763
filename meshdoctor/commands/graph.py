"""`meshdoctor graph`: who calls whom, as far as proxies and routes tell."""

from __future__ import annotations

import argparse
import sys

from meshdoctor.commands.session import Waiting, look, run_async
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.reports import graph as reports
from meshdoctor.reports.tables import table
from meshdoctor.topology.build import around, graph_of, not_asked
from meshdoctor.topology.parts import Edge, Kind, Node


def run(arguments: argparse.Namespace) -> int:
    """Print the graph; 2 where calls were seen to fail."""
    waiting = Waiting(colour=not arguments.no_color)
    try:
        mesh, _ = run_async(look(arguments, waiting))
    finally:
        waiting.stop()
    graph = graph_of(mesh, arguments.namespace)
    if arguments.node:
        graph = around(graph, named(graph.nodes, arguments.node), arguments.hops)
    edges: list[Edge] = [data["edge"] for _, _, data in graph.edges(data=True)]
    roots = roots_of(edges) or sorted(graph.nodes)[:1]
    print(printed(mesh, edges, roots, arguments), end="")
    unseen = not_asked(mesh)
    if unseen and arguments.output in ("tree", "table"):
        print(f"meshdoctor: {unseen} proxies were not asked for their access log: what they call is not observed.", file=sys.stderr)
    return 2 if any(e.failed for e in edges) else 0


def roots_of(edges: list[Edge]) -> list[Node]:
    """Who calls and is called by nobody; a Service that nobody is seen to call, such as a gateway's own, calls nobody."""
    called = {e.server for e in edges}
    idle = {e.client for e in edges if e.client.kind is Kind.SERVICE and e.client not in called}
    busy = {e.server for e in edges if e.client not in idle}
    return sorted({e.client for e in edges} - busy - idle)


def printed(mesh: Mesh, edges: list[Edge], roots: list[Node], arguments: argparse.Namespace) -> str:
    """The graph in the wanted format."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        return schema.encode(reports.as_json(edges, not_asked(mesh))) + "\n"
    if arguments.output == "table":
        head, rows = reports.rows(edges)
        return table(head, rows, colour=wants_colour(arguments))
    if arguments.output == "dot":
        return reports.dot(edges)
    return reports.mermaid(edges) if arguments.output == "mermaid" else reports.tree(edges, roots)


def named(nodes: object, text: str) -> Node:
    """The node that `NAME`, `NAMESPACE/NAME` or `KIND/NAMESPACE/NAME` means; a workload before a Service of that name."""
    every = sorted(nodes)  # type: ignore[call-overload]
    for node in every:
        if text in {str(node), node.name} or text.lower() == f"{node.kind}/{node}".lower():
            found: Node = node
            return found
    raise UsageError(f"Nothing in the graph is called {text!r}.", do="`meshdoctor graph -o table` shows all names.")
