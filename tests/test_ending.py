"""A process that holds a large mesh ends at once: with its exit code, and all that it printed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys
from meshdoctor.commands.ending import keep, leave
class Slow:
    def __del__(self): print("released")
def run():
    mesh = Slow()
    {keep}
atexit.register(print, "at exit")
run()
sys.stdout.write("x" * 100_000 + "\\n")
leave(3)
"""


@pytest.mark.parametrize(("keep", "beside"), [("keep(mesh)", []), ("pass", ["released", "at exit"])])
def test_what_is_held_is_not_released_and_nothing_printed_is_lost(keep: str, beside: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM.format(keep=keep)], capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert ran.stderr == ""
    assert sorted(ran.stdout.splitlines()) == sorted(["x" * 100_000, *beside])
