"""`meshdoctor open FILE`: the application on a bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def run(arguments: argparse.Namespace) -> int:
    """Open it; without a terminal its diagnosis is printed."""
    arguments.bundle = arguments.file
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from meshdoctor.commands.diagnose import once

        arguments.output, arguments.strict = "text", False
        return once(arguments)
    from meshdoctor.bundle.opening import open_bundle
    from meshdoctor.commands.tui import open_app

    open_bundle(Path(arguments.file))  # what cannot be opened is told before the screen is taken
    return open_app(arguments)
