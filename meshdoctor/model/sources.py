"""Where knowledge came from, and what could not be known."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class SourceState(StrEnum):
    """`live`: read just now; `stale`: older than it should be; `denied`: a 403; `absent`: the API does not serve it, or
    nothing of the kind runs; `error`: it failed; `skipped`: not asked, and the reason says why."""

    LIVE = "live"
    STALE = "stale"
    DENIED = "denied"
    ABSENT = "absent"
    ERROR = "error"
    SKIPPED = "skipped"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One source of the snapshot: a kind of object, or what one pod said about one thing.

    `name` is a resource (`pods`, `gateways.networking.istio.io`) or `PART of NAMESPACE/POD`
    (`/clusters of shop/cart-v1-x`).
    `command` settles by hand what could not be read.
    """

    name: str
    state: SourceState = SourceState.LIVE
    age_s: float | None = None
    reason: str | None = None
    objects: int | None = None
    namespaces: tuple[str, ...] | None = None  # where only some namespaces may be read; None is all of them
    command: str | None = None


class Unseen(Exception):
    """A rule read what was not seen; the runner makes UNKNOWN of it (SKIPPED where the source is absent or skipped)."""

    def __init__(self, source: Source) -> None:
        self.source = source
        super().__init__(f"{source.name}: {source.reason or source.state}")


def narrowed(sources: Iterable[Source]) -> str:
    """Why only some namespaces were read; empty where all were."""
    return next((s.reason or "" for s in sources if s.namespaces is not None), "")
