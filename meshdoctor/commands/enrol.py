"""`meshdoctor enrol NS [WORKLOAD]`: take a namespace or one workload into the mesh in waves, each of which can be taken back."""

from __future__ import annotations

import argparse
import sys

import msgspec

from meshdoctor.collect.live import collect
from meshdoctor.commands.enrol_words import described, plan_lines, result_lines, result_of, step_lines
from meshdoctor.commands.fix import EXITS, consents
from meshdoctor.commands.fix_words import Said, labelled, say_refusal
from meshdoctor.commands.journal import settled
from meshdoctor.commands.safely import state_folder
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.enrolment.plan import Enrolment
from meshdoctor.enrolment.walk import ROLLOUT, Result, Walk
from meshdoctor.enrolment.waves import Wave
from meshdoctor.fixes.engine import Refused, Unclear
from meshdoctor.fixes.journal import Journal
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.fixes.rollout import Tell
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.mesh import Mesh

OWNED = "owned"
SHOWN = 2  # waves whose diff is printed: the label's and the first restart's; the others are like it


def run(arguments: argparse.Namespace) -> int:
    """0 planned, or all waves verified; 2 stopped at a wave that is not as it should be; 3 not known; 64 refused."""
    said = Said(as_json=arguments.output == "json")
    said.result["schema"] = "meshdoctor.enrolment/v1"
    arguments.active = arguments.write  # a test pod (dry run) proves that the label works before anything is restarted
    try:
        code = run_async(_run(arguments, said))
    except Refused as why:
        code = say_refusal(said, why.refusal)
    except Unclear as why:
        said.result |= {"state": "unknown", "entry": why.entry.id, "says": why.says}
        said.line(f"unknown   {why.says}", "          `meshdoctor journal` looks again")
        code = 3
    said.end(code)
    return code


async def _run(arguments: argparse.Namespace, said: Said) -> int:
    waiting = Waiting(colour=not arguments.no_color)
    async with open_api(arguments) as api:
        journal = Journal(state_folder())

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
            _refuse_blocked(enrolment, arguments.force)
            walk = Walk(api, journal, look, enrolment, wait=arguments.wait or ROLLOUT, tell=_teller(said))
            return await _walked(walk, arguments, said, api)
        finally:
            waiting.stop()


def _teller(said: Said) -> Tell:
    return lambda words: said.line(*labelled("", f"… {words}"))


def _refuse_blocked(enrolment: Enrolment, accepted: list[str]) -> None:
    """Raise Refused where something stands in the way that the operator did not name."""
    left = [b for b in enrolment.blockers if b.id not in accepted]
    if left:
        ids = " ".join(dict.fromkeys(b.id for b in left))
        reason = f"{left[0].title}: {left[0].says}." if len(left) == 1 else f"{len(left)} things stand in the way: {ids}."
        raise Refused(Refusal("blocked", reason, f"{left[0].do.rstrip('.')}. Or accept it by name: --force {ids}"))


async def _walked(walk: Walk, arguments: argparse.Namespace, said: Said, api: ApiClient) -> int:
    """Every wave is tried out before the first is written; then wave by wave, with the operator's leave for each."""
    waves = walk.enrolment.waves
    for number, wave in enumerate(waves, 1):
        step = await walk.step(wave)
        if step is not None:
            lines = step_lines(step)
            said.line(*labelled(f"wave {number}", wave.title), *(lines if number <= SHOWN else lines[:2]))
            if step.owner is not None and OWNED not in arguments.force and arguments.write:
                reason = f"{step.target} is kept by {step.owner} ({step.owner.mark})."
                raise Refused(Refusal("owned", reason, f"Change it in Git as above, or write over it: --force {OWNED}"))
    results: list[Result] = []
    for number, wave in enumerate(waves, 1):
        if not (arguments.write or sys.stdin.isatty()):
            break
        said.line(*labelled(f"wave {number}", f"next: {wave.title}"))
        if not consents(False, wave.target.name, arguments, said, api.credentials.context):
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
