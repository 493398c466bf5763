"""How long until something is seen: `uv run python benchmarks/startup.py` prints the best of five."""

from __future__ import annotations

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


def main() -> None:
    """Print one line a command, and its ratio to an empty Python."""
    empty = best(COMMANDS["python"])
    for name, command in COMMANDS.items():
        seconds = best(command)
        print(f"{name:28} {seconds:6.3f} s   {seconds / empty:5.1f} x python")
    print(f"{'first frame of the screens':28} {first_frame():6.3f} s")


if __name__ == "__main__":
    main()
