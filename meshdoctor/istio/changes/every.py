"""All that differs between two snapshots of a mesh, worst first, and what could not be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from meshdoctor.istio.changes.authorization import authorization_changes
from meshdoctor.istio.changes.destinations import destination_changes
from meshdoctor.istio.changes.exposure import exposure_changes
from meshdoctor.istio.changes.mtls import mtls_changes
from meshdoctor.istio.changes.routes import route_changes
from meshdoctor.istio.changes.visibility import visibility_changes
from meshdoctor.model.changes import EFFECTS, AnyChange, Blind, Change
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain

C = TypeVar("C", bound=Change)

SUBJECTS: dict[str, Callable[[Mesh, Mesh], Iterable[AnyChange]]] = {
    "exposed hosts": exposure_changes,
    "routes": route_changes,
    "mutual TLS": mtls_changes,
    "authorization": authorization_changes,
    "visible hosts": visibility_changes,
    "destinations": destination_changes,
}


def effects(before: Mesh, after: Mesh) -> tuple[tuple[AnyChange, ...], tuple[Blind, ...]]:
    """What workloads, clients and gateways would notice. A subject that needs what was not seen is told of as such."""
    found: list[AnyChange] = []
    blind: list[Blind] = []
    for about, subject in SUBJECTS.items():
        try:
            found += [_shown(change) for change in subject(before, after)]
        except Unseen as unseen:
            blind.append(Blind(about=about, reason=f"{unseen.source.name}: {unseen.source.reason or unseen.source.state}"))
    return tuple(sorted(found, key=lambda c: EFFECTS.index(c.effect))), tuple(blind)


def _shown(change: C) -> C:
    """A change whose words may be shown: names of a mesh are hostile."""
    words = {name: plain(value) for name in change.__struct_fields__ if isinstance(value := getattr(change, name), str)}
    return msgspec.structs.replace(change, **words)
