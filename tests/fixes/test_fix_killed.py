"""kill -9 at each step of a write as the API server sees it: the next start knows what became of it."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.http import Request
from meshdoctor.fixes.patch import ours
from tests.fixes.cluster import Cluster, unscripted
from tests.fixes.conftest import Run
from tests.fixes.test_fix_command import FIXED, RULE, WRITE, mode

Start = Callable[..., "subprocess.Popen[str]"]

STEPS = ["review", "dry-run", "arrived, not stored", "while verifying", "arrives late"]
"""Where the process ends, as the API server sees it: what the process itself does is walked in test_fix_walked."""


class Killer:
    """The cluster's script: ends the process at one step."""

    def __init__(self, cluster: Cluster, step: str, journal: Path) -> None:
        self.cluster, self.step, self.journal = cluster, step, journal
        self.process: subprocess.Popen[str] | None = None
        self.known = len(cluster.stored)
        self.lines = self._intents()
        self.is_done = False

    def _intents(self) -> int:
        return self.journal.read_text().count('"step":"intent"') if self.journal.exists() else 0

    def __call__(self, at: str, request: Request) -> Answer | None:
        if self.is_done:
            return None
        match self.step:
            case "review" if at == "asked" and "accessreviews" in request.target:
                self.kill()
            case "dry-run" if at == "dry-run":
                self.kill()
            case "arrived, not stored" if at == "before":
                assert self._intents() == self.lines + 1, "the intent is on disk before the request is here"
                self.kill()
            case "arrives late" if at == "before":
                self.kill(drop=False)
            case "while verifying" if at == "asked" and len(self.cluster.stored) > self.known:
                self.kill()
        return None

    def kill(self, *, drop: bool = True) -> None:
        while self.process is None:
            time.sleep(0.01)
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.is_done = True
        if drop:
            raise ConnectionResetError


def killed(start: Start, cluster: Cluster, journal: Path, step: str, *arguments: str) -> None:
    """Run the command, and end it at a step."""
    killer = Killer(cluster, step, journal)
    cluster.script = killer
    with start(*arguments) as process:
        killer.process = process
        out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, out + err
    cluster.script = unscripted
    end = time.monotonic() + 30
    while step == "arrives late" and len(cluster.stored) == killer.known and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.writes
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_write_is_settled_by_the_next_start(
    start: Start, meshdoctor: Run, cluster: Cluster, journal: Path, step: str
) -> None:
    before = copy.deepcopy(cluster.get(RULE))
    assert before is not None
    killed(start, cluster, journal, step, *FIXED)
    written = mode(cluster) == "ISTIO_MUTUAL"
    assert written == (step in ("while verifying", "arrives late"))
    told = meshdoctor("diagnose").stderr
    assert ("was interrupted" in told) == (step in ("arrived, not stored", "arrives late"))
    said = meshdoctor("journal")
    assert said.returncode == 0, said.stderr
    if step in ("review", "dry-run"):
        assert "has no entry" in said.stdout
    elif step != "while verifying":  # there the answer was on disk already
        assert ("it was written. Take it back" if written else "it was not written. Finish it") in said.stdout
    if written:
        assert meshdoctor("undo", *WRITE).returncode == 0
        restored = cluster.get(RULE)
        assert restored is not None
        assert ours(restored) == ours(before)
    assert len(cluster.stored) == (2 if written else 0)
    assert meshdoctor(*FIXED).returncode == 0
    assert len(cluster.stored) == (3 if written else 1)


@pytest.mark.writes
def test_a_line_that_a_crash_cut_off_costs_that_line_only(meshdoctor: Run, cluster: Cluster, journal: Path) -> None:
    assert meshdoctor(*FIXED).returncode == 0
    whole = journal.read_bytes()
    first, rest = whole.split(b"\n", 1)
    journal.write_bytes(first + b"\n" + rest[: len(rest) // 3])
    settled = meshdoctor("journal")
    assert "it was written" in settled.stdout, settled.stdout + settled.stderr
    assert meshdoctor("undo", *WRITE).returncode == 0
    assert mode(cluster) == "DISABLE"
