"""A service graph as a drawing: DOT, Mermaid, SVG. Names from the cluster are quoted wherever they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from rich.cells import cell_len

from meshdoctor.model.text import plain
from meshdoctor.reports.graph import GLYPHS, figures, rate

COLOURS = {"Failure": "#c62828", "Degraded": "#b26a00", "Healthy": "#2e7d32", "NA": "#607d8b"}
CELL, GAP, LINE, EDGE_ROOM = 7.2, 24, 34, 130  # SVG units: a character, between rows, a box, between layers
SHOWN = 40  # characters of a name


def dot(edges: Iterable[Any]) -> str:
    """Graphviz."""
    lines = ["digraph mesh {", "  rankdir=LR;", '  node [shape=box, fontname="sans-serif"];']
    for e in edges:
        style = f' [color="{COLOURS[e.health]}", label="{_dot(figures(e))}"]' if e.requests else " [style=dashed]"
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
        arrow = f'-->|"{_entities(figures(e))}"|' if e.requests else "-.->"
        lines.append(f"  {number[e.client]} {arrow} {number[e.server]}")
    return "\n".join(lines) + "\n"


def _entities(text: object) -> str:
    return "".join(c if c.isalnum() or c in " ./-_%,()" else f"#{ord(c)};" for c in plain(text))


def svg(edges: Iterable[Any], places: Mapping[Any, tuple[int, int]]) -> str:
    """A drawing of its own, without scripts or references. `places` are the layer and row of each node."""
    found = list(edges)
    layers = max((layer for layer, _ in places.values()), default=-1) + 1
    widths = [max(_width(n) for n, (layer, _) in places.items() if layer == i) for i in range(layers)]
    left = [GAP + sum(widths[:i]) + i * EDGE_ROOM for i in range(layers)]
    deepest = max((row for _, row in places.values()), default=0)
    wide, high = GAP + sum(widths) + max(layers - 1, 0) * EDGE_ROOM + GAP, GAP + (deepest + 1) * (LINE + GAP)
    corners = {n: (left[layer], GAP + row * (LINE + GAP)) for n, (layer, row) in places.items()}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">',
        f'<rect width="{wide:.0f}" height="{high:.0f}" fill="#ffffff"/>',
    ]
    parts += [_arrow(e, corners) for e in found if e.client in corners and e.server in corners]
    parts += [_box(node, corner) for node, corner in corners.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _name(node: Any) -> str:
    return f"{GLYPHS[node.kind]} {plain(node, SHOWN)}"


def _width(node: Any) -> float:
    return cell_len(_name(node)) * CELL + 16


def _box(node: Any, corner: tuple[float, float]) -> str:
    x, y = corner
    return (
        f"<g><title>{escape(plain(f'{node.kind} {node}', 300))}</title>"
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{_width(node):.0f}" height="{LINE}" rx="6" fill="#f5f7f9" stroke="#90a4ae"/>'
        f'<text x="{x + 8:.0f}" y="{y + 21:.0f}" fill="#263238">{escape(_name(node))}</text></g>'
    )


def _arrow(edge: Any, corners: Mapping[Any, tuple[float, float]]) -> str:
    (x, y), (to_x, to_y) = corners[edge.client], corners[edge.server]
    x, y, to_y = x + _width(edge.client), y + LINE / 2, to_y + LINE / 2
    bend = max(40.0, abs(to_x - x) / 2)
    way = f"M{x:.0f},{y:.0f} C{x + bend:.0f},{y:.0f} {to_x - bend:.0f},{to_y:.0f} {to_x:.0f},{to_y:.0f}"
    dash = "" if edge.requests else ' stroke-dasharray="4 4"'
    label = f"{rate(edge)}/s" if edge.requests else ""
    return (
        f"<g><title>{escape(plain(f'{edge.client} calls {edge.server}: {figures(edge)}', 600))}</title>"
        f'<path d="{way}" fill="none" stroke="{COLOURS[edge.health]}" stroke-width="1.5"{dash}/>'
        f'<path d="M{to_x - 7:.0f},{to_y - 4:.0f} L{to_x:.0f},{to_y:.0f} L{to_x - 7:.0f},{to_y + 4:.0f}" fill="none" '
        f'stroke="{COLOURS[edge.health]}" stroke-width="1.5"/>'
        f'<text x="{to_x - 12:.0f}" y="{to_y - 5:.0f}" text-anchor="end" font-size="10" fill="#455a64">{escape(label)}</text></g>'
    )
