"""JSON patches (RFC 6902) between two states of an object, and what of an object is ours to compare and restore."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import msgspec

from meshdoctor.fixes import paths
from meshdoctor.fixes.paths import Steps

Operation = dict[str, Any]
Object = dict[str, Any]

OURS_OF_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
THEIRS = ("deployment.kubernetes.io/",)  # annotations that controllers write after every change


def ours(thing: Object) -> Object:
    """The object without status and without what the API server keeps in its metadata."""
    kept = {k: v for k, v in thing.items() if k not in ("status", "metadata", "apiVersion", "kind")}
    meta = thing.get("metadata", {})
    return {**kept, "metadata": {k: meta[k] for k in OURS_OF_METADATA if meta.get(k)}}


def digest(thing: Object) -> str:
    """A hash of what is ours of an object; what controllers note in its annotations is not."""
    kept = ours(thing)
    annotations = {k: v for k, v in kept["metadata"].pop("annotations", {}).items() if not k.startswith(THEIRS)}
    kept["metadata"]["annotations"] = annotations
    return hashlib.sha256(msgspec.json.encode(kept, order="sorted")).hexdigest()


def difference(before: Any, after: Any, at: Steps = ()) -> list[Operation]:
    """The operations that make `before` into `after`."""
    if before == after and type(before) is type(after):
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return _of_maps(before, after, at)
    if isinstance(before, list) and isinstance(after, list):
        return _of_lists(before, after, at)
    return [{"op": "replace", "path": paths.pointer(at), "value": after}]


def _of_maps(before: Object, after: Object, at: Steps) -> list[Operation]:
    made: list[Operation] = []
    for key in before:
        if key not in after:
            made.append({"op": "remove", "path": paths.pointer((*at, key))})
    for key, value in after.items():
        if key in before:
            made += difference(before[key], value, (*at, key))
        else:
            made.append({"op": "add", "path": paths.pointer((*at, key)), "value": value})
    return made


def _of_lists(before: list[Any], after: list[Any], at: Steps) -> list[Operation]:
    """What both begin and end with stays; of the rest, places are replaced, then added or removed from the back."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    made: list[Operation] = []
    for i in range(min(len(old), len(new))):
        made += difference(old[i], new[i], (*at, start + i))
    for i in range(len(old) - 1, len(new) - 1, -1):
        made.append({"op": "remove", "path": paths.pointer((*at, start + i))})
    for i in range(len(old), len(new)):
        made.append({"op": "add", "path": paths.pointer((*at, start + i)), "value": new[i]})
    return made


def applied(thing: Any, operations: list[Operation]) -> Any:
    """A copy with add, replace and remove done. Raises NoPlace where one does not fit."""
    made = copy.deepcopy(thing)
    for operation in operations:
        way = _steps(operation["path"])
        holder = made
        for step in way[:-1]:
            holder = paths.get(holder, (_typed(holder, step),))
        last = _typed(holder, way[-1])
        if operation["op"] == "add":
            if isinstance(holder, list) and isinstance(last, int) and last <= len(holder):
                holder.insert(last, operation["value"])
            elif isinstance(holder, dict):
                holder[last] = operation["value"]
            else:
                raise paths.NoPlace(operation["path"])
        else:
            paths.get(holder, (last,))
            if operation["op"] == "remove":
                del holder[last]
            else:
                holder[last] = operation["value"]
    return made


def _steps(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _typed(holder: Any, step: str) -> str | int:
    return int(step) if isinstance(holder, list) and step.isdigit() else step
