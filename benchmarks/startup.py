"""How long until something is seen: `uv run python benchmarks/startup.py` prints the best of five."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "meshdoctor --help": [sys.executable, "-m", "meshdoctor", "--help"],
    "meshdoctor explain": [sys.executable, "-m", "meshdoctor", "explain", "MTL-002"],
    "meshdoctor diagnose --demo": [sys.executable, "-m", "meshdoctor", "diagnose", "--demo", "healthy", "-o", "json"],
}
TRIES = 5
FIRST_FRAME = """
import time; began = time.perf_counter()
from meshdoctor.collect.link import Link
from screens.app import MeshdoctorApp
from screens.feed import StillFeed
import asyncio
async def main():
    app = MeshdoctorApp(StillFeed(None, None, Link(), context="none"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        print(time.perf_counter() - began)
asyncio.run(main())
"""


def best(command: list[str]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        subprocess.run(command, check=False, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def first_frame() -> float:
    """Seconds from the first import to a first frame, without a cluster."""
    runs = [subprocess.run([sys.executable, "-c", FIRST_FRAME], check=True, capture_output=True, text=True) for _ in range(TRIES)]
    return min(float(r.stdout) for r in runs)


def first_paint() -> float:
    """Seconds from the command to the first frame on a terminal, painted before the application is imported."""
    times = []
    for _ in range(TRIES):
        leader, follower = pty.openpty()
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "meshdoctor"], stdin=follower, stdout=follower)
        seen = b""
        while b"connecting" not in seen:
            seen += os.read(leader, 4096)
        times.append(time.perf_counter() - began)
        process.kill()
        process.wait()
        os.close(leader)
        os.close(follower)
    return min(times)


def main() -> None:
    """Print one line a command, and its ratio to an empty Python."""
    empty = best(COMMANDS["python"])
    for name, command in COMMANDS.items():
        seconds = best(command)
        print(f"{name:28} {seconds:6.3f} s   {seconds / empty:5.1f} x python")
    print(f"{'first frame on the terminal':28} {first_paint():6.3f} s")
    print(f"{'the application takes over':28} {first_frame():6.3f} s")


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: the second start finds its bytecode
    main()
