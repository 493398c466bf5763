"""`meshdoctor demo`: the application on a recorded mesh."""

from __future__ import annotations

import argparse
import sys

from meshdoctor.bundle.scenarios import default, describe, open_scenario
from meshdoctor.commands.terminal import wants_colour


def run(arguments: argparse.Namespace) -> int:
    """List the recordings, or open one; without a terminal its diagnosis is printed."""
    if arguments.list:
        from meshdoctor.reports.tables import table

        print(table(("SCENARIO", "TITLE", "ABOUT"), describe(), colour=wants_colour(arguments)), end="")
        return 0
    if arguments.drill:
        from meshdoctor.commands import drill

        return drill.run(arguments)
    scenario = arguments.scenario or default()
    open_scenario(scenario)  # a name that does not exist is told before anything opens
    arguments.demo = scenario
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from meshdoctor.commands.diagnose import once

        arguments.output, arguments.strict = "text", False
        return once(arguments)
    from meshdoctor.commands.tui import open_app

    return open_app(arguments)
