"""`meshdoctor fix PROBLEM KIND/NS/NAME`: plan one change, try it out, write it where told to, and see whether it healed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from meshdoctor.commands.consent import consents
from meshdoctor.commands.fix_incident import Kept
from meshdoctor.commands.fix_words import Said, argument, git_patch, plan_lines, undo_line
from meshdoctor.commands.outcome import EXITS, VERIFIED, ended
from meshdoctor.commands.session import Waiting, open_api, options
from meshdoctor.fixes.engine import Refused, Unclear
from meshdoctor.fixes.guide import Guide, Tried
from meshdoctor.fixes.journal import Entry, own_journal
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.model.mesh import Mesh


def run(arguments: argparse.Namespace) -> int:
    """0 planned, or written and verified; 2 written and not healed; 3 outcome unknown; 64 refused."""
    said = Said(as_json=arguments.output == "json")
    return ended(_run(arguments, said), said)


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    kind, namespace, name = argument(arguments.object)
    problem = arguments.problem.strip().upper()
    async with open_api(arguments) as api:
        from meshdoctor.collect.live import collect

        waiting = Waiting(colour=not arguments.no_color)
        looks: list[Mesh] = []

        async def look() -> Mesh:
            looks[:] = [await collect(api, options(arguments, api), waiting)]
            return looks[0]

        guide = Guide(api, own_journal(), look)
        kept = Kept(arguments, said, of=f"{problem} {kind}/{namespace}/{name}", context=api.credentials.context)
        try:
            await _open_entries(guide, said)
            tried = await guide.plan(problem, kind, namespace, name, arguments.fix or "")
            trial = None
            try:
                tried = await guide.try_out(tried)
            except Refused as why:
                if not _goes_on(why.refusal, arguments):
                    waiting.stop()
                    said.line(*plan_lines(tried, why.refusal))
                    raise
                trial = why.refusal
            waiting.stop()
            said.result |= _described(tried)
            said.line(*plan_lines(tried, trial))
            entry = await _write(guide, tried, arguments, said, kept, api.credentials.context)
            return await _verify(guide, tried, entry, arguments.wait, said, kept, looks) if entry is not None else VERIFIED
        finally:
            waiting.stop()


def _described(tried: Tried) -> dict[str, object]:
    """The plan for scripts."""
    plan = tried.plan
    return {
        "fix": plan.remedy.id,
        "title": plan.title,
        "risk": plan.risk,
        "high": plan.is_high,
        "target": plan.target,
        "reach": plan.reach,
        "kept_by": str(plan.owner) if plan.owner else None,
        "patch": plan.operations,
    }


def _goes_on(refusal: Refusal, arguments: argparse.Namespace) -> bool:
    """Whether a trial that was refused ends it: not where a recording is looked at, or where the trial alone is not possible."""
    if refusal.reason == "read-only":
        return not arguments.write
    return refusal.reason == "dry-run-unsupported" and bool(arguments.force)


async def _write(guide: Guide, tried: Tried, arguments: argparse.Namespace, said: Said, kept: Kept, context: str) -> Entry | None:
    """The part that writes, where the operator says so; None where nothing was to be written."""
    plan = tried.plan
    if plan.owner is not None and not arguments.force:
        said.line(*git_patch(tried))
        said.result |= {"state": "planned"}
        if arguments.write:
            reason = f"{plan.target} is kept by {plan.owner} ({plan.owner.mark})."
            raise Refused(Refusal("owned", reason, "Change it in Git with the patch above, or write over it with --force."))
        return None
    if not consents(arguments, said, context, plan.target.name if plan.is_high else ""):
        return None
    says = f"{plan.title}: {plan.target}"
    try:
        entry = await guide.apply(tried)
    except Unclear as why:
        kept.unclear(why)
        raise
    except Refused as why:
        kept.refused(why.refusal.says)
        if why.refusal.reason == "changed":
            said.line("changed   the object was changed between plan and write; nothing was written. Planned anew:")
            said.line(*plan_lines(await _anew(guide, tried), None))
        raise
    said.line(f"written   {entry.at:%H:%M:%S}Z, entry {entry.id}; {undo_line(entry)}")
    kept.wrote(entry, says)
    return entry


async def _anew(guide: Guide, tried: Tried) -> Tried:
    """The plan on the object as it is now."""
    about = tried.plan.finding
    return await guide.try_out(await guide.plan(about.problem or "", about.subject.kind, *about.subject.key))


async def _verify(
    guide: Guide, tried: Tried, entry: Entry, wait: float | None, said: Said, kept: Kept, looks: Sequence[Mesh]
) -> int:
    """Look whether it healed; how to take it back was said before that: the wait may be interrupted."""
    wait = wait or tried.plan.remedy.wait
    said.result |= {"entry": entry.id}
    said.line(f"          looking whether it heals, at most {wait:.0f} s …")
    verdict = await guide.verify(tried, entry, wait)
    said.result |= {"state": verdict.healed, "says": verdict.says, "seconds": round(verdict.seconds, 1)}
    said.result |= {"appeared": [f"{f.problem or f.code} {f.subject}" for f in verdict.appeared]}
    said.line(f"{verdict.healed:9} {verdict.says} ({verdict.seconds:.0f} s)")
    said.line(*(f"new       {f.problem or f.code} {f.subject}: {f.summary}" for f in verdict.appeared))
    kept.ended(entry, verdict.healed, verdict.says, looks[-1] if looks else None)
    if verdict.healed != "verified":
        said.line(f"take back {undo_line(entry)}")
    return EXITS[verdict.healed]


async def _open_entries(guide: Guide, said: Said) -> None:
    """What an earlier run left open is looked at first, and said."""
    from meshdoctor.commands.journal import settled

    for line in await settled(guide.api, guide.journal):
        said.line(line)
