"""`meshdoctor demo --drill`: a hidden fault to find with kubectl, istioctl or meshdoctor; hints and a score."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario, scenarios
from meshdoctor.bundling import diagnose_recording
from meshdoctor.drill import FULL, HINT_COSTS, NOTHING, WRONG_COSTS, Drill, drill_of
from meshdoctor.model.errors import UsageError
from meshdoctor.model.text import plain

RULES = f"""Find what is wrong, and at which object. In another terminal:

  export KUBECONFIG={{kubeconfig}}
  kubectl get pods -A; istioctl analyze -A; meshdoctor

  answer KIND/NS/NAME [PROBLEM]   e.g. answer VirtualService/shop/web RT-001; or: answer {NOTHING}
  hint                            the next hint, for {HINT_COSTS} points; a wrong answer costs {WRONG_COSTS}
  quit                            the solution
"""


def run(arguments: argparse.Namespace) -> int:
    """Play one drill; 0 where the fault was found, 2 where it was not."""
    recording = msgspec.structs.replace(_chosen(arguments.scenario), title="A drill", about="", name="drill")
    drill = drill_of(asyncio.run(diagnose_recording(recording, "drill")))
    began = time.monotonic()
    with Serving(recording) as kubeconfig:
        print(f"Reported: {plain(drill.reported, 400)}\n\n{RULES.format(kubeconfig=kubeconfig)}", flush=True)
        solved = _play(drill)
    seconds = int(time.monotonic() - began)
    print(f"\n{plain(drill.solution, 2000)}\n")
    points = drill.score if solved else 0
    print(f"{points} of {FULL} points, {drill.hints} hints, {drill.wrong} wrong answers, {seconds // 60} m {seconds % 60} s")
    return 0 if solved else 2


def _chosen(name: str | None) -> Recording:
    """The recording that was named, or one by chance."""
    names = list(scenarios())
    if not names:
        raise UsageError("No recordings are installed.", do="Install meshdoctor from its wheel, or run it in its checkout.")
    return open_scenario(name or secrets.choice(names))


def _play(drill: Drill) -> bool:
    """Commands from standard input until it is solved or given up."""
    while True:
        print("> ", end="", flush=True)
        line = sys.stdin.readline()
        word, _, rest = line.strip().partition(" ")
        if not line or word in ("quit", "q", "exit"):
            return False
        if word == "hint":
            print(f"{plain(drill.hint(), 600)}  ({drill.score} points left)", flush=True)
        elif word == "answer":
            verdict = drill.answer(rest)
            print(plain(verdict.says, 600), flush=True)
            if verdict.solved:
                return True
        elif word:
            print("answer KIND/NS/NAME [PROBLEM], hint, quit", flush=True)


class Serving:
    """Serves a recording beside what else is done here; gives the path of a kubeconfig for it."""

    def __init__(self, recording: Recording) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="drill")
        self._server = ReplayServer(recording, name="drill")
        self._folder = tempfile.TemporaryDirectory(prefix="meshdoctor-drill-")

    def __enter__(self) -> Path:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        path = Path(self._folder.name) / "kubeconfig"
        path.write_text(self._server.kubeconfig("drill"))
        return path

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._folder.cleanup()
