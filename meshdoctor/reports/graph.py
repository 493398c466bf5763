"""A service graph as a tree, a table, DOT, Mermaid or JSON; names from the cluster are quoted wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from meshdoctor.model.text import plain

GLYPHS = {"workload": "●", "gateway": "◆", "service": "○", "service entry": "◇", "outside": "☁"}


def tree(edges: Iterable[Any], roots: Iterable[Any]) -> str:
    """Callers first, whom they call indented below them; a node that was shown already is not opened again."""
    below: dict[Any, list[Any]] = {}
    for edge in edges:
        below.setdefault(edge.client, []).append(edge)
    lines: list[str] = []
    opened: set[Any] = set()

    def show(node: Any, depth: int, says: str) -> None:
        again = node in opened and bool(below.get(node))
        more = "  …" if again else ""
        lines.append(f"{'   ' * depth}{GLYPHS[node.kind]} {plain(node)}  {node.kind}{says}{more}")
        if not again:
            opened.add(node)
            for edge in below.get(node, ()):
                show(edge.server, depth + 1, f"   {figures(edge)}")

    for root in roots:
        show(root, 0, "")
    return "\n".join(lines) + "\n" if lines else "Nobody calls anybody here, as far as could be seen.\n"


def figures(edge: Any) -> str:
    """What is known of an edge, with what it is known from."""
    if edge.requests is None:
        return "configured, not observed"
    share = f"{100 * edge.failed / edge.requests:.0f} % fail" if edge.failed else "none fails"
    flags = f" ({', '.join(edge.flags)})" if edge.flags else ""
    return f"{edge.per_second:g}/s in {edge.window_s:.0f} s, {share}{flags}"


def rows(edges: Iterable[Any]) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Head and rows of a table."""
    head = ("", "CLIENT", "SERVER", "KIND", "PER SECOND", "FAILED", "FLAGS", "KNOWN FROM")
    made: list[Sequence[object]] = []
    for e in edges:
        glyph = "✖" if e.failed else "●" if e.requests else "○"
        seen = ("" if e.requests is None else f"{e.per_second:g}", "" if e.failed is None else e.failed)
        made.append((glyph, e.client, e.server, e.server.kind, *seen, ",".join(e.flags), ", ".join(e.sources)))
    return head, made


def as_json(edges: Iterable[Any], unseen: int) -> dict[str, Any]:
    """`meshdoctor.graph/v1`; figures that were not observed are null."""
    found = list(edges)
    nodes = sorted({n for e in found for n in (e.client, e.server)})
    number = {node: i for i, node in enumerate(nodes)}
    return {
        "schema": "meshdoctor.graph/v1",
        "proxies_not_asked": unseen,
        "nodes": [{"id": number[n], "kind": n.kind, "namespace": n.namespace, "name": n.name, "subject": n.subject} for n in nodes],
        "edges": [
            {
                "client": number[e.client],
                "server": number[e.server],
                "sources": e.sources,
                "requests_per_s": e.per_second,
                "requests": e.requests,
                "failed": e.failed,
                "window_s": e.window_s,
                "flags": e.flags,
            }
            for e in found
        ],
    }


def dot(edges: Iterable[Any]) -> str:
    """Graphviz."""
    lines = ["digraph mesh {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for e in edges:
        style = f' [color=red, label="{_dot(figures(e))}"]' if e.failed else "" if e.requests else " [style=dashed]"
        lines.append(f'  "{_dot(f"{e.client.kind} {e.client}")}" -> "{_dot(f"{e.server.kind} {e.server}")}"{style};')
    return "\n".join([*lines, "}"]) + "\n"


def _dot(text: object) -> str:
    return plain(text).replace("\\", "\\\\").replace('"', '\\"')


def mermaid(edges: Iterable[Any]) -> str:
    """Mermaid's flowchart: nodes are numbered, names are quoted with entities."""
    found = list(edges)
    number = {node: f"n{i}" for i, node in enumerate(sorted({n for e in found for n in (e.client, e.server)}))}
    lines = ["flowchart LR", *(f'  {i}["{_entities(node)}"]' for node, i in number.items())]
    for e in found:
        arrow = f'-->|"{_entities(figures(e))}"|' if e.requests is not None else "-.->"
        lines.append(f"  {number[e.client]} {arrow} {number[e.server]}")
    return "\n".join(lines) + "\n"


def _entities(text: object) -> str:
    return "".join(c if c.isalnum() or c in " ./-_%,()" else f"#{ord(c)};" for c in plain(text))
