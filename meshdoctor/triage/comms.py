"""Drafts of messages, for each audience, from the incident's facts only; what is not known is said not to be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from meshdoctor.model.story import Section, Statement, Story
from meshdoctor.triage import funnel
from meshdoctor.triage.incident import Incident
from meshdoctor.triage.postmortem import cause_entry, last_look, said, stamp

Audience = Literal["internal", "status", "handover"]
AUDIENCES: dict[Audience, str] = {"internal": "Incident channel", "status": "Status page", "handover": "Hand-over"}
NEXT_MINUTES = 30


def draft(incident: Incident, audience: Audience, now: datetime) -> Story:
    """A message as it could be sent now."""
    makes = {"internal": _internal, "status": _status, "handover": _handover}
    return Story(f"{AUDIENCES[audience]}: {incident.title}", (Section("", tuple(makes[audience](incident, now))),))


def _state(incident: Incident) -> str:
    if funnel.is_verified(incident):
        return "over: the cause is gone and nothing new was seen"
    if incident.of("action"):
        return "acted on, not yet seen to be over"
    return "cause suspected" if funnel.suspected(incident) else "being looked into"


def _head(incident: Incident) -> Iterator[Statement]:
    last = incident.timeline.entries[-1] if incident.timeline.entries else None
    if incident.opened is not None and last is not None:
        yield said(incident.opened, f"{incident.title}. Opened {stamp(incident.opened.at)}.")
        yield said(last, f"State: {_state(incident)}.")


def _affected(incident: Incident) -> Iterator[Statement]:
    cause = cause_entry(incident)
    if cause is None:
        return
    workloads = cause.data.get("impact", {}).get("workloads", [])
    yield said(cause, f"Affected: {', '.join(workloads)}." if workloads else "Affected: not known yet.")


def _status(incident: Incident, now: datetime) -> Iterator[Statement]:
    """For those outside: what they may notice, not how the mesh is built."""
    yield from _head(incident)
    cause = cause_entry(incident)
    if cause is not None:
        spaces = sorted({w.partition("/")[0] for w in cause.data.get("impact", {}).get("workloads", [])})
        yield said(
            cause, f"Requests to {', '.join(spaces)} may fail." if spaces else "Which services are affected is not known yet."
        )
    yield from _next(incident)


def _internal(incident: Incident, now: datetime) -> Iterator[Statement]:
    yield from _head(incident)
    chosen = funnel.suspected(incident)
    if chosen is not None:
        yield said(chosen, f"Suspected cause: {chosen.says}")
    yield from _affected(incident)
    for entry in incident.kept("owner"):
        if entry.data.get("look") == "T0":
            yield said(entry, f"{entry.says}.")
    for entry in incident.of("action")[-3:]:
        yield said(entry, f"Done {entry.at:%H:%M}: {entry.says}")
    yield from _next(incident)


def _handover(incident: Incident, now: datetime) -> Iterator[Statement]:
    """For who takes over: all of it, with what is missing in each step and what is still open."""
    yield from _internal(incident, now)
    last = incident.timeline.entries[-1] if incident.timeline.entries else None
    for state in funnel.steps(incident, now) if last is not None else ():
        if last is not None:
            yield said(last, f"{'Done' if state.done else 'Open'}: {state.title.lower()}: {state.says}.")
    look = last_look(incident)
    for entry in incident.kept("temporary"):
        if entry.data.get("look") == look:
            yield said(entry, f"Still in place: {entry.says}.")
    for entry in incident.of("note")[-5:]:
        yield said(entry, f"Note {entry.at:%H:%M}: {entry.says}")


def _next(incident: Incident) -> Iterator[Statement]:
    due = funnel.due(incident)
    sent = incident.of("message")
    if due is not None and sent and not funnel.is_verified(incident):
        yield said(sent[-1], f"Next message by {due:%H:%M} UTC.")
