"""Mutual TLS: who calls whom by it, as configured and as seen, as a matrix or a list; and who would break by STRICT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.mutual.cells import RANK
from meshdoctor.istio.mutual.coverage import Coverage
from meshdoctor.istio.mutual.picture import Pair, Picture, picture
from meshdoctor.reports.mtls import labels, percent, seen_words, who, word
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, count
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

LIST = (
    Column("CONFIGURED", least=10, keep=True),
    Column("CLIENT", least=14, most=40, is_name=True, keep=True),
    Column("SERVER", least=16, most=44, is_name=True, keep=True),
    Column("SEEN", least=10, most=40),
    Column("DECIDES", least=34, most=60, is_name=True),
    Column("SENDS", least=6),
    Column("TAKES", least=10),
)


@screen(key="3", name="mtls", aliases=("tls",), title="mTLS", says="who calls whom by mutual TLS, configured and seen")
class MutualTls(TableView):
    """Clients down, servers across; or one row a pair."""

    drawn_from = (
        "pods",
        "services",
        "peerauthentications*",
        "destinationrules*",
        "istiod *",
        "Envoy *",
        "/[!a]* of *",
        "istio-proxy log of *",
        "Prometheus *",
    )
    about = "A filled glyph was seen in access logs, a hollow one is configured only: the two are never mixed in a figure."
    columns: Sequence[Column] = LIST
    fields = frozenset({"client", "server", "verdict", "seen"})
    empty = "No pair of workloads: no Service has pods, or none may be read."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "why", id="mtls.open", tooltip="the pairs of this client; then the object that decides"),
        Binding("m", "matrix", "matrix/list", id="mtls.matrix", tooltip="a matrix of clients and servers, or one row a pair"),
        Binding("right_square_bracket", "more", "more servers", key_display="]", id="mtls.more", tooltip="servers to the right"),
        Binding("left_square_bracket", "less", "", key_display="[", show=False, id="mtls.less", tooltip="servers to the left"),
        Binding("l", "logs", "access log", show=False, id="mtls.logs", tooltip="requests of the client; in the list of the server"),
        Binding("x", "what_if", "what if STRICT", id="mtls.what_if", tooltip="who would break if this namespace were STRICT"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._picture: Picture | None = None
        self._is_matrix = True
        self._first = 0  # the server that is the first column
        self._servers: list[str] = []

    def fill(self, seen: Seen) -> None:
        mesh = seen.mesh
        if mesh is None:
            self._show_summary()
            return
        self.beside(seen, lambda: picture(mesh), self._show)

    def offers(self, action: str) -> bool:
        if action in ("matrix", "more"):
            return self._picture is not None and (action == "matrix" or (self._is_matrix and len(self._servers) > self._first + 1))
        return super().offers(action)

    def _show(self, found: Picture) -> None:
        self._picture = found
        self._draw()

    def _draw(self) -> None:
        if self._picture is None:
            return
        columns, rows = self._matrix(self._picture.pairs) if self._is_matrix else (LIST, [_listed(p) for p in self._picture.pairs])
        if len(columns) != len(self.columns):
            self._order = None
        self.columns = self.table.columns = tuple(columns)
        self.take(tuple(rows))

    def _matrix(self, pairs: Iterable[Pair]) -> tuple[Sequence[Column], list[Row]]:
        """One row a client; its cells are the worst of the names that a server's port has."""
        cells: dict[str, dict[str, Pair]] = {}
        for pair in pairs:
            row = cells.setdefault(who(pair.cell.client), {})
            server = _server(pair)
            if server not in row or RANK[pair.cell.verdict] < RANK[row[server].cell.verdict]:
                row[server] = pair
        self._servers = sorted({s for row in cells.values() for s in row})
        self._first = min(self._first, max(len(self._servers) - 1, 0))
        shown = self._servers[self._first :]
        columns = [Column("CLIENT", least=22, most=36, is_name=True, keep=True)]
        columns += [Column(s.partition("/")[2], least=max(len(s.partition("/")[2]), 9), most=60) for s in shown]
        names = labels(cells)
        return columns, [
            _client(name, names[name], row, shown) for name, row in sorted(cells.items(), key=lambda c: (_worst(c[1]), c[0]))
        ]

    def summary_of(self, seen: Seen) -> list[Item]:
        if self._picture is None or not self._picture.coverage:
            return []
        items = [*_broken(self._picture.pairs), Item(_coverage(self._picture.coverage[0]))]
        missed = [c for c in self._picture.coverage[1:] if c.is_met is False]
        if missed:
            names = ", ".join(f"{c.namespace} {percent(c.share or 0)}" for c in missed)
            items.append(Item((Run("▲ below 99 %", "warn"), Run(f"  {names}"))))
        if self._is_matrix and self._servers:
            space = self._servers[self._first].partition("/")[0]
            items.append(
                Item(
                    f"from server {self._first + 1} of {len(self._servers)} on, in {space}   ● seen   ○ configured, no calls seen",
                    "dim",
                )
            )
        return items

    def detail_of(self, row: Row) -> list[Item]:
        pairs: tuple[Pair, ...] = row.payload
        if len(pairs) > 1:
            seen = [p for p in pairs if p.calls]
            words = "; ".join(f"{_server(p)} {seen_words(p)}" for p in seen[:8])
            items = [Item(row.key, "strong"), Item(words or "it was not seen to call", label="SEEN")]
            return [*items, *_why_broken([p for p in pairs if p.cell.verdict == "broken" and not p.cell.is_refused])]
        cell = pairs[0].cell
        items = [Item(f"{who(cell.client)} → {_server(pairs[0])}", "strong"), Item(cell.why, label="WHY")]
        items.append(Item(f"{cell.sends.how}: {cell.sends.why}", label="SENDS"))
        items.append(Item(f"{cell.takes.mode}: {cell.takes.why}", label="TAKES"))
        live = f", its live listener {pairs[0].live}" if pairs[0].live else ""
        return [*items, Item(f"{seen_words(pairs[0])}{live}", label="SEEN")]

    async def open(self, row: Row) -> None:
        pairs: tuple[Pair, ...] = row.payload
        if self._is_matrix:
            self._is_matrix = False
            self.narrow(f"client={row.key}")
            self._draw()
        elif pairs[0].cell.decides is not None:
            from screens.views.yaml import YamlView

            await self.boss.open(YamlView(pairs[0].cell.decides))
        else:
            self.boss.say("Istio's defaults decide: no object says otherwise.", "ok")

    def back(self) -> bool:
        """From a client's pairs back to the matrix."""
        if not self._is_matrix and super().back():
            self._is_matrix = True
            self._draw()
            return True
        return super().back()

    def action_matrix(self) -> None:
        self._is_matrix = not self._is_matrix
        self._draw()

    def action_more(self) -> None:
        self._shift(1)

    def action_less(self) -> None:
        self._shift(-1)

    def _shift(self, by: int) -> None:
        """Begin with another server: what does not fit goes at the right."""
        if self._is_matrix:
            self._first = min(max(self._first + by, 0), max(len(self._servers) - 1, 0))
            self._draw()

    async def action_logs(self) -> None:
        from screens.views.access_log import AccessLog

        if self.row is not None:
            pair: Pair = self.row.payload[0]
            await self.boss.open(AccessLog(pair.cell.client if self._is_matrix else pair.cell.server))

    async def action_what_if(self) -> None:
        from screens.views.what_if import WhatIf

        if self.row is None or self.seen is None or self.seen.mesh is None:
            return
        pair: Pair = self.row.payload[0]
        subject = pair.cell.client if self._is_matrix else pair.cell.server
        await self.boss.open(WhatIf(self.seen.mesh, subject.namespace))


