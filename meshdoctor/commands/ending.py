"""Ends the process without taking its objects apart: of 10,000 pods and their findings that takes a quarter of a second."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

_kept: list[Any] = []


def keep(*things: Any) -> None:
    """Hold what would be released at the end of a command: the last one's, where a process runs several."""
    _kept[:] = things


def leave(code: int) -> NoReturn:
    """End with an exit code; at once, past atexit and the release of objects, where something is held."""
    if not _kept:
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # whoever read us went away: Python says it as ever
    os._exit(code)
