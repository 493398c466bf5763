"""A process in which the command ends itself, as by kill -9, right after one of the things that a write does.

It reads JSON lines, [step, environment, arguments], and makes each in a child of its own that is forked from here: what takes
long, importing, is done once. It answers with the child's exit code and the steps that it came to.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from types import FrameType
from typing import Any

PHASES = ("", "intent", "outcome", "verdict")


class Steps:
    """What the write does that others can see, in order: seen by the calls into C that do it."""

    def __init__(self, last: str, told: int) -> None:
        self.last, self.told, self.lines, self.sent = last, told, 0, 0

    def opened(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: from the first time that the journal is opened for writing, each call is looked at."""
        if event == "open" and str(arguments[0]).endswith("journal.jsonl") and int(arguments[2]) & os.O_RDWR:
            sys.setprofile(self.called)

    def called(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_return" and (step := self._step(frame, getattr(function, "__name__", ""))):
            os.write(self.told, f"{step}\n".encode())
            if step == self.last:
                os.kill(os.getpid(), signal.SIGKILL)

    def _step(self, frame: FrameType, name: str) -> str:
        code = frame.f_code
        if code.co_filename.endswith("fixes/journal.py") and name in ("write", "fsync"):
            self.lines += name == "write"
            return f"{PHASES[self.lines]} {'folder fsynced' if code.co_name == '_sync_folder' else name}"
        if self.lines == 1 and name in ("send", "recv") and "asyncio" in code.co_filename:
            self.sent += name == "send"
            return "answer received" if name == "recv" else f"{('head', 'body')[self.sent - 1]} sent"
        return ""


def child(step: str, environment: dict[str, str], arguments: list[str], told: int) -> None:
    """Run the command here, and be gone."""
    from meshdoctor.cli import main

    os.environ.update(environment)
    sys.addaudithook(Steps(step, told).opened)
    code = 70
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            code = main(arguments)
    finally:
        os._exit(code)


def forked(step: str, environment: dict[str, str], arguments: list[str]) -> tuple[int, list[str]]:
    """The exit code, and the steps that the child came to."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(step, environment, arguments, writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        steps = pipe.read().split("\n")[:-1]
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), steps


if __name__ == "__main__":
    import meshdoctor.collect.live
    import meshdoctor.fixes.words
    from probes.registry import all_probes

    meshdoctor.fixes.words.load()
    all_probes()
    for line in sys.stdin:
        print(json.dumps(forked(*json.loads(line))), flush=True)
