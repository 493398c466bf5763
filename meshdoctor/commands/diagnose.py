"""`meshdoctor diagnose`: look once, judge, rank, print."""

from __future__ import annotations

import argparse
import gc
import sys
import time

from meshdoctor.commands.ending import keep
from meshdoctor.commands.session import looked
from meshdoctor.commands.terminal import put, wants_colour, width
from meshdoctor.diagnosis import judge
from meshdoctor.fixes.pending import interrupted, journal_path, told
from meshdoctor.model.findings import Diagnosis
from meshdoctor.reports.exit_codes import exit_code

EVERY = 5.0  # seconds: a refused push is named within ten


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the last look."""
    if left := told(interrupted(journal_path())):
        print(f"meshdoctor: {left}", file=sys.stderr)
    gc.disable()  # tens of thousands of objects are made and none let go: passes over them are wasted
    while True:
        code = once(arguments)
        if not arguments.watch:
            return code
        keep()
        gc.collect()
        time.sleep(EVERY)


def once(arguments: argparse.Namespace) -> int:
    """One look, printed."""
    mesh, seconds = looked(arguments)
    found = judge(mesh, collect_seconds=seconds, namespace=arguments.namespace)
    show(found, arguments)
    keep(mesh, found)
    return exit_code(found, strict=arguments.strict)


def show(found: Diagnosis, arguments: argparse.Namespace) -> None:
    """Print the diagnosis in the wanted format; at once, since a pipe is read look by look."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        put(schema.pieces(schema.diagnosis(found)))
        return
    from meshdoctor.reports import text

    print(text.diagnosis(found, colour=wants_colour(arguments), width=width()), end="", flush=True)
