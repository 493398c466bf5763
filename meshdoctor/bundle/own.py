"""A bundle of our own: files become the answers that they were."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import Object, name_of
from meshdoctor.bundle.manifest import MANIFEST, SCHEMA, File, Manifest
from meshdoctor.bundle.paths import place_of, split
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.unpack import Notes
from meshdoctor.kube.listing import NAMESPACES
from meshdoctor.model.errors import UsageError


class _Schema(msgspec.Struct):
    schema: str = ""


def manifest_of(body: bytes) -> Manifest:
    """The manifest. Raises UsageError where it is of a newer release, or none."""
    try:
        told = msgspec.json.decode(body, type=_Schema).schema
        if told != SCHEMA:
            newer = told.startswith(SCHEMA.rpartition("/")[0])
            means = "A newer meshdoctor wrote it." if newer else "Another tool wrote it."
            raise UsageError(
                f"The bundle's schema is {told[:60]!r}; this release reads {SCHEMA}.", means, "Open it with a newer release."
            )
        manifest = msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as why:
        raise UsageError(f"The {MANIFEST} of the bundle cannot be decoded: {why}.", do="Ask for the file again.") from why
    if manifest.recorded_at.tzinfo is None:
        raise UsageError(f"The {MANIFEST} of the bundle has a time without a zone.", do="Ask for the file again.")
    return manifest


def recording_of(manifest: Manifest, bodies: Mapping[str, bytes], notes: Notes) -> Recording:
    """The recording in the files that could be read. What is missing or was changed is left out, and noted."""
    answers: dict[str, Answer] = {}
    lists: dict[str, list[tuple[File, bytes]]] = {}
    broken: set[str] = set()
    for file in manifest.files:
        body = bodies.get(file.path)
        if body is None or hashlib.sha256(body).hexdigest() != file.sha256:
            notes.skip("missing, though the manifest names it" if body is None else "its checksum is not that of the manifest")
            broken.add(file.key)
        elif file.part == "items":
            lists.setdefault(file.key, []).append((file, body))
        elif file.part == "answer":
            answers[file.key] = Answer(file.status, file.content_type, body)
    partial = dict(manifest.partial)
    for key, files in lists.items():
        path = split(key.removeprefix("api GET "))[0]
        items, namespaces = _items(files, notes)
        if key in broken:
            partial[path] = tuple(sorted(namespaces))
        limited = {NAMESPACES: ",".join(partial[path])} if path in partial else {}
        answers[key] = Answer(200, "application/json", _list(files[0][0], items), limited)
    missing = {p for p, names in partial.items() if not names} | {
        split(k.removeprefix("api GET "))[0] for k in broken if k not in answers
    }
    return Recording(
        title=manifest.title,
        about=f"tier {manifest.tier}",
        recorded_at=manifest.recorded_at,
        answers={
            k: a
            for k, a in answers.items()
            if not k.startswith("api ") or split(k.removeprefix("api GET "))[0] not in missing or k not in lists
        },
        context=manifest.context,
        unseen={path: "is not in the bundle" for path in missing if place_of(path) is not None},
    )


def _items(files: list[tuple[File, bytes]], notes: Notes) -> tuple[list[Object], set[str]]:
    items: list[Object] = []
    for file, body in files:
        try:
            told = msgspec.json.decode(body)
        except msgspec.DecodeError:
            notes.skip(f"{file.path} is no JSON")
            continue
        some = told.get("items") if isinstance(told, dict) else told
        items += [i for i in some or () if isinstance(i, dict)]
    items.sort(key=name_of)  # as the API server lists them
    return items, {str((i.get("metadata") or {}).get("namespace", "")) for i in items} - {""}


def _list(file: File, items: list[Object]) -> bytes:
    head: dict[str, Any] = {"kind": file.head.kind, "apiVersion": file.head.api_version}
    return msgspec.json.encode(head | {"metadata": {"resourceVersion": file.head.resource_version}, "items": items})