def _server(pair: Pair) -> str:
    return f"{who(pair.cell.server)}:{pair.cell.port}"


def _badge(pair: Pair) -> Run:
    verdict, text = pair.cell.verdict, word(pair)
    if pair.cell.is_refused:
        return Run(text, "bad" if pair.calls else "dim")
    role = {"mTLS": "ok", "plaintext": "warn", "broken": "bad", "unknown": "unknown"}[verdict]
    return Run(text, role if pair.calls or verdict in ("broken", "unknown") else "dim")


def _worst(row: dict[str, Pair]) -> int:
    return min((0 if p.is_fault else 1 if p.is_contradicted else 2 if p.calls else 3) for p in row.values())


def _client(name: str, label: str, row: dict[str, Pair], servers: Sequence[str]) -> Row:
    cells: tuple[Run | str, ...] = (label, *(_badge(row[s]) if s in row else Run("-", "dim") for s in servers))
    pairs = tuple(row.values())
    return Row(name, cells, {"client": name}, is_fault=any(p.is_fault for p in pairs), payload=pairs)


def _listed(pair: Pair) -> Row:
    cell = pair.cell
    by = f"{cell.decides.kind} {who(cell.decides)}" if cell.decides else "Istio's default"
    role = "warn" if pair.is_contradicted else "" if pair.calls else "dim"
    seen = f"{seen_words(pair)}{' ≠' if pair.is_contradicted else ''}"
    takes = "plain text" if cell.takes.mode == "NONE" else cell.takes.mode
    cells = (_badge(pair), who(cell.client), _server(pair), Run(seen, role), by, cell.sends.how, takes)
    fields = {"client": who(cell.client), "server": _server(pair), "verdict": cell.verdict, "seen": pair.known}
    key = f"{who(cell.client)} {_server(pair)} {cell.host} {cell.service_port}"
    return Row(key, cells, fields, is_fault=pair.is_fault, payload=(pair,))


