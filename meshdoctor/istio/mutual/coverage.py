"""How much of what was seen is mutual TLS, and how much of what is configured is STRICT: two figures, never mixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from meshdoctor.istio.mutual.seen import PROMETHEUS, Seen
from meshdoctor.model.subject import Subject

GOAL = 0.99


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace's (empty: the mesh's) servers. Calls are those that servers took; `share` is None where none was seen.

    `strict` of `ports` are the ports of servers with a sidecar that take mutual TLS only. `unread` are servers with a
    sidecar of which nothing was read.
    """

    namespace: str
    mtls: int = 0
    plaintext: int = 0
    untold: int = 0
    window_s: float | None = None
    source: str | None = None
    strict: int = 0
    ports: int = 0
    unread: int = 0

    @property
    def share(self) -> float | None:
        told = self.mtls + self.plaintext
        return self.mtls / told if told else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None where nothing was seen."""
        return None if self.share is None else self.share >= GOAL


def coverage(modes: Mapping[tuple[Subject, int], str], seen: Iterable[Seen], read: frozenset[Subject]) -> tuple[Coverage, ...]:
    """The mesh first, then each namespace that has servers. `modes` are those of servers' ports; `read` the workloads of
    which a proxy's log was read."""
    taken = tuple(seen)
    spaces = sorted({server.namespace for server, _ in modes} | {s.server.namespace for s in taken})
    return tuple(_of(space, modes, taken, read) for space in ("", *spaces))


def _of(space: str, modes: Mapping[tuple[Subject, int], str], seen: tuple[Seen, ...], read: frozenset[Subject]) -> Coverage:
    own = [s for s in seen if space in ("", s.server.namespace)]
    told = [s for s in own if s.source == PROMETHEUS] or own  # the longer window where there is one
    ports = {place: mode for place, mode in modes.items() if space in ("", place[0].namespace) and mode != "NONE"}
    return Coverage(
        namespace=space,
        mtls=sum(s.mtls for s in told),
        plaintext=sum(s.plaintext for s in told),
        untold=sum(s.untold for s in told),
        window_s=max((s.window_s for s in told), default=None),
        source=told[0].source if told else None,
        strict=sum(mode == "STRICT" for mode in ports.values()),
        ports=len(ports),
        unread=len({server for server, _ in ports} - read),
    )
