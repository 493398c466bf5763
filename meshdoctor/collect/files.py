"""Manifests as a source: YAML and JSON text becomes a Mesh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import yaml

from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.errors import UsageError
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The objects in YAML or JSON text; `List` kinds are opened. Raises UsageError where it does not parse."""
    try:
        whole = list(yaml.load_all(text, Loader=Loader))  # a safe loader
    except yaml.YAMLError as why:
        raise UsageError(f"The manifests do not parse: {' '.join(str(why).split())}.", do="Mend the YAML and check again.") from why
    for document in whole:
        if not isinstance(document, dict):
            continue
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            yield from (item for item in document["items"] if isinstance(item, dict))
        else:
            yield document


def objects(text: str) -> Iterator[KubernetesObject]:
    """The typed objects in YAML or JSON text, without kinds that no rule reads. Raises UsageError where one does not fit."""
    for document in documents(text):
        kind = kinds.kind_of(str(document.get("apiVersion", "")), str(document.get("kind", "")))
        if kind is not None:
            try:
                yield msgspec.convert(_without_nulls(document), kind, strict=False)
            except msgspec.ValidationError as why:
                name = (document.get("metadata") or {}).get("name", "")
                raise UsageError(f"{kind.KIND} {name} does not fit its kind: {why}.", do="Mend the field and check again.") from why


def mesh_of(
    text: str,
    *,
    now: datetime | None = None,
    denied: Iterable[type[KubernetesObject]] = (),
    istiods: Iterable[Istiod] = (),
    envoys: Iterable[Envoy] = (),
    prometheus: Prometheus | None = None,
    **more: Any,
) -> Mesh:
    """A Mesh of manifests alone: what is not in the text does not exist, but the kinds in `denied` were not seen.

    `more` goes to the Mesh as it is (mesh_config, manifests, only_given, ...).
    """
    found: dict[type[KubernetesObject], list[KubernetesObject]] = {kind: [] for kind in kinds.ALL}
    for thing in objects(text):
        found[type(thing)].append(thing)
    unseen = set(denied)
    tables = {kind: Table(things, _source(kind, kind in unseen, len(things))) for kind, things in found.items()}
    moment = now or datetime.now(UTC)
    return Mesh(tables, now=moment, istiods=istiods, envoys=envoys, prometheus=prometheus, **more)


def _source(kind: type[KubernetesObject], denied: bool, count: int) -> Source:
    if not denied:
        return Source(name=kind.resource(), objects=count)
    return Source(
        name=kind.resource(),
        state=SourceState.DENIED,
        reason=f"list {kind.resource()} is forbidden",
        command=f"kubectl auth can-i list {kind.resource()} -A",
    )


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value if v is not None]
    return value
