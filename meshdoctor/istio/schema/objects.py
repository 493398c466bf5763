"""An object as written, held to the schema of its kind."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from meshdoctor.istio.schema.defaults import defaulted
from meshdoctor.istio.schema.definitions import Definition, groups, packaged
from meshdoctor.istio.schema.fault import Fault
from meshdoctor.istio.schema.metadata import metadata_faults
from meshdoctor.istio.schema.structural import faults

Served = Mapping[tuple[str, str], Definition]


def schema_faults(body: dict[str, Any], served: Served | None = None) -> list[Fault]:
    """What the API server refuses of an object. Kinds without a known definition are accepted."""
    group, version, kind = named(body)
    definition = (served or {}).get((group, kind)) or packaged(group, kind)
    if definition is None:
        return _no_such_kind(group, kind)
    schema = definition.versions.get(version)
    if schema is None:
        known = ", ".join(definition.versions)
        says = f"{kind} has no version {version or '(none)'}: it has {known}"
        return [Fault("apiVersion", says, f'no matches for kind "{kind}" in version "{group}/{version}"', broken=True)]
    told = list(metadata_faults(body.get("metadata")))
    written = {k: v for k, v in body.items() if k not in ("metadata", "status")}
    whole = defaulted(written, schema) if definition.defaulting(version) else written
    return told + faults(whole, _of_authors(schema))


def named(body: dict[str, Any]) -> tuple[str, str, str]:
    """Group, version and kind of an object as written."""
    group, _, version = str(body.get("apiVersion") or "").rpartition("/")
    return group, version, str(body.get("kind") or "")


def _of_authors(schema: dict[str, Any]) -> dict[str, Any]:
    """A served schema names the frame and the status too: these are the API server's."""
    fields = {k: v for k, v in schema.get("properties", {}).items() if k not in ("metadata", "status")}
    required = [n for n in schema.get("required", ()) if n not in ("metadata", "status")]
    return {**schema, "properties": fields, "required": required}


def _no_such_kind(group: str, kind: str) -> list[Fault]:
    kinds = groups().get(group)
    if kinds is None or kind.endswith("List"):
        return []
    near = difflib.get_close_matches(kind.lower(), [k.lower() for k in kinds], n=1, cutoff=0.7)
    right = next((k for k in kinds if near and k.lower() == near[0]), "")
    meant = f"; did you mean {right}?" if right else ""
    return [Fault("kind", f"{group} has no kind {kind or '(none)'}{meant}", f'no matches for kind "{kind}"', broken=True)]
