"""`meshdoctor enrol NS [WORKLOAD]`: take a namespace or one workload into the mesh in waves, each of which can be taken back."""

from __future__ import annotations

import argparse
import sys

import msgspec

from meshdoctor.collect.live import collect
from meshdoctor.commands.consent import consents
from meshdoctor.commands.enrol_words import described, plan_lines, result_lines, result_of, step_lines
from meshdoctor.commands.fix_words import Said, labelled
from meshdoctor.commands.journal import settled
from meshdoctor.commands.obstacles import refuse_blocked, refuse_owned, tried_out
from meshdoctor.commands.outcome import EXITS, ended
from meshdoctor.commands.session import Waiting, open_api, options
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.enrolment.walk import ROLLOUT, Result, Walk
from meshdoctor.enrolment.waves import Wave
from meshdoctor.fixes.journal import own_journal
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.mesh import Mesh

SHOWN = 2  # waves whose diff is printed: the label's and the first restart's; the others are like it


def run(arguments: argparse.Namespace) -> int:
    """0 planned, or all waves verified; 2 stopped at a wave that is not as it should be; 3 not known; 64 refused."""
    said = Said(as_json=arguments.output == "json")
    said.result["schema"] = "meshdoctor.enrolment/v1"
    arguments.active = arguments.write  # a test pod (dry run) proves that the label works before anything is restarted
    return ended(_run(arguments, said), said)


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    waiting = Waiting(colour=not arguments.no_color)
    async with open_api(arguments) as api:
        journal = own_journal()

        async def look() -> Mesh:
            return await collect(api, msgspec.structs.replace(options(arguments, api), active=False), waiting)

        try:
            said.line(*await settled(api, journal))
            enrolment = Enrolment(await look(), arguments.of, arguments.workload or "", arguments.revision or "")
            waiting("judging what would change")
            lines, data = plan_lines(enrolment, arguments.force), described(enrolment)
            waiting.stop()
            said.result |= data
            said.line(*lines, "")
            if not enrolment.waves:
                said.result |= {"state": "verified"}
                return 0
            refuse_blocked(enrolment.blockers, arguments.force)
            walk = Walk(api, journal, look, enrolment, wait=arguments.wait or ROLLOUT, tell=said.under_way)
            return await _walked(walk, arguments, said, api)
        finally:
            waiting.stop()


async def _walked(walk: Walk, arguments: argparse.Namespace, said: Said, api: ApiClient) -> int:
    """Every wave is tried out before the first is written; then wave by wave, with the operator's leave for each."""
    waves = walk.enrolment.waves
    for number, wave in enumerate(waves, 1):
        step = await tried_out(walk.step(wave), arguments, said)
        if step is not None:
            lines = step_lines(step)
            said.line(*labelled(f"wave {number}", wave.title), *(lines if number <= SHOWN else lines[:2]))
            refuse_owned(step, arguments)
    results: list[Result] = []
    for number, wave in enumerate(waves, 1):
        if not (arguments.write or sys.stdin.isatty()):
            break
        said.line(*labelled(f"wave {number}", f"next: {wave.title}"))
        if not consents(arguments, said, api.credentials.context):
            break
        result = await walk.take(wave)
        results.append(result)
        said.result |= {"plan": walk.part.name, "results": [result_of(r) for r in results]}
        said.line(*result_lines(number, result), "")
        if result.stops:
            break
    return _end(walk, results, waves, said)


def _end(walk: Walk, results: list[Result], waves: tuple[Wave, ...], said: Said) -> int:
    if not results:
        said.result |= {"state": "planned"}
        said.line("planned   nothing was written; --write asks before each wave, --write --yes writes them all")
        return 0
    last = results[-1]
    done = "enrolled" if len(results) == len(waves) and not last.stops else f"{len(results)} of {len(waves)} waves were written"
    said.result |= {"state": last.ended}
    said.line(f"{'verified' if not last.stops else 'stopped':9} {walk.enrolment.about}: {done}")
    said.line(f"take back meshdoctor undo {walk.part.name} --write --yes")
    return EXITS[last.ended]
