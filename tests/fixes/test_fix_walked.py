"""kill -9 right after every single thing that a write and its undo do: told at the next start, settled, never done twice."""

from __future__ import annotations

import copy
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from meshdoctor.fixes.patch import ours
from meshdoctor.fixes.pending import interrupted
from tests.fixes.cluster import Cluster
from tests.fixes.conftest import Run, environment
from tests.fixes.test_fix_command import FIXED, RULE, WRITE, mode

STEPS = [
    "intent write",
    "intent fsync",
    "intent folder fsynced",
    "head sent",
    "body sent",
    "answer received",
    "outcome write",
    "outcome fsync",
    "outcome folder fsynced",
]
VERDICT = ["verdict write", "verdict fsync", "verdict folder fsynced"]
OPEN = STEPS[:6]
WRITTEN = [*STEPS[4:], *VERDICT]

Walk = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def zygote() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fixes.walking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def walk(zygote: subprocess.Popen[str], cluster: Cluster, tmp_path: Path) -> Walk:
    """Run the command until it ends itself at a step; its exit code and the steps that it came to."""

    def run(step: str, *arguments: str) -> tuple[int, list[str]]:
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        known = len(cluster.stored)
        print(json.dumps([step, environment(tmp_path), arguments]), file=zygote.stdin, flush=True)
        code, steps = json.loads(zygote.stdout.readline())
        end = time.monotonic() + 30
        while step in WRITTEN and len(cluster.stored) == known and time.monotonic() < end:
            time.sleep(0.005)  # what was sent arrives, whoever is dead by then
        return code, steps

    return run


@pytest.mark.writes
def test_these_are_all_the_steps(walk: Walk) -> None:
    assert walk("none", *FIXED) == (0, [*STEPS, *VERDICT])
    assert walk("none", "undo", *WRITE) == (0, STEPS)


@pytest.mark.writes
@pytest.mark.parametrize("step", [*STEPS, *VERDICT])
def test_a_write_that_ends_there_is_finished_or_undone(
    walk: Walk, meshdoctor: Run, cluster: Cluster, journal: Path, step: str
) -> None:
    before = copy.deepcopy(cluster.get(RULE))
    assert before is not None
    code, steps = walk(step, *FIXED)
    assert (code, steps[-1]) == (-signal.SIGKILL, step)
    assert mode(cluster) == ("ISTIO_MUTUAL" if step in WRITTEN else "DISABLE")
    assert bool(interrupted(journal)) == (step in OPEN)
    said = meshdoctor("journal").stdout
    assert ("it was written. Take it back" in said) == (step in OPEN and step in WRITTEN)
    assert ("it was not written. Finish it" in said) == (step not in WRITTEN)
    assert not interrupted(journal)
    if step not in WRITTEN:
        assert meshdoctor("undo", *WRITE).returncode == 64, "what was not written is not taken back"
        assert meshdoctor(*FIXED).returncode == 0
    assert meshdoctor("undo", *WRITE).returncode == 0
    restored = cluster.get(RULE)
    assert restored is not None
    assert ours(restored) == ours(before)
    assert len(cluster.stored) == 2, "one write and its undo"


@pytest.mark.writes
@pytest.mark.parametrize("step", STEPS[2:7])  # before and after these it is the same as at one of them
def test_an_undo_that_ends_there_is_finished(walk: Walk, meshdoctor: Run, cluster: Cluster, journal: Path, step: str) -> None:
    before = copy.deepcopy(cluster.get(RULE))
    assert before is not None
    assert meshdoctor(*FIXED).returncode == 0
    code, steps = walk(step, "undo", *WRITE)
    assert (code, steps[-1]) == (-signal.SIGKILL, step)
    assert mode(cluster) == ("DISABLE" if step in WRITTEN else "ISTIO_MUTUAL")
    assert bool(interrupted(journal)) == (step in OPEN)
    listed = meshdoctor("journal")
    assert listed.returncode == 0
    assert ("it was written. It cannot be taken back" in listed.stdout) == (step in OPEN and step in WRITTEN)
    assert meshdoctor("undo", *WRITE).returncode == (64 if step in WRITTEN else 0), "nothing is taken back twice"
    restored = cluster.get(RULE)
    assert restored is not None
    assert ours(restored) == ours(before)
    assert len(cluster.stored) == 2
