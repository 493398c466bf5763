"""Which objects two snapshots have differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from meshdoctor.istio.schema.defaults import defaulted
from meshdoctor.istio.schema.definitions import packaged
from meshdoctor.istio.selecting import labels_of
from meshdoctor.model.applied import LAST_APPLIED
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.changes import ObjectChange, ObjectState
from meshdoctor.model.cluster import Secret
from meshdoctor.model.gatewayapi import Gateway as K8sGateway
from meshdoctor.model.gatewayapi import HTTPRoute, ReferenceGrant
from meshdoctor.model.kinds import BY_NAME
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication

K = TypeVar("K", bound=KubernetesObject)
Pair = tuple[K | None, K | None]
UNKNOWN = object()  # the live object's fields are not known
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
    bodies = {m.subject: m.body for m in after.manifests}
    lives = {m.subject: m.body for m in before.manifests}
    for thing in things:
        body, live_body = bodies.get(thing.subject, {}), lives.get(thing.subject)
        live = before[type(thing)].get(thing.namespace, thing.name)
        made = after[type(thing)].get(thing.namespace, thing.name)
        state = _state(live, made, body)
        read = msgspec.to_builtins(thing).get("spec")
        unread = tuple(_unread(body.get("spec"), read, live_body.get("spec") if live_body else UNKNOWN, "spec"))
        previewed = isinstance(thing, PREVIEWED) and not (isinstance(thing, Sidecar) and labels_of(thing))
        yield ObjectChange(
            subject=thing.subject,
            state="changed" if state == "same" and unread and live_body else state,
            previewed=previewed,
            not_compared=unread if state == "same" or (state == "changed" and live_body) else (),
        )


def _state(live: KubernetesObject | None, made: KubernetesObject | None, body: dict[str, Any]) -> ObjectState:
    """A kind without a schema here has defaults that are not known: there it counts whether the live object has what is written."""
    if isinstance(made, Secret) or (live is None and isinstance(made, BY_NAME)):
        return "unread"
    if live is None or made is None:
        return "new"
    if not body or packaged(live.GROUP, live.KIND):
        return "same" if content(live) == content(made) else "changed"
    parts = {k: v for k, v in body.items() if k not in ("metadata", "status", "apiVersion")}
    metadata = content(live)["metadata"] == content(made)["metadata"]
    return "same" if metadata and _has(msgspec.to_builtins(live), parts) else "changed"


def _has(live: Any, written: Any) -> bool:
    """Whether a live value has what is written, but for fields that are not read."""
    if isinstance(written, dict) and isinstance(live, dict):
        return all(_has(live[k], v) for k, v in written.items() if k in live)
    if isinstance(written, list) and isinstance(live, (list, tuple)):
        return len(written) == len(live) and all(_has(a, b) for a, b in zip(live, written, strict=True))
    return written is None or written == live or str(written) == str(live)


def _unread(written: Any, read: Any, live: Any, path: str) -> Iterator[str]:
    """The paths of what a manifest has and the typed object has not: where the live one is known, those that differ from it."""
    if isinstance(written, dict) and isinstance(read, dict):
        other = live if isinstance(live, dict) else {}
        for name in dict.fromkeys((*written, *other)):
            value, there = written.get(name), UNKNOWN if live is UNKNOWN else other.get(name)
            if name in read:
                yield from _unread(value, read[name], there, f"{path}.{name}")
            elif value != there and (value is not None or live is not UNKNOWN):
                yield f"{path}.{name}"
    elif isinstance(written, list) and isinstance(read, (list, tuple)):
        others = live if isinstance(live, list) else [live if live is UNKNOWN else None] * len(written)
        for number, (one, typed, there) in enumerate(zip(written, read, others, strict=False)):
            yield from _unread(one, typed, there, f"{path}[{number}]")


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
        said["spec"] = defaulted({"spec": _without_unset(said["spec"])}, definition.versions[version])["spec"]
    return said


def _without_unset(value: Any) -> Any:
    """A value without the fields that nobody set: for these the API has defaults."""
    if isinstance(value, dict):
        return {k: _without_unset(v) for k, v in value.items() if v is not None and v not in ("", [], ())}
    return [_without_unset(v) for v in value] if isinstance(value, (list, tuple)) else value
