"""Where an object is in the API: its path and its collection's, in a version that is served."""

from __future__ import annotations

import msgspec

from meshdoctor.fixes.case import kind_named
from meshdoctor.kube.client import Discovery
from meshdoctor.kube.listing import collection_path
from meshdoctor.model.errors import UsageError
from meshdoctor.model.subject import Subject

UNREAD = {"NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies")}
"""Kinds that are made but not collected."""


class Place(msgspec.Struct, frozen=True):
    """An object's address."""

    subject: Subject
    collection: str
    resource: str  # plural
    api_version: str

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.subject.name}"


def place_of(discovery: Discovery, subject: Subject) -> Place:
    """The place of an object. Raises UsageError where its kind is not served."""
    if subject.kind in UNREAD:
        group, version, plural = UNREAD[subject.kind]
        return Place(subject, f"/apis/{group}/{version}/namespaces/{subject.namespace}/{plural}", plural, f"{group}/{version}")
    kind = kind_named(subject)
    version_ = discovery.version_of(kind)
    if version_ is None:
        raise UsageError(f"The API server serves no {kind.resource()} in a version that meshdoctor knows.")
    namespace = subject.namespace if kind.NAMESPACED else None
    api_version = f"{kind.GROUP}/{version_}" if kind.GROUP else version_
    return Place(subject, collection_path(kind, version_, namespace), kind.PLURAL, api_version)


def subject_of(manifest: dict[str, object]) -> Subject:
    """The name tag of a manifest."""
    meta = manifest.get("metadata")
    names = meta if isinstance(meta, dict) else {}
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    return Subject(group, str(manifest.get("kind", "")), str(names.get("namespace", "")), str(names.get("name", "")))
