"""What would happen if the mode of the mesh, a namespace, a workload or one of its ports were another: who breaks, and why.

Nothing is guessed of callers: those that were seen are told with how often and in what window, those that the configuration
tells of (kubelet, load balancers, Prometheus, webhooks) with the place that says so.
"""

from __future__ import annotations

import msgspec

from meshdoctor.istio.mutual.cells import Cell, Wanted, cells, cells_by_address, in_both, possible
from meshdoctor.istio.mutual.outsiders import Outsider, outsiders
from meshdoctor.istio.mutual.seen import Seen, seen, server_logs
from meshdoctor.istio.mutual.wish import Wish, supposed
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.subject import Subject

MOST_PAIRS = 50_000  # above it only pairs that were seen are told, unless a namespace is asked for


class Change(msgspec.Struct, frozen=True):
    """One pair of workloads before and after, with what was seen of it."""

    before: Cell
    after: Cell
    seen: tuple[Seen, ...]

    @property
    def calls(self) -> int:
        return sum(s.calls for s in self.seen)

    @property
    def breaks(self) -> bool:
        return self.after.verdict == "broken"

    @property
    def touches_broken(self) -> bool:
        return "broken" in (self.before.verdict, self.after.verdict)


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What a wish would do. `policy` is the PeerAuthentication as it would be, `is_new` whether it is not there yet.

    `breaks` were seen or are pairs of the mesh; `may_break` have no proxy and were not seen to call; `opens` are such
    whose plain text would be taken from then on. `strangers` are callers from addresses that are no pod's. `unread` are
    servers it is about of which no log was read. `is_limited`: of a mesh with too many pairs those alone that were seen.
    """

    wish: Wish
    policy: PeerAuthentication
    is_new: bool
    servers: tuple[Subject, ...]
    breaks: tuple[Change, ...] = ()
    may_break: tuple[Change, ...] = ()
    opens: tuple[Change, ...] = ()
    heals: tuple[Change, ...] = ()
    others: tuple[Change, ...] = ()
    strangers: tuple[Seen, ...] = ()
    outsiders: tuple[Outsider, ...] = ()
    unread: tuple[Subject, ...] = ()
    window_s: float | None = None
    is_limited: bool = False

    @property
    def is_harmful(self) -> bool:
        """Whether somebody surely breaks: a pair, an address that was seen, or a caller such as the kubelet."""
        return bool(self.breaks or self.strangers) or any(o.is_sure for o in self.outsiders)


def forecast(mesh: Mesh, wish: Wish) -> Forecast:
    """Who would break and why. Raises UsageError where there is no such namespace or workload."""
    policy, is_new = supposed(mesh, wish)
    after = mesh.overlaid([policy])
    is_limited = wish.scope == "mesh" and possible(mesh) > MOST_PAIRS
    wanted = met(mesh) if is_limited else _within(wish.namespace) if wish.namespace else None
    changes = _changes(mesh, after, wanted)
    servers = tuple(dict.fromkeys(c.after.server for c in changes))
    broken = [c for c in changes if c.breaks and c.before.verdict != "broken"]
    healed = [c for c in changes if c.before.verdict == "broken" and not c.breaks]
    sure = [c for c in broken if c.calls or not c.after.is_refused]
    about = {(c.after.server, c.after.port) for c in changes if c.after.takes.mode == "STRICT"}
    return Forecast(
        wish=wish,
        policy=policy,
        is_new=is_new,
        servers=servers,
        breaks=tuple(sorted((*sure, *_by_address(mesh, after, wanted)), key=lambda c: (-c.calls, c.after.key))),
        may_break=tuple(c for c in broken if c not in sure),
        opens=tuple(c for c in healed if c.before.is_refused and not c.calls),
        heals=tuple(c for c in healed if not c.before.is_refused or c.calls),
        others=tuple(c for c in changes if c.before.verdict != c.after.verdict and not c.touches_broken),
        strangers=tuple(s for s in seen(mesh) if s.client is None and s.plaintext and (s.server, s.port) in about),
        outsiders=tuple(outsiders(mesh, about)),
        unread=tuple(s for s in servers if s not in server_logs(mesh)),
        window_s=max((e.logs.window_s for e in mesh.envoys if e.has("logs")), default=None),
        is_limited=is_limited,
    )


def met(mesh: Mesh) -> Wanted:
    """Pairs that were seen to call each other."""
    pairs = {(s.client, s.server) for s in seen(mesh)}
    return lambda client, server: (client, server) in pairs


def _within(namespace: str) -> Wanted:
    return lambda client, server: server.namespace == namespace


def _changes(mesh: Mesh, after: Mesh, wanted: Wanted | None) -> list[Change]:
    """The pairs whose verdict or server's mode changes."""
    return [
        Change(old, new, _seen_of(mesh, new))
        for old, new in in_both(mesh, after, wanted)
        if (old.verdict, old.takes.mode) != (new.verdict, new.takes.mode)
    ]


def _by_address(mesh: Mesh, after: Mesh, wanted: Wanted | None) -> list[Change]:
    """Pairs of the mesh that were seen to call a pod's own address in plain text, which would be refused."""
    was_seen = met(mesh)

    def seen_ones(client: Subject, server: Subject) -> bool:
        return was_seen(client, server) and (wanted is None or wanted(client, server))

    before = {c.key: c for c in cells_by_address(mesh, seen_ones)}
    named = {(c.client, c.server, c.port) for c in cells(after, seen_ones) if c.verdict == "broken"}
    found = []
    for new in cells_by_address(after, seen_ones):
        old, place = before.get(new.key), (new.client, new.server, new.port)
        calls = tuple(s for s in _seen_of(mesh, new) if s.plaintext)
        if calls and old is not None and old.verdict != "broken" and new.verdict == "broken" and place not in named:
            found.append(Change(old, new, calls))
    return found


def _seen_of(mesh: Mesh, cell: Cell) -> tuple[Seen, ...]:
    index: dict[tuple[Subject | None, Subject, int], list[Seen]] | None = mesh.memo.get("mtls seen by pair")
    if index is None:
        index = mesh.memo["mtls seen by pair"] = {}
        for each in seen(mesh):
            index.setdefault((each.client, each.server, each.port), []).append(each)
    return tuple(index.get((cell.client, cell.server, cell.port), ()))
