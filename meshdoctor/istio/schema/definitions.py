"""Which schema an object is held to: that of a definition among the manifests, else the one that comes with this program."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import msgspec

from meshdoctor.istio.schema.defaults import has_defaults

Schema = dict[str, Any]


class Definition(msgspec.Struct):
    """A kind: the schema of each of its versions."""

    versions: dict[str, Schema]
    _defaulting: dict[str, bool] = {}

    def defaulting(self, version: str) -> bool:
        if version not in self._defaulting:
            self._defaulting[version] = has_defaults(self.versions[version])
        return self._defaulting[version]


class _Stored(msgspec.Struct):
    versions: dict[str, int]
    schemas: list[Schema]


def _folder() -> Any:
    return files("meshdoctor") / "schemas"


@functools.cache
def groups() -> dict[str, tuple[str, ...]]:
    """The groups that come with this program, and their kinds."""
    return {g.name: tuple(sorted(f.name[:-5] for f in g.iterdir())) for g in _folder().iterdir() if g.is_dir()}


@functools.cache
def packaged(group: str, kind: str) -> Definition | None:
    """The definition of a kind that comes with this program."""
    if kind not in groups().get(group, ()):
        return None
    stored = msgspec.json.decode((_folder() / group / f"{kind}.json").read_bytes(), type=_Stored)
    return Definition({name: stored.schemas[i] for name, i in stored.versions.items()}, {})


def served(definitions: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Definition]:
    """The kinds that CustomResourceDefinitions (as written) define with a schema, by group and kind."""
    found = {}
    for body in definitions:
        spec = _dict(body.get("spec"))
        kind, group = _dict(spec.get("names")).get("kind"), spec.get("group")
        versions = {str(v.get("name")): _schema(v) for v in _dicts(spec.get("versions")) if v.get("served", True)}
        if isinstance(kind, str) and isinstance(group, str) and versions and all(versions.values()):
            found[group, kind] = Definition(versions, {})
    return found


def _schema(version: dict[str, Any]) -> Schema:
    return _dict(_dict(version.get("schema")).get("openAPIV3Schema"))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []
