"""What one change of one object does for a fix: data, joined to the fixes of the pages by id."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files
from typing import Any

import msgspec

from meshdoctor.model.pages import PageFix, page


class Remedy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change of one object. `${word}` in a path or value is worked out of the mesh by `meshdoctor.fixes.words`.

    Title and risk are those of the page's fix with the same id: `RT-019-1` is the first fix of the page RT-019.
    """

    id: str
    on: tuple[str, ...]  # kinds of the finding's subject
    target: str = ""  # the word that says which object is changed; else it is the subject
    when: tuple[str, ...] = ()  # words that must be true of it
    set: dict[str, Any] = {}
    remove: tuple[str, ...] = ()
    restart: bool = False  # of the workload's pods, one after the other, by a note in their template
    delete: bool = False
    create: str = ""  # a manifest
    wait: int = 60  # seconds in which the symptom should be gone

    @property
    def problem(self) -> str:
        return self.id.rpartition("-")[0]

    @property
    def fix(self) -> PageFix:
        """The words of it."""
        return page(self.problem).fix[int(self.id.rpartition("-")[2]) - 1]


@functools.cache
def remedies() -> dict[str, tuple[Remedy, ...]]:
    """All remedies by problem, in the order in which they are tried: as their files have them."""
    found: dict[str, list[Remedy]] = {}
    for file in sorted(files("meshdoctor").joinpath("fixes", "remedies").iterdir(), key=lambda f: f.name):
        for fix_id, fields in tomllib.loads(file.read_text("utf-8")).items():
            made = msgspec.convert({"id": fix_id, **fields}, Remedy)
            found.setdefault(made.problem, []).append(made)
    return {problem: tuple(several) for problem, several in found.items()}


def remedies_for(problem: str, kind: str) -> tuple[Remedy, ...]:
    """The remedies of a problem for an object of a kind."""
    return tuple(r for r in remedies().get(problem, ()) if kind in r.on)
