"""A manifest: one object as a file has it, where each of its fields stands, and what is wrong with what could not be read."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from meshdoctor.model.subject import Subject

Place = tuple[int, int]
Wrong = Literal["unread", "unparsed", "repeated-key", "unnamed", "unfit", "unknown-kind", "repeated-object"]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a file. `body` is what YAML or JSON said, in plain dicts, lists, strings, numbers, booleans and None.

    `places` maps paths as findings write them (`spec.http[0].route[1].weight`, `` for the object) to line and column,
    both from 1. The body of a Secret has no data. One that `is_applied` comes from the API server, whose schema it fits.
    """

    subject: Subject
    api_version: str
    body: dict[str, Any]
    file: str = ""
    places: dict[str, Place] = {}
    is_applied: bool = False

    def place(self, path: str) -> Place | None:
        """Line and column of a path, else of the nearest part above it that has one."""
        while path not in self.places and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.places.get(path)


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a file, or with an object of one, before any rule looks at it."""

    wrong: Wrong
    subject: Subject  # of kind File where there is no object
    says: str
    path: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None


def file_subject(name: str) -> Subject:
    """The name tag of a file."""
    return Subject(kind="File", name=name)
