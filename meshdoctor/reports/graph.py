"""A service graph as a tree, a table or JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len

from meshdoctor.model.text import plain

GLYPHS = {"workload": "●", "gateway": "◆", "service": "○", "service entry": "◇", "outside": "☁", "app": "▣", "namespace": "▤"}
STATES = {"Failure": "✖", "Degraded": "▲", "Healthy": "●", "NA": "○"}
SHORT = {"observed by Envoy": "Envoy", "observed by Prometheus": "Prometheus"}
WIDEST = 44  # columns of a name in the tree, so that its figures fit into 80
NONE = "Nobody calls anybody here, as far as could be seen.\n"
COLUMNS = ("/S", "FAIL", "P95MS", "MTLS", "KNOWN FROM")


def tree(edges: Iterable[Any], roots: Iterable[Any]) -> str:
    """Callers first, whom they call indented below them; a node that was shown already is not opened again."""
    below: dict[Any, list[Any]] = {}
    for edge in edges:
        below.setdefault(edge.client, []).append(edge)
    rows: list[tuple[str, ...]] = [("WHO CALLS WHOM", *COLUMNS)]
    opened: set[Any] = set()
    waiting = [(root, 0, None) for root in reversed(list(roots))]
    while waiting:
        node, depth, edge = waiting.pop()
        again = node in opened and bool(below.get(node))
        name = f"{'  ' * depth}{GLYPHS[node.kind]} {plain(node, 200)}{' …' if again else ''}"
        rows.append((name, *(cells(edge) if edge is not None else ("",) * len(COLUMNS))))
        if not again:
            opened.add(node)
            waiting += [(e.server, depth + 1, e) for e in reversed(below.get(node, []))]
    return _aligned(rows) if len(rows) > 1 else NONE


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [min(WIDEST, max(cell_len(r[0]) for r in rows)), *(max(cell_len(r[i]) for r in rows) for i in range(1, 5))]
    lines = []
    for name, *figures in rows:
        padded = [f"{' ' * (w - cell_len(f))}{f}" for w, f in zip(widths[1:], figures[:4], strict=True)]
        room = max(0, widths[0] - cell_len(name))
        lines.append("  ".join((name + " " * room, *padded, figures[4])).rstrip())
    return "\n".join(lines) + "\n"


def cells(edge: Any) -> tuple[str, str, str, str, str]:
    """What is known of an edge: rate, failed share, 95th percentile, share of mutual TLS, and from what."""
    slow, secured = edge.latency_ms, edge.mtls_share
    if not edge.per_second:
        return ("?" if edge.per_second is None and edge.unknown else rate(edge), "", "", "", known_from(edge))
    failed = "" if edge.error_share is None else f"{100 * edge.error_share:.0f} %"
    is_bad = edge.health in ("Failure", "Degraded")
    return (
        rate(edge),
        f"{STATES[edge.health]} {edge.errors or failed}" if is_bad else failed,
        "" if slow is None else f"{slow.p95:.0f}",
        "" if secured is None else f"{math.floor(100 * secured)} %",  # 100 only where all are
        known_from(edge),
    )


def rate(edge: Any) -> str:
    """Requests a second; for TCP without new connections the open ones."""
    if edge.per_second is None:
        return ""
    still_open = max((t.open_connections or 0 for t in edge.traffic), default=0)
    if not edge.per_second and edge.protocol == "tcp" and still_open:
        return f"{still_open} open"
    more = "≥" if edge.best.is_partial else ""
    return f"{more}{per_second(edge.per_second)}"


def per_second(value: float) -> str:
    """A rate to two decimals, fewer from 10 on, so that figures below each other compare: `0.82`, `3.83`, `12.4`, `1,240`."""
    if 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def known_from(edge: Any) -> str:
    """The source of the rate and its seconds, else who wrote the edge down."""
    if edge.best is not None:
        return f"{SHORT.get(edge.best.source, edge.best.source)} {edge.best.window_s:.0f} s"
    return ", ".join(SHORT.get(s, s) for s in edge.sources)


def figures(edge: Any) -> str:
    """The same in a few words, for the labels of drawings."""
    if edge.per_second is None:
        return f"unknown: {edge.unknown}" if edge.unknown else f"{', '.join(edge.sources)}, not observed"
    share = f"{100 * edge.error_share:.0f} % fail" if edge.failed else "none fails" if edge.requests else "no request"
    flags = f" ({', '.join(edge.flags)})" if edge.flags and edge.failed else ""
    return f"{rate(edge)}/s in {edge.window_s:.0f} s, {share}{flags}"


def rows(edges: Iterable[Any]) -> tuple[Sequence[str], list[Sequence[object]]]:
    """Head and rows of a table."""
    head = ("", "CLIENT", "SERVER", "KIND", *COLUMNS[:4], "PROTOCOL", "FLAGS", COLUMNS[4])
    made: list[Sequence[object]] = []
    for e in edges:
        glyph = STATES[e.health] if e.requests else "?" if e.unknown else "○"
        told = cells(e)
        made.append(
            (glyph, e.client, e.server, e.server.kind, *told[:4], e.protocol or "", ",".join(e.flags), ", ".join(e.sources))
        )
    return head, made


def as_json(edges: Iterable[Any], unseen: int, notes: Iterable[str] = ()) -> dict[str, Any]:
    """`meshdoctor.graph/v1`; figures that were not observed are null. `figures` has what each source tells, best first."""
    found = list(edges)
    nodes = sorted({n for e in found for n in (e.client, e.server)})
    number = {node: i for i, node in enumerate(nodes)}
    return {
        "schema": "meshdoctor.graph/v1",
        "proxies_not_asked": unseen,
        "notes": list(notes),
        "nodes": [{"id": number[n], "kind": n.kind, "namespace": n.namespace, "name": n.name, "subject": n.subject} for n in nodes],
        "edges": [_edge(e, number) for e in found],
    }


def _edge(e: Any, number: dict[Any, int]) -> dict[str, Any]:
    sent, received = e.bytes_per_s
    return {
        "client": number[e.client],
        "server": number[e.server],
        "sources": e.sources,
        "carrying": e.is_carrying if e.traffic else None,
        "health": e.health,
        "threshold": e.threshold or None,
        "unknown": e.unknown or None,
        "requests_per_s": e.per_second,
        "requests": e.requests,
        "failed": e.failed,
        "error_share": e.error_share,
        "window_s": e.window_s,
        "protocol": e.protocol,
        "latency_ms": e.latency_ms,
        "mtls_share": e.mtls_share,
        "bytes_sent_per_s": sent,
        "bytes_received_per_s": received,
        "flags": e.flags,
        "figures": e.traffic,
    }