def _broken(pairs: Sequence[Pair]) -> list[Item]:
    """The verdict first: how many pairs cannot talk, and which object decides so for most of them."""
    bad = [p for p in pairs if p.cell.verdict == "broken" and not p.cell.is_refused]
    if not bad:
        return []
    by = Counter(p.cell.decides for p in bad if p.cell.decides is not None).most_common(1)
    calling = sum(bool(p.calls) for p in bad)
    seen = f", {calling or 'none'} of them seen to call" if len(bad) > 1 else ", seen to call" if calling else ", not seen to call"
    items = [Item((Run(f"✖ {count(len(bad), 'pair')} broken", "bad"), Run(seen)))]
    if by:
        most = "most " if by[0][1] < len(bad) else ""
        items.append(Item(f"{most}by {by[0][0]}", "dim", indent=2))
    return items


def _why_broken(bad: Sequence[Pair]) -> list[Item]:
    reasons: dict[str, list[str]] = {}
    for pair in bad:
        reasons.setdefault(pair.cell.why, []).append(_server(pair))
    said = [(Run(f"{', '.join(servers)}: "), Run(why, "dim")) for why, servers in reasons.items()]
    return [Item(runs, label="" if number else "BROKEN") for number, runs in enumerate(said[:3])]


def _coverage(mesh: Coverage) -> tuple[Run, ...]:
    """The mesh's two figures: what was seen, and what is configured."""
    strict = f"   STRICT on {mesh.strict} of {mesh.ports} ports"
    if mesh.share is None:
        return Run("○ no calls seen", "dim"), Run(strict)
    glyph, role = ("●", "ok") if mesh.is_met else ("▲", "warn")
    calls = mesh.mtls + mesh.plaintext
    return Run(f"{glyph} mTLS {percent(mesh.share)}", role), Run(
        f" of {calls:,} calls in {mesh.window_s:.0f} s (goal 99 %){strict}"
    )
