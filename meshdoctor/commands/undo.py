"""`meshdoctor undo [ENTRY]`: take a written change back, also much later and from another terminal."""

from __future__ import annotations

import argparse
import sys

from meshdoctor.commands.fix_incident import Kept
from meshdoctor.commands.fix_words import Said, labelled, say_refusal
from meshdoctor.commands.journal import settled
from meshdoctor.commands.session import open_api, run_async
from meshdoctor.fixes.diff import unified
from meshdoctor.fixes.engine import Refused, Unclear
from meshdoctor.fixes.guide import Guide
from meshdoctor.fixes.journal import Entry, Journal, own_journal
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh


def run(arguments: argparse.Namespace) -> int:
    """0 taken back; 2 taken back, and others changed the object too; 3 unknown; 64 refused."""
    from meshdoctor.commands.undo_plan import is_plan, undo_plan

    said = Said(as_json=arguments.output == "json")
    try:
        code = run_async(undo_plan(arguments, said) if is_plan(arguments.entry) else _run(arguments, said))
    except Refused as why:
        code = say_refusal(said, why.refusal)
    except Unclear as why:
        said.result |= {"state": "unknown", "entry": why.entry.id, "says": why.says}
        said.line(f"unknown   {why.says}", "          `meshdoctor journal` looks again")
        code = 3
    said.end(code)
    return code


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    journal = own_journal()
    entry = _chosen(journal, arguments.entry)
    async with open_api(arguments, arguments.context or entry.holds.context) as api:
        said.line(*await settled(api, journal))
        entry = journal.entry(entry.id)
        return await _undo(api, journal, entry, arguments, said)


async def _undo(api: ApiClient, journal: Journal, entry: Entry, arguments: argparse.Namespace, said: Said) -> int:
    guide = Guide(api, journal, _no_look)
    write, holds, before, after = await guide.plan_undo(entry)
    target = holds.target
    said.line(*labelled("entry", f"{entry.id} of {entry.at:%Y-%m-%d %H:%M:%S}Z: {entry.holds.title} ({entry.holds.fix})"))
    said.line(
        *labelled("does", f"{write.verb} {target}"), *labelled("trial", "the API server accepts it (dry run, nothing stored)"), ""
    )
    said.line(*unified(before, after, f"{target.kind}/{target.namespace}/{target.name}.yaml"), "")
    if not consents(arguments, said, api.credentials.context):
        return 0
    kept = Kept(arguments, said, of="", context=api.credentials.context)
    made, exact = await guide.undo(entry, write, holds)
    kept.wrote(made, f"Took back entry {entry.id}: {entry.holds.title}: {entry.holds.target}")
    said.result |= {"state": "undone", "entry": made.id, "exact": exact}
    words = "exactly as it was before" if exact else "as it was at these places; others changed it elsewhere meanwhile"
    said.line(f"undone    {target} is {words} (entry {made.id})")
    return 0 if exact else 2


def _chosen(journal: Journal, name: str | None) -> Entry:
    if name:
        return journal.entry(name)
    able = [e for e in journal.entries() if (e.is_applied or e.is_open) and not e.undone_by and e.holds.undoable]
    if not able:
        raise UsageError("The journal has nothing that could be taken back.")
    return able[-1]


def consents(arguments: argparse.Namespace, said: Said, context: str) -> bool:
    """Whether the operator says to take it back."""
    if arguments.dry_run or not (arguments.write or sys.stdin.isatty()):
        said.result |= {"state": "planned"}
        said.line("planned   nothing was written; --write --yes writes it")
        return False
    if arguments.write and arguments.yes is not None:
        return True
    if not sys.stdin.isatty():
        raise Refused(Refusal("consent", "Nobody is here to ask.", "In a script: --write --yes"))
    if input(f"Type y to write it to {context}, anything else to leave it: ").strip() == "y":
        return True
    said.result |= {"state": "planned"}
    said.line("left      nothing was written")
    return False


async def _no_look() -> Mesh:
    raise UsageError("An undo looks at its object only.")
