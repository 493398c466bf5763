"""Kubernetes objects in the files of a bundle, whichever way they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.bundle.foreign.found import Found, Kind
from meshdoctor.bundle.lists import Object
from meshdoctor.bundle.unpack import Notes
from meshdoctor.collect.files import documents
from meshdoctor.model import kinds
from meshdoctor.model.errors import UsageError

_TEXTS = re.compile(r"\.(?:ya?ml|json)$|(?:^|/)cluster/(?:crs|nodes|k8s-[a-z-]+)$")
_NAMESPACED = re.compile(
    r"(?:^|/)namespaces/([^/]+)/|(?:^|/)cluster-resources/(?:custom-resources/)?[^/]+/([^/]+)\.(?:json|ya?ml)$"
)
_TROUBLESHOOT = re.compile(r"(?:^|/)cluster-resources/((?:custom-resources/)?[^/]+?)(?:/[^/]+)?\.(?:json|ya?ml)$")
_SKIPPED = re.compile(r"(?:-errors|/auth-cani-list/.*|/groups|/resources|/image-pull-secrets/.*)\.json$|/pods/logs/")
_VERSION = re.compile(r"(?:^|/)(?:cluster-info/)?cluster_version\.json$")
_KUBECTL = re.compile(r"^Server Version: (v\S+)", re.MULTILINE)
_RENAMED = {
    "resource-quota": "resourcequotas",
    "pod-disruption-budgets": "poddisruptionbudgets",
    "custom-resource-definitions": "customresourcedefinitions",
}
_TIMES = ("lastTimestamp", "eventTime", "lastTransitionTime", "startedAt", "lastProbeTime", "renewTime", "creationTimestamp")
# What `istioctl bug-report` asks for in one go: kinds that are not in the answer have no object.
_BUG_REPORT = frozenset(
    {"pods", "services", "daemonsets", "deployments", "replicasets", "statefulsets", "horizontalpodautoscalers", "cronjobs", "jobs",
     "endpointslices", "configmaps"}
)  # fmt: skip


def read_objects(found: Found, path: str, body: bytes, notes: Notes) -> None:
    """Take in the objects of one file; a file that is none is passed over, one that does not parse is noted."""
    if path.endswith("cluster/kubectl-version") and (match := _KUBECTL.search(body.decode("utf-8", "replace"))):
        found.version = match[1]
    if _VERSION.search(path):
        found.version = _server_version(body)
    if _TEXTS.search(path) is None or _SKIPPED.search(path) is not None or _VERSION.search(path):
        return
    place = _NAMESPACED.search(path)
    namespace = (place[1] or place[2]) if place else ""
    if namespace:
        found.inside.add(namespace)
    kind = _kind_of_file(path)
    if kind is not None:
        found.lists(kind, inside=bool(namespace))
    _bug_report(found, path)
    try:
        for thing in _objects(body, kind):
            _note_lists(found, thing, inside=bool(namespace))
            if "items" not in thing:
                found.add(thing, inside=bool(namespace))
                _note_time(found, thing)
    except (UsageError, msgspec.DecodeError, RecursionError, ValueError):
        notes.skip("it does not parse")


def _objects(body: bytes, kind: Kind | None) -> Iterator[Object]:
    """Objects, opened lists, and bare arrays; `kind` is given to those that do not say theirs."""
    if body.lstrip()[:1] in (b"{", b"["):
        told: Any = msgspec.json.decode(body)
        items = told if isinstance(told, list) else told.get("items") if isinstance(told.get("items"), list) else None
        if isinstance(told, dict) and (items is None or not items):
            yield told
        named = {"kind": kind.KIND, "apiVersion": f"{kind.GROUP}/{kind.VERSIONS[0]}".lstrip("/")} if kind else _named(told)
        yield from ({**named, **_said(item)} for item in items or () if isinstance(item, dict))
        return
    yield from (_plain(d) for d in documents(body.decode("utf-8", "replace")))


def _named(told: Any) -> Object:
    """The kind and version that items of a typed list leave out."""
    if not isinstance(told, dict) or not str(told.get("kind", "")).endswith("List"):
        return {}
    return {"kind": told["kind"].removesuffix("List"), "apiVersion": told.get("apiVersion", "")}


def _said(item: Object) -> Object:
    return {k: v for k, v in item.items() if v != "" or k not in ("kind", "apiVersion")}


def _plain(document: Object) -> Object:
    plain: Object = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _note_lists(found: Found, thing: Object, *, inside: bool) -> None:
    """An empty list of a kind says that there is none of it."""
    name = str(thing.get("kind", ""))
    kind = (
        kinds.kind_of(str(thing.get("apiVersion", "")), name.removesuffix("List"))
        if name.endswith("List") and "items" in thing
        else None
    )
    if kind is not None:
        found.lists(kind, inside=inside)


def _note_time(found: Found, thing: Object) -> None:
    """The newest time that an object speaks of is when the bundle was made, at the earliest."""
    status = thing.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    places = [thing, thing.get("metadata"), *(conditions if isinstance(conditions, list) else ())]
    for place in places:
        for name in _TIMES if isinstance(place, dict) else ():
            try:
                at = msgspec.convert(place.get(name), datetime)
            except msgspec.ValidationError:
                continue
            if at.tzinfo is not None and (found.newest is None or at > found.newest):
                found.newest = at


def _kind_of_file(path: str) -> Kind | None:
    """The kind that a file of troubleshoot's layout holds."""
    match = _TROUBLESHOOT.search(path)
    if match is None:
        return None
    name = match[1].removeprefix("custom-resources/")
    name = _RENAMED.get(name, name)
    return next(
        (
            k
            for k in kinds.ALL
            if name == k.resource() or (name == k.PLURAL and k.GROUP not in kinds.ISTIO_GROUPS and "/" not in match[1])
        ),
        None,
    )


def _bug_report(found: Found, path: str) -> None:
    if path.endswith("cluster/k8s-resources"):
        found.complete |= {k for k in kinds.ALL if k.PLURAL in _BUG_REPORT}
    if path.endswith("cluster/crs"):
        found.complete |= {k for k in kinds.LISTED if k.GROUP in kinds.ISTIO_GROUPS}


def _server_version(body: bytes) -> str:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    info = told.get("info") if isinstance(told, dict) else None
    return str((info or {}).get("gitVersion", "") or told.get("string", "")) if isinstance(told, dict) else ""
