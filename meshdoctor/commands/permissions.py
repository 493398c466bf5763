"""`meshdoctor permissions`: what may be read here, and what each missing right hides."""

from __future__ import annotations

import argparse
import asyncio

from meshdoctor.collect.rights import Right, needed_rights, role
from meshdoctor.commands.session import open_api, run_async
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.reports.tables import table
from probes.registry import all_probes


def run(arguments: argparse.Namespace) -> int:
    """Ask the API server about each right; 3 where one is missing."""
    if arguments.role:
        print(role(), end="")
        return 0
    answers = run_async(_ask(arguments))
    hides = _hidden()
    rows = []
    for right, allowed in answers:
        word = "unknown" if allowed is None else "yes" if allowed else "no"
        glyph = "?" if allowed is None else "●" if allowed else "✖"
        rows.append((glyph, right.verb, right.name, word, "" if allowed else hides.get(right.name, right.why)))
    print(table(("", "VERB", "RESOURCE", "ALLOWED", "WITHOUT IT"), rows, colour=wants_colour(arguments)), end="")
    return 0 if all(allowed for _, allowed in answers) else 3


async def _ask(arguments: argparse.Namespace) -> list[tuple[Right, bool | None]]:
    async with open_api(arguments) as api:
        failures: list[MeshdoctorError] = []

        async def one(right: Right) -> tuple[Right, bool | None]:
            try:
                return right, await api.review(
                    right.verb, right.group, right.resource, arguments.namespace or "", right.subresource
                )
            except MeshdoctorError as why:
                failures.append(why)
                return right, None

        answers = list(await asyncio.gather(*(one(r) for r in needed_rights())))
    if len(failures) == len(answers):
        raise failures[0]
    return answers


def _hidden() -> dict[str, str]:
    """Resource to the problems that stay UNKNOWN without it."""
    found: dict[str, list[str]] = {}
    for probe in all_probes():
        for need in probe.needs:
            if hasattr(need, "resource"):
                found.setdefault(need.resource(), []).append(probe.problem or probe.code)
    return {name: f"{len(p)} checks unknown: {', '.join(p[:6])}{' …' if len(p) > 6 else ''}" for name, p in found.items()}
