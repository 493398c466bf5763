"""The whole picture of mutual TLS: pairs as they are configured, beside them what was seen, and how much that covers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from meshdoctor.istio.injection import IGNORED_NAMESPACES
from meshdoctor.istio.mutual.cells import RANK, Cell, cells, cells_by_address, possible, served
from meshdoctor.istio.mutual.coverage import Coverage, coverage
from meshdoctor.istio.mutual.forecast import MOST_PAIRS
from meshdoctor.istio.mutual.seen import QUERY, Seen, seen, server_logs, told_by_prometheus
from meshdoctor.istio.mutual.taking import Takes
from meshdoctor.istio.mutual.targets import addresses
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar, VirtualService, WorkloadEntry
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

Known = Literal["seen", "none", "unknown"]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One client, server and port: what is configured, what was seen. `known` tells whether calls were seen, or that the
    server's log (its client's, where the server has no proxy) was read and has none, or that nobody told.

    `live` is the mode of the server's own listener as it is now; None where that was not read.
    """

    cell: Cell
    seen: tuple[Seen, ...]
    known: Known
    live: str | None = None

    def count(self, what: str) -> int:
        """How many calls of a kind were seen: `mtls`, `plaintext`, `refused`, `failed`, `untold`."""
        return sum(getattr(s, what) for s in self.seen)

    @property
    def calls(self) -> int:
        return sum(s.calls for s in self.seen)

    @property
    def is_fault(self) -> bool:
        """Whether it breaks: always between members of the mesh; of callers without a proxy only where one was seen."""
        return self.cell.verdict == "broken" and (not self.cell.is_refused or self.calls > 0)

    @property
    def is_contradicted(self) -> bool:
        """Whether what was seen is not what is configured: calls past the name, a late proxy, or a change since."""
        verdict = self.cell.verdict
        return (verdict == "mTLS" and self.count("plaintext") + self.count("refused") + self.count("failed") > 0) or (
            verdict in ("plaintext", "broken") and self.count("mtls") > 0
        )

    @property
    def is_stale(self) -> bool:
        """Whether the live listener takes something else than the configuration says."""
        return self.live is not None and self.cell.takes.mode not in ("NONE", self.live)


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """One port of a server: what it takes as configured, what its live listener takes, and how many of its connections were
    TLS since its proxies started, as (TLS, all). `live` and `handshakes` are None where they are not known."""

    server: Subject
    port: int
    takes: Takes
    live: str | None
    handshakes: tuple[int, int] | None


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All pairs, worst first, and the figures of the mesh and its namespaces. `strangers` are callers whose address is no
    pod's. `untold` is why Prometheus added nothing; None where it did. `is_limited`: of a mesh with too many pairs those
    alone that were seen. `unread` are kinds of objects that could not be read: what they would add is missing."""

    pairs: tuple[Pair, ...]
    doors: tuple[Door, ...]
    coverage: tuple[Coverage, ...]
    strangers: tuple[Seen, ...]
    untold: str | None
    window_s: float | None
    is_limited: bool = False
    unread: tuple[str, ...] = ()


def picture(mesh: Mesh, namespace: str | None = None, *, window: str = "5m", by_address: bool = False) -> Picture:
    """The picture of a namespace's pairs, or of all. Calls to pods' own addresses are shown where they were seen, or asked for.

    Raises Unseen where pods, Services or PeerAuthentications may not be read.
    """
    told, untold = _prometheus(mesh, window)
    every = (*seen(mesh), *told)
    met = {(s.client, s.server) for s in every}
    is_limited = namespace is None and possible(mesh) > MOST_PAIRS

    def wanted(client: Subject, server: Subject) -> bool:
        return namespace in (None, client.namespace, server.namespace) and (not is_limited or (client, server) in met)

    def loose(client: Subject, server: Subject) -> bool:
        return wanted(client, server) and (by_address or (client, server) in met)

    named = cells(mesh, wanted if is_limited or namespace else None)
    called = set() if by_address else {(c.client, c.server, c.port) for c in named}
    by_port = {(s.client, s.server, s.port) for s in every}
    others = [c for c in cells_by_address(mesh, loose) if (c.client, c.server, c.port) not in called]
    some = (*named, *(c for c in others if by_address or (c.client, c.server, c.port) in by_port))
    by_pair, live = _by_pair(every), _live(mesh)
    pairs = [_pair(mesh, c, by_pair.get((c.client, c.server), ()), live.get((c.server, c.port))) for c in some]
    kept = (p for p in pairs if p.calls or p.cell.client_has_proxy or p.cell.client.namespace not in IGNORED_NAMESPACES)
    figures = coverage({place: t.mode for place, t in served(mesh).items()}, every, server_logs(mesh))
    return Picture(
        pairs=tuple(sorted(kept, key=_worst_first)),
        doors=tuple(d for d in _doors(mesh) if namespace in (None, d.server.namespace)),
        coverage=tuple(c for c in figures if namespace in (None, c.namespace)),
        strangers=tuple(s for s in every if s.client is None and namespace in (None, s.server.namespace)),
        untold=untold,
        window_s=max((e.logs.window_s for e in mesh.envoys if e.has("logs")), default=None),
        is_limited=is_limited,
        unread=tuple(k.resource() for k in (Sidecar, VirtualService, ServiceEntry, WorkloadEntry) if mesh.state(k) not in USABLE),
    )


def seconds(window: str) -> float:
    """The seconds of a Prometheus window such as `5m` or `7d`; 0 where it is none."""
    match = re.fullmatch(r"(\d{1,4})([smhdw])", window)
    return int(match[1]) * UNITS[match[2]] if match else 0


def _prometheus(mesh: Mesh, window: str) -> tuple[tuple[Seen, ...], str | None]:
    if mesh.prometheus is None:
        return (), "none was found"
    if not mesh.prometheus.has(QUERY):
        why = mesh.prometheus.missing.get(QUERY)
        return (), (why.reason or why.state) if why else "was not asked"
    told = told_by_prometheus(mesh, seconds(window))
    return told, None if told else "it has no istio_requests_total of these workloads"


def _by_pair(every: Iterable[Seen]) -> dict[tuple[Subject | None, Subject], list[Seen]]:
    found: dict[tuple[Subject | None, Subject], list[Seen]] = {}
    for each in every:
        found.setdefault((each.client, each.server), []).append(each)
    return found


def _pair(mesh: Mesh, cell: Cell, some: Iterable[Seen], live: str | None) -> Pair:
    found = tuple(s for s in some if s.port in (0, cell.port))
    return Pair(cell=cell, seen=found, known="seen" if found else _known(mesh, cell), live=live)


def _known(mesh: Mesh, cell: Cell) -> Known:
    """Whether it can be said that there were no calls: the log of who would have logged them was read."""
    read = server_logs(mesh)
    teller = cell.client if cell.takes.mode == "NONE" else cell.server
    return "none" if teller in read else "unknown"


def _live(mesh: Mesh) -> dict[tuple[Subject, int], str]:
    """What the live inbound listeners take, by workload and port; where the pods of a workload differ, what one of them does."""
    modes = {owner: envoy.inbound_modes for owner, envoy in _told(mesh) if envoy.has("inbound")}
    ports = dict.fromkeys((*served(mesh), *((e.owner, e.port) for t in addresses(mesh) for e in t.endpoints)))
    found = {(server, port): modes[server].get(port) or modes[server].get(0) for server, port in ports if server in modes}
    return {place: mode for place, mode in found.items() if mode}


def _told(mesh: Mesh) -> list[tuple[Subject, Envoy]]:
    pods = ((mesh[Pod].get(e.namespace, e.name), e) for e in mesh.envoys)
    return [(mesh.owner(pod), envoy) for pod, envoy in pods if pod is not None]


def _doors(mesh: Mesh) -> list[Door]:
    counted: dict[tuple[Subject, int], tuple[int, int]] = {}
    for owner, envoy in _told(mesh):
        for port, (tls, every) in envoy.handshakes.items() if envoy.has("handshakes") else ():
            before = counted.get((owner, port), (0, 0))
            counted[owner, port] = (before[0] + tls, before[1] + every)
    live = _live(mesh)
    return [
        Door(server=server, port=port, takes=took, live=live.get((server, port)), handshakes=counted.get((server, port)))
        for (server, port), took in sorted(served(mesh).items(), key=lambda p: p[0])
    ]


def _worst_first(pair: Pair) -> tuple[object, ...]:
    cell = pair.cell
    return not pair.is_fault, not pair.is_contradicted, not pair.calls, RANK[cell.verdict], cell.key
