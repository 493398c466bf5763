"""`meshdoctor journal`: every change that was written from here, and what became of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

from meshdoctor.commands.session import open_api, run_async
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.fixes.journal import Entry, Journal, own_journal
from meshdoctor.fixes.settling import settle_open
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.text import plain
from meshdoctor.reports.tables import table
from meshdoctor.triage.acted import found_written
from meshdoctor.triage.incident import incidents_folder

GLYPHS = {"verified": "●", "applied": "●", "refused": "○", "not-healed": "▲", "unverified": "▲", "intent": "?", "unknown": "?"}


def run(arguments: argparse.Namespace) -> int:
    """Print it; entries that a crash left open are looked at first. 3 where one stays open."""
    journal = own_journal()
    entries = journal.entries()
    lines: list[str] = []
    if any(e.is_open for e in entries):
        lines = run_async(_settled(arguments, entries, journal))
        entries = journal.entries()
    if arguments.output == "json":
        print(
            msgspec.json.format(
                msgspec.json.encode({"schema": "meshdoctor.journal/v1", "entries": [_plain(e) for e in entries]}), indent=2
            ).decode()
        )
    elif not entries:
        print(f"Nothing was written from here: {journal.path} has no entry.")
    else:
        print(
            table(("", "ENTRY", "WHEN", "FIX", "OBJECT", "STATE"), [_row(e) for e in entries], colour=wants_colour(arguments)),
            end="",
        )
        print("\n".join(lines), end="\n" if lines else "")
    return 3 if any(e.is_open for e in entries) else 0


async def _settled(arguments: argparse.Namespace, entries: Sequence[Entry], journal: Journal) -> list[str]:
    first = next(e for e in entries if e.is_open)
    try:
        async with open_api(arguments, arguments.context or first.holds.context) as api:
            return await settled(api, journal)
    except MeshdoctorError as why:
        return [f"open      the cluster cannot be asked: {plain(why, 300)}"]


async def settled(api: ApiClient, journal: Journal) -> list[str]:
    """Close what an ended process left open, as far as this cluster tells; a line for each."""
    lines = []
    for found in await settle_open(api, journal):
        entry, holds = found.entry, found.entry.holds
        name = f"entry {entry.id} ({holds.title}, {holds.target})"
        if found.reality is None:
            lines.append(f"open      {name} stays open: {found.why}")
        elif found.is_written:
            back = f"Take it back: meshdoctor undo {entry.id}" if holds.undoable else "It cannot be taken back."
            lines.append(f"open      {name} was interrupted: it was written. {back}")
            says = f"{holds.title}: {holds.target}"
            context = api.credentials.context
            found_written(incidents_folder(), says, entry=entry.id, problem=holds.problem, context=context)
        else:
            about = holds.subject
            again = holds.again or f"meshdoctor fix {holds.problem} {about.kind}/{about.namespace}/{about.name}"
            finish = f"meshdoctor undo {holds.undoes}" if holds.undoes else again
            lines.append(f"open      {name} was interrupted: it was not written. Finish it: {finish}")
    return lines


def _row(entry: Entry) -> tuple[str, ...]:
    target = entry.holds.target
    state = f"{entry.step}, undone by {entry.undone_by}" if entry.undone_by else str(entry.step)
    what = f"undo of {entry.holds.undoes}" if entry.holds.undoes else entry.holds.fix
    return GLYPHS[entry.step], entry.id, f"{entry.at:%m-%d %H:%M:%S}Z", what, f"{target}", state


def _plain(entry: Entry) -> dict[str, object]:
    """An entry for scripts; the saved object and the operations stay in the file."""
    holds = entry.holds
    return {
        "entry": entry.id,
        "at": entry.at,
        "problem": holds.problem,
        "fix": holds.fix,
        "title": holds.title,
        "context": holds.context,
        "target": holds.target,
        "verb": holds.verb,
        "state": entry.step,
        "undoes": holds.undoes or None,
        "undone_by": entry.undone_by or None,
        "events": [{"at": e.at, "step": e.step, "says": e.says} for e in entry.events],
    }
