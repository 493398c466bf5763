"""What the terminal can show."""

from __future__ import annotations

import argparse
import os
import shutil
import sys


def wants_colour(arguments: argparse.Namespace) -> bool:
    """Whether stdout takes colour: a terminal, and neither --no-color nor NO_COLOR."""
    return sys.stdout.isatty() and not arguments.no_color and "NO_COLOR" not in os.environ


def width() -> int:
    """The terminal's width; 100 where there is none."""
    return shutil.get_terminal_size((100, 40)).columns
