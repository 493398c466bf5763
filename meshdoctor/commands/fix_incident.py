"""A change of `fix` and `undo` in the incident that is worked on: what was written, what came of it, and how it was seen."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from meshdoctor.commands.fix_words import Said
from meshdoctor.diagnosis import judge
from meshdoctor.fixes.engine import Unclear
from meshdoctor.fixes.journal import Entry
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage import acted, incident
from meshdoctor.triage.incident import Incident

NONE = "none"


class Kept:
    """The incident of `--incident`, else the open one that fits; nothing where there is none.

    The change itself never fails for it: what cannot be kept is said.
    """

    def __init__(self, arguments: argparse.Namespace, said: Said, *, of: str, context: str) -> None:
        self._said = said
        self.one = chosen(arguments.incident, of, context)

    def wrote(self, entry: Entry, says: str) -> None:
        """A change was written, or sent."""
        self._add(lambda one: acted.wrote(one, says, entry=entry.id, problem=entry.holds.problem))
        if self.one is not None and "incident" not in self._said.result:
            self._said.result |= {"incident": self.one.name}
            self._said.line(f"incident  {self.one.name}: {self.one.title}")

    def unclear(self, why: Unclear) -> None:
        """It was sent, and no answer came."""
        self.wrote(why.entry, f"Sent, outcome unknown: {why.entry.holds.title}: {why.entry.holds.target}")

    def refused(self, says: str) -> None:
        """It was not written."""
        self._add(lambda one: acted.said(one, f"Refused: {says}"))

    def ended(self, entry: Entry, healed: str, says: str, mesh: Mesh | None) -> None:
        """What the verification said, and the look that it was seen by."""
        self._add(lambda one: acted.said(one, f"{healed.replace('-', ' ')}: {says}", entry=entry.id, outcome=healed))
        if mesh is not None and self.one is not None:
            found = judge(mesh)
            self._add(lambda one: acted.looked(one, mesh, found))

    def _add(self, add: Callable[[Incident], Incident]) -> None:
        if self.one is None:
            return
        try:
            self.one = add(self.one)
        except MeshdoctorError as why:
            self._said.line(f"incident  not kept: {why}")


def took_back(entry: Entry) -> str:
    """What the timeline says of an entry that was taken back."""
    return f"Took back entry {entry.id}: {entry.holds.title}: {entry.holds.target}"


def chosen(name: str | None, of: str, context: str) -> Incident | None:
    """The incident of that name, else the open one of this cluster that fits. Raises UsageError for a name that is none."""
    under = incident.incidents_folder()
    if name == NONE:
        return None
    return incident.named(under, name) if name else acted.under_way(under, of, context)
