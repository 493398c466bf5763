"""One kind of object, kept up to date by the events of its watch."""

from __future__ import annotations

import time

import msgspec

from meshdoctor.collect.objects import Kind, Listed
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Table
from meshdoctor.model.sources import SourceState


class Kept:
    """A plain table that events change, and from which a Table is made."""

    def __init__(self, listed: Listed) -> None:
        self.kind: Kind = listed.kind
        self.replace(listed)

    def replace(self, listed: Listed) -> None:
        """Begin anew from a list."""
        self.version = listed.version
        self.namespace = listed.namespace
        self.resource_version = listed.resource_version
        self.objects: dict[tuple[str, str], KubernetesObject] = {(o.namespace, o.name): o for o in listed.table}
        self.source = listed.table.source
        self.read_at = listed.read_at or time.monotonic()

    @property
    def watchable(self) -> bool:
        """Whether there is a list to go on from. Metadata-only kinds are not watched: they are relisted with the rest."""
        return self.source.state is SourceState.LIVE and self.kind not in kinds.METADATA_ONLY

    def apply(self, event: str, thing: KubernetesObject | None) -> bool:
        """One event; whether the table changed by it."""
        if thing is None:
            return False
        self.resource_version = thing.metadata.resource_version or self.resource_version
        if self.source.state is SourceState.STALE:
            self.source = msgspec.structs.replace(self.source, state=SourceState.LIVE, reason=None)
        if event in ("ADDED", "MODIFIED"):
            self.objects[thing.namespace, thing.name] = thing
            return True
        if event == "DELETED":
            return self.objects.pop((thing.namespace, thing.name), None) is not None
        return False  # BOOKMARK

    def mark(self, state: SourceState, reason: str) -> None:
        """Rows stay; their source says that they are old and why."""
        self.source = msgspec.structs.replace(self.source, state=state, reason=reason)

    def listed(self, alive_at: float | None) -> Listed:
        """The kind as it stands now. A watched table is as old as the last sign of life of the API server."""
        source = msgspec.structs.replace(self.source, objects=len(self.objects))
        fresh = alive_at if alive_at is not None and self.source.state is SourceState.LIVE and self.watchable else self.read_at
        return Listed(self.kind, Table(self.objects.values(), source), self.version, self.resource_version, self.namespace, fresh)
