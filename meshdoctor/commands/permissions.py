"""`meshdoctor permissions`: what may be read here, and what each missing right hides."""

from __future__ import annotations

import argparse
import asyncio
import sys

from meshdoctor.collect.rights import Right, needed_rights, role
from meshdoctor.commands.session import open_api, run_async
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.reports.tables import table
from meshdoctor.reports.unseen import ROLE
from probes.registry import all_probes

YES, NO, UNKNOWN = "yes", "no", "unknown"
GLYPHS = {YES: "●", NO: "✖", UNKNOWN: "?"}


def run(arguments: argparse.Namespace) -> int:
    """Ask the API server about each right; 3 where one is missing."""
    if arguments.role:
        print(role(), end="")
        return 0
    answers = run_async(_ask(arguments))
    hides = _hidden()
    rows = []
    for right, answer in answers:
        what = "" if answer == YES else hides.get(right.name, right.why)
        rows.append((GLYPHS.get(answer, "◐"), right.verb, right.name, answer, what))
    print(table(("", "VERB", "RESOURCE", "ALLOWED", "WITHOUT IT"), rows, colour=wants_colour(arguments)), end="")
    if any(answer != YES for _, answer in answers):
        print(f"meshdoctor: {ROLE}", file=sys.stderr)
        return 3
    return 0


async def _ask(arguments: argparse.Namespace) -> list[tuple[Right, str]]:
    """Each right with `yes`, `no`, `unknown`, or `in NAMESPACE`: where all may not be read, the context's namespace is."""
    async with open_api(arguments) as api:
        failures: list[MeshdoctorError] = []
        near = api.credentials.namespace if not arguments.namespace else ""

        async def one(right: Right) -> tuple[Right, str]:
            async def allowed(namespace: str) -> bool:
                return await api.review(right.verb, right.group, right.resource, namespace, right.subresource)

            try:
                if await allowed(arguments.namespace or "" if right.namespaced else ""):
                    return right, YES
                return right, f"in {near}" if near and right.namespaced and await allowed(near) else NO
            except MeshdoctorError as why:
                failures.append(why)
                return right, UNKNOWN

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
