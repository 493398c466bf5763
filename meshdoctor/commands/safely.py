"""Runs a command: errors in one line, a crash as a report that says what to send, ctrl-c as 130."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import logging.handlers
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from meshdoctor.commands.failed import in_words, told
from meshdoctor.model.errors import MeshdoctorError, UsageError
from meshdoctor.model.redact import redact
from meshdoctor.model.sources import Unseen
from meshdoctor.model.text import plain

CRASHED = 70  # EX_SOFTWARE: our bug
INTERRUPTED = 130
NOT_WRITTEN = 74  # EX_IOERR
USAGE = UsageError.exit_code
COULD_NOT_SEE = 3


def safely(command: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The exit code of a command."""
    start_log(verbose=getattr(arguments, "verbose", False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign gets a question mark, not a crash
    try:
        return command(arguments)
    except MeshdoctorError as error:
        logging.getLogger("meshdoctor").error("%s", error)
        if error.exit_code == USAGE:
            print(f"meshdoctor: {plain(redact(str(error)), 600)}", file=sys.stderr)
        else:
            told(arguments, str(error))
        return error.exit_code
    except Unseen as unseen:  # the command has no answer without what may not be read
        told(arguments, in_words(unseen))
        return COULD_NOT_SEE
    except KeyboardInterrupt:
        told(arguments, "interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # `meshdoctor ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as crash:  # the last boundary: a crash becomes a report, never a bare traceback
        if isinstance(crash, OSError) and crash.errno == errno.ENOSPC:
            return _is_full(crash)
        told(arguments, report_crash(crash))
        return CRASHED


def _is_full(why: OSError) -> int:
    """What was to be written has no room: `meshdoctor ... > FILE` on a full disk. Nothing more is written there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    where = f" to {why.filename}" if why.filename else ""
    print(plain(f"meshdoctor: the answer could not be written{where}: {why.strerror}."), file=sys.stderr)
    return NOT_WRITTEN


def state_folder() -> Path:
    """Where log, crash reports and the journal of changes go."""
    from platformdirs import user_state_path

    return user_state_path("meshdoctor")


class Redacting(logging.Formatter):
    """A formatter that writes no secret."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_log(*, verbose: bool) -> None:
    """Log into the state folder, rotated; a folder that cannot be written costs the log only."""
    logger = logging.getLogger("meshdoctor")
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
    if logger.handlers:
        return
    try:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "meshdoctor.log", maxBytes=1_000_000, backupCount=2, delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)


def report_crash(crash: BaseException) -> str:
    """Write a crash report without secrets; the words say where it is and what to do with it."""
    text = redact("".join(traceback.format_exception(crash)))
    now = datetime.now(UTC)
    try:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"crash-{now:%Y%m%dT%H%M%S}.txt"
        path.write_text(f"meshdoctor crashed at {now.isoformat()}\npython {sys.version}\n\n{text}")
        path.chmod(0o600)
        where = f"The report is in {path}: send it with the command you ran."
    except OSError:
        where = f"The report could not be written; send this:\n{text}"
    return f"this is our bug: {type(crash).__name__}: {plain(redact(str(crash)), 200)}. {where}"
