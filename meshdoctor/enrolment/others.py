"""The proof that nothing else changes: every other workload's injection, mutual TLS and routes, before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from meshdoctor.istio.changes.every import effects
from meshdoctor.istio.injection import would_inject
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.mutual.cells import Cell, cells, in_both, possible
from meshdoctor.istio.mutual.forecast import MOST_PAIRS, met
from meshdoctor.istio.running import Running, workloads
from meshdoctor.istio.workloads import is_in_mesh, owner_object
from meshdoctor.model.changes import MtlsChange
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import some
from meshdoctor.model.workloads import Pod, PodTemplate, Workload

Own = Collection[Subject]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, and what differs; `blind` is what could not be compared, with the reason."""

    workloads: int = 0
    pairs: int = 0
    differences: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """One line."""
        what = f"injection and mutual TLS of {self.workloads} other workloads, {self.pairs} pairs of them, and all routes"
        return f"{what}: {f'{len(self.differences)} differ' if self.differences else 'the same'}"


class Turn(msgspec.Struct, frozen=True):
    """A pair with one of those that are taken in, whose mutual TLS becomes another."""

    client: Subject
    server: Subject
    port: int
    before: str
    after: str
    why: str
    is_refused: bool  # the client has no sidecar and the server takes mutual TLS only


def compared(before: Mesh, after: Mesh, own: Own) -> Compared:
    """All workloads but those in `own`."""
    found: list[str] = []
    blind: list[str] = []
    old, new = (_stances(m, own, blind) for m in (before, after))
    for subject in old.keys() & new.keys():
        found += [f"{subject}: {w}" for w in _differing(old[subject], new[subject])]
    found += [f"{s} is gone" for s in old.keys() - new.keys() if s.kind != "Pod"]
    pairs = 0
    try:
        former, now = (_pairs(m, own) for m in (before, after))
        pairs = len(former.keys() & now.keys())
        found += [f"{_shown(c)}: {former[k].verdict} -> {c.verdict} ({c.why})" for k, c in now.items() if _turned(former.get(k), c)]
    except Unseen as unseen:
        blind.append(f"pairs: {unseen}")
    changes, unseen_subjects = effects(before, after)
    found += [f"{c.about} {c.effect}: {c.says}" for c in changes if not (isinstance(c, MtlsChange) and c.workload in own)]
    blind += [f"{b.about} ({b.reason})" for b in unseen_subjects]
    shared = len(old.keys() & new.keys())
    return Compared(workloads=shared, pairs=pairs, differences=tuple(sorted(found)), blind=tuple(dict.fromkeys(blind)))


def turns(before: Mesh, after: Mesh, own: Own) -> tuple[Turn, ...]:
    """What becomes of the pairs of which one side or both are taken in. Raises Unseen."""

    def touches(client: Subject, server: Subject) -> bool:
        return client in own or server in own

    pairs = ((old, new) for old, new in in_both(before, after, touches) if old.verdict != new.verdict)
    return tuple(Turn(new.client, new.server, new.port, old.verdict, new.verdict, new.why, new.is_refused) for old, new in pairs)


class _Stance(msgspec.Struct, frozen=True):
    """How one workload stands: who would inject it, whether its pods are in the mesh (None: none runs), what it takes."""

    injects: str
    inside: bool | None
    mode: str


def _stances(mesh: Mesh, own: Own, blind: list[str]) -> dict[Subject, _Stance]:
    try:
        return {w.subject: _stance(mesh, w) for w in workloads(mesh) if w.subject not in own}
    except Unseen as unseen:
        blind.append(f"workloads: {unseen}")
        return {}


def _stance(mesh: Mesh, running: Running) -> _Stance:
    thing: Any = owner_object(mesh, running.pods[0]) if running.pods else None
    template: PodTemplate | Pod | None = thing.template if isinstance(thing, Workload) else thing
    injectors = would_inject(mesh, running.namespace, template) if isinstance(template, (PodTemplate, Pod)) else ()
    return _Stance(
        injects=injectors[0].revision if injectors else "",
        inside=any(map(is_in_mesh, running.pods)) if running.pods else None,
        mode=server_mode(mesh, running).mode,
    )


def _differing(old: _Stance, new: _Stance) -> Iterator[str]:
    if old.inside is None or new.inside is None:
        return  # no pod of it runs at one of the two moments
    if old.injects != new.injects:
        yield f"new pods are injected by {old.injects or 'nobody'} -> {new.injects or 'nobody'}"
    if old.inside != new.inside:
        yield f"its pods are {'in' if new.inside else 'out of'} the mesh now"
    if old.mode != new.mode:
        yield f"takes {old.mode} -> {new.mode}"


def _pairs(mesh: Mesh, own: Own) -> dict[Any, Cell]:
    """The pairs of others: all, in a large mesh those that were seen."""
    seen = met(mesh) if possible(mesh) > MOST_PAIRS else None

    def wanted(client: Subject, server: Subject) -> bool:
        return client not in own and server not in own and (seen is None or seen(client, server))

    return {c.key: c for c in cells(mesh, wanted)}


def _turned(old: Cell | None, new: Cell) -> bool:
    return old is not None and old.verdict != new.verdict


def _shown(cell: Cell) -> str:
    return f"{_name(cell.client)} -> {_name(cell.server)}:{cell.port}"


def grouped(found: Iterable[Turn], own: Own) -> tuple[str, ...]:
    """Turns in words, worst first: one line a server and what becomes of its callers, one a client that is taken in."""
    lines: dict[tuple[bool, str, str, str], set[str]] = {}
    for turn in found:
        client, server = _name(turn.client), f"{_name(turn.server)}:{turn.port}"
        is_out = turn.client in own and turn.server not in own
        key = (is_out, client if is_out else server, turn.before, turn.after)
        lines.setdefault(key, set()).add(server if is_out else client)
    made = []
    for (is_out, one, before, after), many in sorted(lines.items(), key=lambda i: (i[0][3] != "broken", i[0])):
        names = some(sorted(many), 4)
        made.append(f"{f'{one} -> {names}' if is_out else f'{names} -> {one}'}: {before} -> {after}")
    return tuple(made)


def _name(subject: Subject) -> str:
    return f"{subject.namespace}/{subject.name}"
