"""`meshdoctor alerts`: whether the alerts of the mesh can fire at all."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from meshdoctor.collect.alerting import ask_rules, count_series
from meshdoctor.collect.live import collect
from meshdoctor.commands.fix_words import labelled
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import plain
from meshdoctor.triage.alerts import Audited, audit, handbook, prometheus_rule, wanted

GLYPHS = {"can fire": "●", "never fires": "✖", "reaches nobody": "✖", "not defined": "✖", "unknown": "?"}
POINTS = {"PASS": "●", "FAIL": "✖", "WARN": "▲", "UNKNOWN": "?"}


def run(arguments: argparse.Namespace) -> int:
    """0 all can fire; 2 one never fires, reaches nobody or is not defined; 3 that cannot be told."""
    mesh, told = run_async(_asked(arguments))
    if arguments.output == "prometheusrule":
        import yaml

        print(yaml.safe_dump(prometheus_rule(mesh), sort_keys=False, width=1000), end="")
        return 0
    verdicts = {a.verdict for a in told}
    code = 2 if verdicts - {"can fire", "unknown"} else 3 if "unknown" in verdicts else 0
    if arguments.output == "json":
        body = {"schema": "meshdoctor.alerts/v1", "alerts": told, "exit": code}
        print(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
    else:
        print("\n".join(plain(line, 900) for line in lines(told)))
    return code


async def _asked(arguments: argparse.Namespace) -> tuple[Mesh, tuple[Audited, ...]]:
    with Waiting(colour=not arguments.no_color) as waiting:
        async with open_api(arguments) as api:
            mesh = await collect(api, options(arguments, api), waiting)
            waiting("asking Prometheus")
            told = await ask_rules(api, mesh)
            counts = await count_series(api, mesh, wanted(mesh, told))
            return mesh, audit(mesh, msgspec.structs.replace(told, counts=counts))


def lines(told: tuple[Audited, ...]) -> Iterator[str]:
    """The verdict of each, why, and the expression that can fire."""
    for each in told:
        yield f"{GLYPHS[each.verdict]} {each.name}: {each.verdict}"
        yield from labelled("expr", each.query)
        for point in each.points:
            yield from labelled(f"  {POINTS[point.state]}", point.says)
        if each.instead:
            yield from labelled("better", each.instead)
            yield from labelled("because", next(k.why for k in handbook() if k.name == each.name))
        if each.runbook:
            yield from labelled("runbook", f"meshdoctor runbook {each.runbook}")
        yield ""
    yield "`meshdoctor alerts -o prometheusrule` prints the handbook's alerts as they can fire here."
