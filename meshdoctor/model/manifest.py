"""A manifest: one object as a file has it, and where each of its fields stands."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.model.subject import Subject

Place = tuple[int, int]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a file. `body` is what YAML or JSON said, in plain dicts, lists, strings, numbers, booleans and None.

    `places` maps paths as findings write them (`spec.http[0].route[1].weight`, `` for the object) to line and column,
    both from 1.
    """

    subject: Subject
    api_version: str
    body: dict[str, Any]
    file: str = ""
    places: dict[str, Place] = {}

    def place(self, path: str) -> Place | None:
        """Line and column of a path, else of the nearest part above it that has one."""
        while path not in self.places and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path)
