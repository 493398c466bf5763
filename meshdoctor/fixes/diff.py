"""A change as people and Git read it: unified diff, exact places, JSON patch. No secret is in it."""

from __future__ import annotations

import difflib
from typing import Any

import msgspec
import yaml

from meshdoctor.fixes.patch import Object, Operation, ours
from meshdoctor.model.redact import masked, redact
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import plain

NOISE = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")


class _Dumper(yaml.SafeDumper):
    """Block style, lists indented as kubectl prints them."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def manifest(thing: Object | None) -> str:
    """An object as a manifest: what a repository holds of it."""
    if thing is None:
        return ""
    kept = ours(thing)
    meta: dict[str, Any] = thing.get("metadata") or {}
    named = {k: meta[k] for k in ("name", "namespace") if k in meta}
    annotations = {k: v for k, v in kept["metadata"].pop("annotations", {}).items() if k not in NOISE}
    metadata = {**named, **kept.pop("metadata"), **({"annotations": annotations} if annotations else {})}
    whole = {"apiVersion": thing.get("apiVersion"), "kind": thing.get("kind"), "metadata": metadata, **kept}
    return yaml.dump(whole, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)


def unified(before: Object | None, after: Object | None, target: Subject) -> list[str]:
    """The lines of a unified diff; `/dev/null` where there is no object."""
    old, new = (manifest(masked(thing)).splitlines() for thing in (before, after))
    name = f"{target.kind}/{target.namespace}/{target.name}.yaml"
    labels = (f"a/{name}" if before else "/dev/null", f"b/{name}" if after else "/dev/null")
    return [plain(redact(line), 400) for line in difflib.unified_diff(old, new, *labels, lineterm="")]


def json_patch(operations: tuple[Operation, ...]) -> str:
    """The same as a JSON patch, one line."""
    return plain(redact(msgspec.json.encode(operations).decode()), 4000)
