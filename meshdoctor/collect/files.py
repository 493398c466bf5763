"""Manifests as a source: YAML and JSON text, or files, become a Mesh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshdoctor.collect.configured import configured
from meshdoctor.collect.reading import documents as parsing
from meshdoctor.collect.reading.builder import Refused
from meshdoctor.collect.reading.given import Given
from meshdoctor.collect.reading.objects import typed
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import ConfigMap
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.errors import UsageError
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState

Kind = type[KubernetesObject]


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The objects in YAML or JSON text; `List` kinds are opened. Raises UsageError where it does not parse."""
    for document in parsing.documents(text):
        if isinstance(document, Refused):
            raise UsageError(f"The manifests do not parse: {document}.", do="Mend the YAML and check again.")
        value = document.value
        if not isinstance(value, dict):
            continue
        if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
            yield from (item for item in value["items"] if isinstance(item, dict))
        else:
            yield value


def objects(text: str) -> Iterator[KubernetesObject]:
    """The typed objects in YAML or JSON text, without kinds that no rule reads. Raises UsageError where one does not fit."""
    for document in documents(text):
        kind = kinds.kind_of(str(document.get("apiVersion", "")), str(document.get("kind", "")))
        if kind is not None:
            try:
                yield typed(document, kind)
            except msgspec.ValidationError as why:
                name = (document.get("metadata") or {}).get("name", "")
                raise UsageError(f"{kind.KIND} {name} does not fit its kind: {why}.", do="Mend the field and check again.") from why


def mesh_of(
    text: str,
    *,
    now: datetime | None = None,
    denied: Iterable[Kind] = (),
    istiods: Iterable[Istiod] = (),
    envoys: Iterable[Envoy] = (),
    prometheus: Prometheus | None = None,
    **more: Any,
) -> Mesh:
    """A Mesh of manifests alone: what is not in the text does not exist, but the kinds in `denied` were not seen.

    `more` goes to the Mesh as it is (mesh_config, manifests, only_given, ...).
    """
    tables = _tables(objects(text), set(denied))
    return Mesh(tables, now=now or datetime.now(UTC), istiods=istiods, envoys=envoys, prometheus=prometheus, **more)


def mesh_of_objects(things: Iterable[KubernetesObject], *, now: datetime | None = None) -> Mesh:
    """A Mesh of these objects alone."""
    return Mesh(_tables(things, set()), now=now or datetime.now(UTC))


def mesh_of_manifests(given: Given, *, now: datetime | None = None, **more: Any) -> Mesh:
    """A Mesh of files alone: what is absent may exist elsewhere, and each finding knows its line."""
    more.setdefault("mesh_config", configured(t for t in given.things if isinstance(t, ConfigMap)))
    return Mesh(
        _tables(given.things, set()),
        now=now or datetime.now(UTC),
        manifests=given.manifests,
        complaints=given.complaints,
        notes=given.notes,
        only_given=True,
        **more,
    )


def _tables(things: Iterable[KubernetesObject], unseen: set[Kind]) -> dict[Kind, Table[Any]]:
    found: dict[Kind, list[KubernetesObject]] = {kind: [] for kind in kinds.ALL}
    for thing in things:
        found[type(thing)].append(thing)
    return {kind: Table(some, _source(kind, kind in unseen, len(some))) for kind, some in found.items()}


def _source(kind: Kind, denied: bool, count: int) -> Source:
    if not denied:
        return Source(name=kind.resource(), objects=count)
    return Source(
        name=kind.resource(),
        state=SourceState.DENIED,
        reason=f"list {kind.resource()} is forbidden",
        command=f"kubectl auth can-i list {kind.resource()} -A",
    )
