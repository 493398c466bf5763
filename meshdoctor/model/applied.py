"""An object as the API server keeps it when a manifest is applied: some of it is the server's, whatever the manifest says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.model.base import KubernetesObject

OF_THE_SERVER = ("uid", "resource_version", "generation", "creation_timestamp", "deletion_timestamp", "managed_fields")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def applied(thing: KubernetesObject, live: KubernetesObject | None, now: datetime) -> KubernetesObject:
    """A manifest's object with the age, owners and status of the live one; a new one is as old as `now`.

    Age decides between objects in conflict, so one without a date would win against all. Labels and annotations that
    others added to the live object stay, as with `kubectl apply`.
    """
    if live is None:
        return msgspec.structs.replace(thing, metadata=msgspec.structs.replace(thing.metadata, creation_timestamp=now))
    mine, theirs = thing.metadata, live.metadata
    before = _last_applied(live)
    kept: dict[str, Any] = {name: getattr(theirs, name) for name in OF_THE_SERVER}
    kept["owner_references"] = mine.owner_references or theirs.owner_references
    kept["finalizers"] = mine.finalizers or theirs.finalizers
    for name in ("labels", "annotations"):
        own, old = getattr(mine, name), getattr(theirs, name)
        kept[name] = {k: v for k, v in old.items() if k not in before.get(name, {})} | own
    changed: dict[str, Any] = {"metadata": msgspec.structs.replace(mine, **kept)}
    if hasattr(live, "status"):
        changed["status"] = live.status
    return msgspec.structs.replace(thing, **changed)


def _last_applied(live: KubernetesObject) -> dict[str, dict[str, Any]]:
    """The labels and annotations that the last `kubectl apply` gave: what the next one leaves out goes away."""
    try:
        said = msgspec.json.decode(live.annotations.get(LAST_APPLIED, "") or "{}")
    except msgspec.DecodeError:
        return {}
    metadata = said.get("metadata") if isinstance(said, dict) else None
    found = metadata if isinstance(metadata, dict) else {}
    return {k: v for k, v in found.items() if isinstance(v, dict)}
