"""The postmortem: from the incident's folder alone. Every sentence names the line that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from meshdoctor.model.pages import pages
from meshdoctor.model.story import Section, Statement, Story
from meshdoctor.model.text import plain
from meshdoctor.triage import funnel
from meshdoctor.triage.freeze import key
from meshdoctor.triage.incident import EVIDENCE, TIMELINE, Entry, Incident

MANIFEST_RULES = ("RT", "MTL", "AZ", "GW", "EG", "EF", "GA", "OB", "JWT")  # families whose rules also judge manifests
MOST = 20


def postmortem(incident: Incident) -> Story:
    """The whole of it. What is not known is said not to be."""
    parts = (
        ("Summary", _summary),
        ("Timeline", _timeline),
        ("Impact", _impact),
        ("How long it took", _durations),
        ("Alerts", _alerts),
        ("Cause", _cause),
        ("What changed before", _changes),
        ("What was done", _done),
        ("Still open", _open),
        ("What could not be seen", _unseen),
        ("Follow-ups", _follow_ups),
        ("The record", _record),
    )
    return Story(f"Postmortem: {incident.title}", tuple(Section(title, tuple(make(incident))) for title, make in parts))


def said(entry: Entry, text: str) -> Statement:
    """A sentence and the line that it comes from."""
    return Statement(plain(text, 1000), f"{'evidence' if entry.kind == 'evidence' else 'timeline'} {entry.line}")


def cause_entry(incident: Incident) -> Entry | None:
    """The evidence of the suspected cause, as it was found first."""
    chosen = funnel.suspected(incident)
    return next((e for e in incident.kept("cause") if chosen is not None and key(e.data) == chosen.data.get("of")), None)


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _summary(incident: Incident) -> Iterator[Statement]:
    begun, chosen, looks = incident.opened, funnel.suspected(incident), incident.of("look")
    if begun is not None:
        yield said(begun, f"{begun.says}: opened at {stamp(begun.at)}.")
    if chosen is not None:
        yield said(chosen, f"Suspected cause: {chosen.says}")
    if looks:
        yield said(looks[-1], looks[-1].says)


def _timeline(incident: Incident) -> Iterator[Statement]:
    for entry in sorted(incident.timeline.entries, key=lambda e: e.at):
        by = "" if entry.source == "operator" else f" ({entry.source})"
        yield said(entry, f"{stamp(entry.at)} {funnel.TITLES[entry.step]}, {entry.kind}: {entry.says}{by}")


def _impact(incident: Incident) -> Iterator[Statement]:
    cause = cause_entry(incident)
    if cause is None:
        begun = incident.opened
        if begun is not None:
            yield said(begun, "No cause was chosen, so that no impact is known.")
        return
    impact: dict[str, Any] = cause.data.get("impact", {})
    rate, workloads = impact.get("requests_failed_per_s"), impact.get("workloads", [])
    yield said(cause, f"Affected workloads: {', '.join(workloads)}." if workloads else "Which workloads suffered is not known.")
    told = "is not known" if rate is None else f"was {rate:g} a second when it was first looked at"
    yield said(cause, f"The number of failed requests {told}.")


def _alerts(incident: Incident) -> Iterator[Statement]:
    """Which alerts about the mesh fired when it was first looked at; those that did not are asked about."""
    for entry in incident.kept("alert"):
        if entry.data.get("look") == "T0":
            asks = "" if entry.data.get("state") == "firing" else "; should it have fired? `meshdoctor alerts` says whether it can"
            yield said(entry, f"{entry.says}{asks}.")
    for entry in incident.kept("unseen-alerts")[:1]:
        yield said(entry, f"Which alerts fired is not known: {entry.says}.")


def _durations(incident: Incident) -> Iterator[Statement]:
    begun, chosen, done = incident.opened, funnel.suspected(incident), incident.of("action")
    cause = cause_entry(incident)
    since = _moment(cause.data.get("since")) if cause is not None else None
    if begun is None:
        return
    if cause is not None and since is not None:
        yield said(cause, f"It began by {stamp(since)}: to detect took {_minutes(since, begun.at)}.")
    else:
        yield said(begun, "When it began is not known.")
    if chosen is not None:
        yield said(chosen, f"To identify took {_minutes(begun.at, chosen.at)} from then on.")
    if done:
        yield said(done[-1], f"The last action was {_minutes(begun.at, done[-1].at)} after it was opened.")
    look = next((e for e in incident.of("look") if chosen is not None and chosen.data.get("of") in e.data.get("gone", ())), None)
    if look is not None:
        yield said(look, f"The cause was first seen gone {_minutes(begun.at, look.at)} after it was opened.")


def _cause(incident: Incident) -> Iterator[Statement]:
    cause = cause_entry(incident)
    if cause is None:
        chosen = funnel.suspected(incident)
        if chosen is not None:
            yield said(chosen, f"{chosen.says} (no finding of the first look is behind it)")
        return
    yield said(cause, f"{cause.says} ({100 * cause.data.get('confidence', 0):.0f} % sure)")
    for piece in cause.data.get("evidence", [])[:MOST]:
        where = f" [{piece['source']}]" if piece.get("source") else ""
        yield said(cause, f"{piece.get('says', '')}{where}")
    if explains := cause.data.get("explains"):
        yield said(cause, f"It explains {len(explains)} other findings.")


def _changes(incident: Incident) -> Iterator[Statement]:
    near = [e for e in incident.kept("change") if e.data.get("look") == "T0" and e.data.get("score", 0) >= 3]
    for entry in near[:8]:
        who = f" by {entry.data['who']}" if entry.data.get("who") else ""
        yield said(entry, f"{entry.data.get('at', '')} {entry.says}{who}; it meets {entry.data.get('of', '')}.")
    if len(near) > 8:
        yield said(near[8], f"{len(near) - 8} more changes of that time are in the evidence, from this line on.")


def _done(incident: Incident) -> Iterator[Statement]:
    """Each action, and under a change that meshdoctor wrote what came of it."""
    for entry in incident.of("action"):
        yield said(entry, f"{stamp(entry.at)} {entry.says}")
        for after in incident.of("note"):
            if after.data.get("entry") and after.data["entry"] == entry.data.get("entry"):
                yield said(after, f"{stamp(after.at)} It ended {after.says}")
    for note in incident.of("note"):
        if note.step == "actions" and note.source == "meshdoctor":
            yield said(note, f"{stamp(note.at)} {note.says}")


def _open(incident: Incident) -> Iterator[Statement]:
    last = last_look(incident)
    for entry in incident.kept("temporary"):
        if entry.data.get("look") == last:
            who = entry.data.get("who") or "nobody named"
            yield said(entry, f"{entry.says} ({entry.data.get('what', '')}, {entry.data.get('path', '')}), owner {who}.")
    ends = incident.timeline.entries[-1:]
    for state in funnel.steps(incident, ends[0].at) if ends else ():
        if not state.done and state.step != "postmortem":
            yield said(ends[0], f"Step {state.title.lower()}: {state.says}.")


def last_look(incident: Incident) -> str:
    """The newest look that evidence was kept of."""
    looks = [str(e.data.get("look", "")) for e in incident.kept("cluster")]
    return looks[-1] if looks else ""


def _unseen(incident: Incident) -> Iterator[Statement]:
    for entry in incident.kept("source"):
        if entry.data.get("look") == "T0" and entry.data.get("state") in ("denied", "error", "stale"):
            yield said(entry, f"{entry.says}: {entry.data.get('reason') or 'no reason given'}.")
    for entry in incident.kept("cluster")[:1]:
        unknown = entry.data.get("coverage", {}).get("unknown", 0)
        yield said(entry, f"{unknown} of {entry.data.get('coverage', {}).get('rules', 0)} checks could not be judged.")


def _follow_ups(incident: Incident) -> Iterator[Statement]:
    cause = cause_entry(incident)
    if cause is not None:
        problem, code = str(cause.data.get("problem", "")), cause.data.get("code", "")
        if problem.partition("-")[0] in MANIFEST_RULES:
            yield said(cause, f"Hold changes to rule {code} before they are merged: `meshdoctor check PATH...` in CI.")
        if problem in pages():
            yield said(cause, f"Verify later as the page of {problem} says: {pages()[problem].verify}")
    last = last_look(incident)
    for entry in incident.kept("temporary"):
        if entry.data.get("look") == last:
            yield said(entry, f"Close: {entry.says}.")
    for entry in incident.of("note"):
        if re.match(r"(?i)(todo|follow-?up):?\s", entry.says):
            yield said(entry, entry.says)


def _record(incident: Incident) -> Iterator[Statement]:
    for name, lines in ((TIMELINE, incident.timeline), (EVIDENCE, incident.evidence)):
        if not lines.entries:
            continue
        flaws = [f"{len(lines.torn)} lines were never finished"] if lines.torn else []
        flaws += [f"lines {', '.join(map(str, lines.altered))} do not follow from those before them"] if lines.altered else []
        text = f"{name} has {len(lines.entries)} lines; {' and '.join(flaws) or 'each follows from the one before it'}."
        yield said(lines.entries[-1], text)


def _minutes(start: datetime, end: datetime) -> str:
    seconds = max((end - start).total_seconds(), 0)
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
