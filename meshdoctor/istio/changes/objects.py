"""Which objects two snapshots have differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeVar

import msgspec

from meshdoctor.istio.schema.defaults import defaulted
from meshdoctor.istio.schema.definitions import packaged
from meshdoctor.model.applied import LAST_APPLIED
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.changes import ObjectChange
from meshdoctor.model.gatewayapi import Gateway as K8sGateway
from meshdoctor.model.gatewayapi import HTTPRoute, ReferenceGrant
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication

K = TypeVar("K", bound=KubernetesObject)
Pair = tuple[K | None, K | None]
PREVIEWED = (
    VirtualService,
    DestinationRule,
    Gateway,
    Sidecar,
    ServiceEntry,
    PeerAuthentication,
    AuthorizationPolicy,
    K8sGateway,
    HTTPRoute,
    ReferenceGrant,
)


def changed(before: Mesh, after: Mesh, kind: type[K]) -> tuple[Pair[K], ...]:
    """The objects of a kind that are not the same, as (before, after). Unseen where the kind was not read."""
    if kind not in before.kinds and kind not in after.kinds:
        return ()
    old = {o.subject: o for o in before[kind]}
    new = {o.subject: o for o in after[kind]}
    pairs = ((old.get(s), new.get(s)) for s in (*old, *(s for s in new if s not in old)))
    return tuple((a, b) for a, b in pairs if a is not b and (a is None or b is None or content(a) != content(b)))


def of_manifests(before: Mesh, after: Mesh, things: Iterable[KubernetesObject]) -> Iterator[ObjectChange]:
    """The objects of the manifests against those of the mesh; Unseen where a kind was not read."""
    for thing in things:
        live = before[type(thing)].get(thing.namespace, thing.name)
        made = after[type(thing)].get(thing.namespace, thing.name)
        yield ObjectChange(subject=thing.subject, state=_state(live, made), previewed=isinstance(thing, PREVIEWED))


def _state(live: KubernetesObject | None, made: KubernetesObject | None) -> Literal["new", "changed", "same"]:
    if live is None or made is None:
        return "new"
    return "same" if content(live) == content(made) else "changed"


def content(thing: KubernetesObject) -> dict[str, Any]:
    """What an author writes in an object, the API's defaults filled in: without status, history and kubectl's notes."""
    said: dict[str, Any] = msgspec.to_builtins(thing)
    said.pop("status", None)
    said.pop("apiVersion", None)
    said["metadata"] = {
        "labels": thing.labels,
        "annotations": {k: v for k, v in thing.annotations.items() if k != LAST_APPLIED},
    }
    definition = packaged(thing.GROUP, thing.KIND)
    version = thing.api_version.rpartition("/")[2]
    if definition is None or not said.get("spec"):
        return said
    if version not in definition.versions:
        version = next((v for v in thing.VERSIONS if v in definition.versions), "")
    if version and definition.defaulting(version):
        said["spec"] = defaulted({"spec": said["spec"]}, definition.versions[version])["spec"]
    return said
