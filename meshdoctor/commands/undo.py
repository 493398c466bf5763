"""`meshdoctor undo [ENTRY]`: take a written change back, also much later and from another terminal."""

from __future__ import annotations

import argparse

from meshdoctor.commands.consent import consents
from meshdoctor.commands.fix_incident import Kept, took_back
from meshdoctor.commands.fix_words import Said, labelled
from meshdoctor.commands.journal import settled
from meshdoctor.commands.outcome import ended
from meshdoctor.commands.session import open_api
from meshdoctor.commands.undo_plan import is_plan, no_look, undo_plan
from meshdoctor.fixes.back import as_before
from meshdoctor.fixes.diff import unified
from meshdoctor.fixes.engine import Unclear
from meshdoctor.fixes.guide import Guide
from meshdoctor.fixes.journal import Entry, Journal, own_journal
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """0 taken back; 2 taken back, and others changed the object too; 3 unknown; 64 refused."""
    said = Said(as_json=arguments.output == "json")
    return ended(undo_plan(arguments, said) if is_plan(arguments.entry) else _run(arguments, said), said)


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    journal = own_journal()
    entry = _chosen(journal, arguments.entry)
    async with open_api(arguments, arguments.context or entry.holds.context) as api:
        said.line(*await settled(api, journal))
        entry = journal.entry(entry.id)
        return await _undo(api, journal, entry, arguments, said)


async def _undo(api: ApiClient, journal: Journal, entry: Entry, arguments: argparse.Namespace, said: Said) -> int:
    guide = Guide(api, journal, no_look)
    write, holds, before, after = await guide.plan_undo(entry)
    target = holds.target
    said.line(*labelled("entry", f"{entry.id} of {entry.at:%Y-%m-%d %H:%M:%S}Z: {entry.holds.title} ({entry.holds.fix})"))
    said.line(
        *labelled("does", f"{write.verb} {target}"), *labelled("trial", "the API server accepts it (dry run, nothing stored)"), ""
    )
    said.line(*unified(before, after, target), "")
    if not consents(arguments, said, api.credentials.context):
        return 0
    kept = Kept(arguments, said, of="", context=api.credentials.context)
    try:
        made, exact = await guide.undo(entry, write, holds)
    except Unclear as why:
        kept.unclear(why)
        raise
    kept.wrote(made, took_back(entry))
    said.result |= {"state": "undone", "entry": made.id, "exact": exact}
    said.line(f"undone    {target} is {as_before(exact)} (entry {made.id})")
    return 0 if exact else 2


def _chosen(journal: Journal, name: str | None) -> Entry:
    if name:
        return journal.entry(name)
    able = [e for e in journal.entries() if (e.is_applied or e.is_open) and not e.undone_by and e.holds.undoable]
    if not able:
        raise UsageError("The journal has nothing that could be taken back.")
    return able[-1]
