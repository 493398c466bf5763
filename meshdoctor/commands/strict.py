"""`meshdoctor strict WHERE`: PERMISSIVE to STRICT for a workload, a namespace or the mesh, and a really refused plain-text call."""

from __future__ import annotations

import argparse
import sys

import msgspec

from meshdoctor.collect.handshakes import with_handshakes
from meshdoctor.collect.live import collect
from meshdoctor.commands.consent import consents
from meshdoctor.commands.enrol_words import GLYPHS, step_lines
from meshdoctor.commands.fix_words import Said, labelled
from meshdoctor.commands.journal import settled
from meshdoctor.commands.obstacles import refuse_blocked, refuse_owned, tried_out
from meshdoctor.commands.outcome import EXITS, ended
from meshdoctor.commands.session import Waiting, open_api, options
from meshdoctor.commands.terminal import width
from meshdoctor.enrolment.blockers import Blocker
from meshdoctor.enrolment.stages import WATCHED, Reached, Stages, proof_of
from meshdoctor.enrolment.strict import Stage, Staging
from meshdoctor.fixes.journal import own_journal
from meshdoctor.istio.mutual.picture import seconds
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.reports import mtls_forecast


def run(arguments: argparse.Namespace) -> int:
    """0 planned, or written and refused plain text was seen; 2 it is not so, or others are hit; 3 not known; 64 refused."""
    if not seconds(arguments.since):
        raise UsageError(f"--since {arguments.since!r} is no time.", do="Give it as Prometheus does: 5m, 24h, 7d.")
    said = Said(as_json=arguments.output == "json")
    said.result["schema"] = "meshdoctor.strict/v1"
    return ended(_run(arguments, said), said)


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    waiting = Waiting(colour=not arguments.no_color)
    async with open_api(arguments) as api:
        journal = own_journal()

        async def look() -> Mesh:
            mesh = await collect(api, options(arguments, api), waiting)
            return (await with_handshakes(api, mesh, arguments.since, first=arguments.where.partition("/")[0]))[0]

        try:
            said.line(*await settled(api, journal))
            staging = _staging(await look(), arguments)
            stages = staging.stages
            walk = Stages(api, journal, look, arguments.where, watched=arguments.wait or WATCHED, tell=said.under_way)
            waiting.stop()
            said.result["stages"] = [_described(s) for s in stages]
            for number, stage in enumerate(stages, 1):
                said.line(*_stage_lines(number, stage, arguments.force), "")
            if not stages:
                said.result |= {"state": "verified"}
                said.line(f"{arguments.where} is STRICT already.")
                return 0
            refuse_blocked((b for s in stages for b in s.blockers), arguments.force)
            return await _staged(walk, staging, arguments, said, api)
        finally:
            waiting.stop()


def _staging(mesh: Mesh, arguments: argparse.Namespace) -> Staging:
    try:
        staging = Staging(mesh, arguments.where, staged=arguments.staged, window_s=seconds(arguments.since))
        _ = staging.stages
    except Unseen as unseen:
        reason = unseen.source.reason or unseen.source.state
        raise ClusterError(f"{unseen.source.name} could not be read: {reason}.", "Who would break cannot be said.") from unseen
    return staging


def _stage_lines(number: int, stage: Stage, accepted: list[str]) -> list[str]:
    """What a stage would do, who breaks, and how it will be proven."""
    made = labelled(f"stage {number}", stage.title)
    made += mtls_forecast.text(stage.found, width()).splitlines()
    by_id: dict[str, list[Blocker]] = {}
    for blocker in stage.blockers:
        by_id.setdefault(blocker.id, []).append(blocker)
    for name, some in by_id.items():
        more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
        words = f"{name}: {some[0].says}{more}. {some[0].do}".strip()
        made += labelled("accepted" if name in accepted else "✖ blocks", words)
    return made + labelled("proof", proof_of(stage))


def _described(stage: Stage) -> dict[str, object]:
    """A stage for scripts."""
    return {
        "where": stage.wish.text.partition("=")[0],
        "title": stage.title,
        "forecast": mtls_forecast.as_json(stage.found),
        "affected": stage.affected,
        "blockers": [{"id": b.id, "title": b.title, "says": b.says, "do": b.do} for b in stage.blockers],
    }


async def _staged(walk: Stages, staging: Staging, arguments: argparse.Namespace, said: Said, api: ApiClient) -> int:
    """Stage by stage, with the operator's leave for each; what only was on the way is deleted at the end."""
    done: list[Reached] = []
    for number, stage in enumerate(staging.stages, 1):
        step = await tried_out(walk.step(stage), arguments, said)
        if step is not None:
            said.line(*labelled(f"stage {number}", stage.title), *step_lines(step))
            refuse_owned(step, arguments)
        if not arguments.write and not sys.stdin.isatty():
            continue
        if not consents(arguments, said, api.credentials.context, "mesh" if stage.wish.scope == "mesh" else ""):
            break
        reached = await walk.take(stage)
        done.append(reached)
        said.result |= {"plan": walk.part.name, "results": [msgspec.to_builtins(_result(r)) for r in done]}
        entry = f", entry {reached.entry.id}" if reached.entry else ""
        said.line(*labelled(f"stage {number}", f"{GLYPHS[reached.ended]} {reached.says}{entry}"), "")
        if reached.ended == "not-healed":
            break
    if done and done[-1].ended != "not-healed" and len(done) == len(staging.stages):
        ways = tuple(s.found.policy.subject for s in staging.stages if s.found.is_new and s.wish != staging.wish)
        for removed in await walk.tidy(ways):
            said.line(*labelled("tidied", f"{removed.holds.title} (entry {removed.id})"))
    return _end(walk, done, said)


def _result(reached: Reached) -> dict[str, object]:
    return {
        "title": reached.title,
        "entry": reached.entry.id if reached.entry else None,
        "state": reached.ended,
        "says": reached.says,
        "before": reached.before,
        "after": reached.after,
    }


def _end(walk: Stages, done: list[Reached], said: Said) -> int:
    if not done:
        said.result |= {"state": "planned"}
        said.line("planned   nothing was written; --write asks before each stage, --write --yes writes them all")
        return 0
    worst = min((r.ended for r in done), key=("not-healed", "unverified", "verified").index)
    said.result |= {"state": worst}
    said.line(f"{worst:9} {done[-1].says}", f"take back meshdoctor undo {walk.part.name} --write --yes")
    return EXITS[worst]
