"""Mutual TLS as a table, a matrix or JSON: what is configured and what was seen stand beside each other, never in one figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich.cells import cell_len

from meshdoctor.model.text import plain
from meshdoctor.reports.tables import table

GOAL = "goal 99 %"
WORDS = {"mTLS": ("●", "mTLS"), "plaintext": ("▲", "plain"), "broken": ("✖", "broken"), "unknown": ("?", "unknown")}
HOLLOW = {"●": "○", "▲": "△"}
COUNTED = (("mtls", "mTLS"), ("plaintext", "plain"), ("refused", "refused"), ("failed", "failed"), ("untold", "untold"))
LEGEND = "● ▲ seen   ○ △ no calls seen   ✖ broken   ⊘ no sidecar, STRICT   ? unknown"


def word(pair: Any) -> str:
    """The verdict of a pair; its glyph is hollow where no calls were seen."""
    if pair.cell.is_refused:
        return "⊘ refused"
    glyph, text = WORDS[pair.cell.verdict]
    return f"{glyph if pair.calls else HOLLOW.get(glyph, glyph)} {text}"


def seen_words(pair: Any) -> str:
    """What was seen: `240 mTLS, 3 plain`, that there were no calls, or that it is not known."""
    if pair.known != "seen":
        return "no calls" if pair.known == "none" else "unknown"
    return ", ".join(f"{n} {said}" for what, said in COUNTED if (n := pair.count(what)))


def who(subject: Any) -> str:
    return f"{subject.namespace}/{subject.name}" if subject.namespace else subject.name


def pairs_table(pairs: Iterable[Any], width: int | None = None, *, colour: bool = False) -> str:
    """One row a pair: configured, what each side does, seen, and the object that decides. In a narrow terminal, less."""
    head = ("CONFIGURED", "CLIENT", "SERVER", "SEEN", "DECIDES", "SENDS", "TAKES")
    rows: list[Sequence[object]] = []
    for p in pairs:
        cell = p.cell
        mark = " ≠" if p.is_contradicted else ""
        takes = f"{_mode(cell.takes.mode)}, live {p.live}" if p.is_stale else _mode(cell.takes.mode)
        by = f"{cell.decides.kind} {who(cell.decides)}" if cell.decides else "Istio's default"
        server = f"{who(cell.server)}:{cell.port}{'' if cell.host else ' (its address)'}"
        verdict = f"{word(p)}, pods differ" if cell.is_mixed else word(p)
        rows.append((verdict, who(cell.client), server, f"{seen_words(p)}{mark}", by, cell.sends.how, takes))
    for columns in (7, 5, 4):
        made = table(head[:columns], [r[:columns] for r in rows], colour=colour)
        if width is None or max(map(cell_len, made.splitlines())) <= width:
            break
    return made


def servers_table(doors: Iterable[Any], *, colour: bool = False) -> str:
    """What each port of each server takes: configured, by its live listener, and the TLS connections it counted."""
    head = ("SERVER", "PORT", "CONFIGURED", "LIVE LISTENER", "TLS CONNECTIONS", "DECIDES")
    rows: list[Sequence[object]] = []
    for d in doors:
        counted = "not counted" if d.handshakes is None else f"{d.handshakes[0]} of {d.handshakes[1]}"
        by = f"{d.takes.by.kind} {who(d.takes.by)}" if d.takes.by else "Istio's default"
        rows.append((who(d.server), d.port, _mode(d.takes.mode), d.live or "unknown", counted, by))
    return table(head, rows, colour=colour)


def _mode(mode: str) -> str:
    return "plain text" if mode == "NONE" else mode


def matrix(pairs: Iterable[Any], width: int, *, colour: bool = False) -> str:
    """Clients down, servers across, in blocks that fit the width; where a pair has several names the worst is told."""
    cells: dict[tuple[str, str], Any] = {}
    for p in pairs:
        key = (who(p.cell.client), f"{who(p.cell.server)}:{p.cell.port}")
        old = cells.get(key)
        if old is None or _rank(p) < _rank(old):
            cells[key] = p
    clients = labels({c for c, _ in cells})
    first = max((cell_len(c) for c in clients.values()), default=6)
    groups = _fitting(sorted({s for _, s in cells}), width, first)
    blocks = (_block(cells, clients, names, first, colour=colour) for names in groups)
    return "\n".join(blocks) + ("\n" + LEGEND + "\n" if cells else "")


def labels(clients: Collection[str]) -> dict[str, str]:
    """`namespace/name` to the name alone, where no other namespace has the same."""
    names = Counter(_short(c) for c in clients)
    return {c: _short(c) if names[_short(c)] == 1 else plain(c, 90) for c in sorted(clients)}


def _rank(pair: Any) -> int:
    return ("broken", "unknown", "plaintext", "mTLS").index(pair.cell.verdict)


def _fitting(servers: list[str], width: int, first: int) -> Iterable[list[str]]:
    """Servers in groups: one namespace a block, and no block wider than the terminal."""
    group: list[str] = []
    used = first
    for name in servers:
        size = max(cell_len(_short(name)), 9) + 2
        if group and (used + size > width or name.split("/")[0] != group[0].split("/")[0]):
            yield group
            group, used = [], first
        group.append(name)
        used += size
    if group:
        yield group


def _short(name: str) -> str:
    return plain(name.partition("/")[2] or name, 60)


def _block(cells: dict[tuple[str, str], Any], clients: dict[str, str], servers: list[str], first: int, *, colour: bool) -> str:
    """The columns of some servers; clients that cannot reach any of them are left out."""
    head = (plain(f"to {servers[0].partition('/')[0]}", 60).ljust(first), *(_short(s) for s in servers))
    rows: list[Sequence[object]] = []
    for client, name in clients.items():
        found = [cells.get((client, s)) for s in servers]
        if any(found):
            rows.append((name, *(word(p) if p else "-" for p in found)))
    return table(head, rows, colour=colour)


def covered(coverage: Iterable[Any], *, colour: bool = False) -> str:
    """Seen and configured, for the mesh and each namespace."""
    head = ("NAMESPACE", "SEEN mTLS", "CALLS", "PLAIN", "GOAL 99 %", "STRICT PORTS", "NOT READ")
    rows: list[Sequence[object]] = []
    for c in coverage:
        share = "no calls" if c.share is None else percent(c.share)
        met = "" if c.is_met is None else "● met" if c.is_met else "▲ missed"
        strict = f"{c.strict} of {c.ports}" if c.ports else "no sidecar"
        rows.append((c.namespace or "(mesh)", share, c.mtls + c.plaintext, c.plaintext, met, strict, c.unread or ""))
    return table(head, rows, colour=colour)


def percent(share: float) -> str:
    """A share in percent that never rounds up to all."""
    return "100 %" if share == 1 else f"{int(share * 1000) / 10} %"


def rest(pairs: Iterable[Any]) -> str:
    """One line on the pairs that a table leaves out."""
    counts: dict[str, int] = {}
    for p in pairs:
        kind = "refused by STRICT" if p.cell.is_refused else {"plaintext": "in plain text"}.get(p.cell.verdict, p.cell.verdict)
        counts[kind] = counts.get(kind, 0) + 1
    if not counts:
        return ""
    parts = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
    return f"{sum(counts.values())} other pairs were not seen to call each other; as configured: {parts}. --all lists them."


def as_json(picture: Any) -> dict[str, Any]:
    """`meshdoctor.mtls/v1`; what was not seen is null, never 0."""
    return {
        "schema": "meshdoctor.mtls/v1",
        "window_s": picture.window_s,
        "only_seen_pairs": picture.is_limited,
        "not_read": picture.unread,
        "prometheus": picture.untold,
        "coverage": [coverage_json(c) for c in picture.coverage],
        "servers": [door_json(d) for d in picture.doors],
        "pairs": [pair_json(p) for p in picture.pairs],
        "strangers": [seen_json(s) | {"server": s.server, "port": s.port or None} for s in picture.strangers],
    }


def coverage_json(c: Any) -> dict[str, Any]:
    told = c.share is not None
    return {
        "namespace": c.namespace or None,
        "seen": {
            "share": c.share,
            "mtls": c.mtls if told else None,
            "plaintext": c.plaintext if told else None,
            "goal": 0.99,
            "goal_met": c.is_met,
            "window_s": c.window_s,
            "source": c.source,
        },
        "configured": {"strict_ports": c.strict, "ports": c.ports},
        "servers_not_read": c.unread,
    }


def door_json(d: Any) -> dict[str, Any]:
    counted = None if d.handshakes is None else {"tls": d.handshakes[0], "connections": d.handshakes[1]}
    configured = {"mode": d.takes.mode, "why": d.takes.why, "by": d.takes.by, "path": d.takes.path or None}
    observed = {"live_listener": d.live, "since_start": counted}
    return {"server": d.server, "port": d.port, "configured": configured, "observed": observed}


def pair_json(p: Any) -> dict[str, Any]:
    cell = p.cell
    return {
        "client": cell.client,
        "server": cell.server,
        "port": cell.port,
        "host": cell.host or None,
        "service_port": cell.service_port if cell.host else None,
        "configured": {
            "verdict": cell.verdict,
            "refused": cell.is_refused,
            "why": cell.why,
            "decides": cell.decides,
            "path": cell.path or None,
            "client_sends": {"how": cell.sends.how, "why": cell.sends.why, "by": cell.sends.by, "path": cell.sends.path or None},
            "server_takes": {"mode": cell.takes.mode, "why": cell.takes.why, "by": cell.takes.by, "path": cell.takes.path or None},
            "pods_differ": cell.is_mixed,
        },
        "observed": {
            "known": p.known,
            "live_listener": p.live,
            "contradicts": p.is_contradicted,
            "calls": [seen_json(s) for s in p.seen] or None,
        },
    }


def seen_json(s: Any) -> dict[str, Any]:
    """What one source saw."""
    counts = {what: getattr(s, what) for what, _ in COUNTED}
    return {"source": s.source, "window_s": s.window_s, "address": s.address or None} | counts
