"""All that differs between two snapshots of a mesh, worst first, and what could not be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from meshdoctor.istio.changes.authorization import authorization_changes
from meshdoctor.istio.changes.clients import sidecar_namespaces
from meshdoctor.istio.changes.destinations import destination_changes
from meshdoctor.istio.changes.exposure import exposure_changes
from meshdoctor.istio.changes.mtls import mtls_changes
from meshdoctor.istio.changes.routes import route_changes
from meshdoctor.istio.changes.visibility import visibility_changes
from meshdoctor.istio.injection import AMBIENT
from meshdoctor.model.changes import EFFECTS, AnyChange, Blind, Change
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.gatewayapi import Gateway, HTTPRoute
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain
from meshdoctor.model.workloads import Pod

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
            blind.append(Blind(about=about, reason=str(unseen)))
    blind += _left_out(after)
    return tuple(sorted(found, key=lambda c: EFFECTS.index(c.effect))), tuple(blind)


def _left_out(mesh: Mesh) -> Iterator[Blind]:
    """What the subjects pass over in this mesh."""
    for kind in (Gateway, HTTPRoute):
        try:
            mesh[kind]
        except Unseen as unseen:
            yield Blind(about=f"what {kind.KIND}s of the Gateway API do", reason=f"{unseen.source.name}: {unseen.source.reason}")
    if mesh.state(Namespace) in USABLE and any(n.labels.get(AMBIENT) == "ambient" for n in mesh[Namespace]):
        yield Blind(about="ambient workloads", reason="the routes of waypoints are not compared")
    if mesh.state(Pod) in USABLE and not sidecar_namespaces(mesh):
        yield Blind(about="routes, hosts and destinations of clients", reason="no pod with a sidecar was seen")


def _shown(change: C) -> C:
    """A change whose words may be shown: names of a mesh are hostile."""
    words = {name: plain(value) for name in change.__struct_fields__ if isinstance(value := getattr(change, name), str)}
    return msgspec.structs.replace(change, **words)
