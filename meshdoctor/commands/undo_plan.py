"""`meshdoctor undo PLAN`: take an enrolment, or the stages of STRICT, back as a whole."""

from __future__ import annotations

import argparse

from meshdoctor.commands.consent import consents
from meshdoctor.commands.fix_incident import Kept, took_back
from meshdoctor.commands.fix_words import Said, labelled
from meshdoctor.commands.journal import settled
from meshdoctor.commands.session import open_api
from meshdoctor.fixes.back import Back, take_back
from meshdoctor.fixes.engine import Unclear
from meshdoctor.fixes.guide import Guide
from meshdoctor.fixes.journal import Entry, own_journal
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh

WAIT = 300.0  # seconds for one rollout


def is_plan(name: str | None) -> bool:
    """Whether something is written of a plan of that name."""
    return bool(name and own_journal().of_plan(name))


async def undo_plan(arguments: argparse.Namespace, said: Said) -> int:
    """0 all taken back exactly; 2 something of it was not."""
    journal, name = own_journal(), arguments.entry
    entries = journal.of_plan(name)
    async with open_api(arguments, arguments.context or entries[0].holds.context) as api:
        said.line(*await settled(api, journal))
        entries = journal.of_plan(name)
        said.line(*labelled("plan", f"{name}: {entries[0].holds.subject}" if entries else name))
        for number, entry in enumerate(entries, 1):
            said.line(*labelled(f"back {number}", f"{entry.holds.title} (entry {entry.id} of {entry.at:%Y-%m-%d %H:%M:%S}Z)"))
        guide = Guide(api, journal, no_look)
        for entry in entries[:1]:
            await guide.plan_undo(entry)  # permission and trial; the others follow from what this one leaves
        said.line("")
        if not entries or not consents(arguments, said, api.credentials.context):
            return 0
        kept = Kept(arguments, said, of="", context=api.credentials.context)
        done = await _taken_back(guide, entries, said, kept)
    whole = len(done) == len(entries) and all(b.exact for b in done)
    steps = [{"undoes": b.entry.id, "entry": b.made.id if b.made else None, "exact": b.exact, "says": b.says} for b in done]
    said.result |= {"state": "undone" if whole else "not-healed", "plan": name, "steps": steps}
    return 0 if whole else 2


async def _taken_back(guide: Guide, entries: list[Entry], said: Said, kept: Kept) -> list[Back]:
    """Each step as it is taken back, on the screen and in the incident."""
    done: list[Back] = []
    try:
        async for back in take_back(guide, entries, WAIT, said.under_way):
            done.append(back)
            said.line(*labelled("undone" if back.made else "left", f"{back.says}{f' (entry {back.made.id})' if back.made else ''}"))
            if back.made is None:
                kept.refused(f"{back.entry.holds.title} was not taken back: {back.says}")
            else:
                kept.wrote(back.made, took_back(back.entry))
    except Unclear as why:
        kept.unclear(why)
        raise
    return done


async def no_look() -> Mesh:
    """What an undo asks of the mesh: nothing."""
    raise UsageError("An undo looks at its objects only.")
