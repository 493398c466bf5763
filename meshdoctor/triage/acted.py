"""What a change does to an open incident: it is written into it, with what came of it, so that the postmortem has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage import freeze, funnel, incident
from meshdoctor.triage.incident import Incident

FRESH = timedelta(hours=24)
"""An incident that nothing was written into for so long is no longer what somebody works on."""


def under_way(under: Path, of: str = "", context: str = "") -> Incident | None:
    """The open incident that a change of this cluster belongs to: the one about the same cause, else the last one worked on."""
    there = [i for i in map(incident.read, incident.folders(under)) if not i.is_closed and i.timeline.entries]
    here = [i for i in there if not context or _context(i) in ("", context)]
    same = next((i for i in here if of and of in _about(i)), None)
    now = datetime.now(UTC)
    fresh = [i for i in here if now - i.timeline.entries[-1].at < FRESH]
    return same or max(fresh, key=lambda i: i.timeline.entries[-1].at, default=None)


def _context(one: Incident) -> str:
    """The context that it was opened in, as the evidence has it."""
    return next((str(e.data.get("cluster", {}).get("context", "")) for e in one.kept("cluster")), "")


def _about(one: Incident) -> tuple[str, ...]:
    chosen, begun = funnel.suspected(one), one.opened
    return tuple(str(e.data.get("of", "")) for e in (chosen, begun) if e is not None)


def wrote(one: Incident, says: str, *, entry: str, problem: str) -> Incident:
    """A change was written; `entry` is the journal's."""
    return one.add("action", "actions", f"{says} (journal {entry})", source="meshdoctor", entry=entry, problem=problem)


def found_written(under: Path, says: str, *, entry: str, problem: str, context: str) -> None:
    """A change that an ended process left open was found written: the incident that is worked on is told, once."""
    one = under_way(under, context=context)
    if one is not None and all(e.data.get("entry") != entry for e in one.of("action")):
        wrote(one, f"{says}; the run was interrupted", entry=entry, problem=problem)


def said(one: Incident, says: str, *, entry: str = "", outcome: str = "") -> Incident:
    """What came of a change: verified, not healed, refused, unknown."""
    return one.add("note", "verify" if entry else "actions", says, source="meshdoctor", entry=entry, outcome=outcome)


def looked(one: Incident, mesh: Mesh, found: Diagnosis) -> Incident:
    """The look that a change was verified by."""
    return freeze.looked(one, mesh, found)
