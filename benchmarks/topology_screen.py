"""The longest block of the event loop while the topology screen of 2,000 services and 8,000 edges is used: `uv run python
benchmarks/topology_screen.py`. The real application, by keys; what another thread holds the interpreter for counts too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from benchmarks.topology import a_mesh
from meshdoctor.model.mesh import Mesh
from screens.app import MeshdoctorApp
from screens.feed import StillFeed
from screens.options import Options

MOST = 50.0  # milliseconds
SIZES = ((80, 24), (200, 60))


class Watch:
    """Wakes each millisecond; the longest that it was late is how long keys would have waited.

    `own` is the longest that the thread itself computed meanwhile: the rest is what other threads, or other programs on a
    busy machine, took.
    """

    def __init__(self) -> None:
        self.worst = self.own = 0.0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        before, spent = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now, used = time.perf_counter(), time.thread_time()
            self.worst = max(self.worst, now - before - 0.001)
            self.own = max(self.own, used - spent)
            before, spent = now, used

    def stop(self) -> None:
        self._task.cancel()


async def settled(pilot: Pilot[int], app: MeshdoctorApp) -> None:
    """Until no worker is on its way, and what they brought is painted."""
    busy = True
    while busy:
        await asyncio.sleep(0.05)
        busy = any(w.group in ("stack", "beside", "apply") and not w.is_finished for w in app.workers)
    await pilot.pause()
    await asyncio.sleep(0.1)


@asynccontextmanager
async def running(mesh: Mesh, size: tuple[int, int]) -> AsyncIterator[tuple[Pilot[int], MeshdoctorApp, StillFeed]]:
    feed = StillFeed(mesh, None, context="large")
    app = MeshdoctorApp(feed, Options(theme="dark", start="home"))
    async with app.run_test(size=size) as pilot:
        await settled(pilot, app)
        yield pilot, app, feed


async def used(mesh: Mesh, size: tuple[int, int]) -> dict[str, tuple[float, float, float]]:
    """What was done, by the longest block and by how long it took in all, in milliseconds."""
    found: dict[str, tuple[float, float, float]] = {}
    async with running(mesh, size) as (pilot, app, feed):

        async def act(name: str, does: Callable[[], Awaitable[object]]) -> None:
            watch, began = Watch(), time.perf_counter()
            await does()
            await settled(pilot, app)
            watch.stop()
            found[name] = watch.own * 1000, watch.worst * 1000, (time.perf_counter() - began) * 1000

        async def refreshed() -> None:
            feed.show(mesh.heard((), mesh.prometheus), None)

        await act("open", lambda: pilot.press("2"))
        await act("refresh", refreshed)
        await act("page down x10", lambda: pilot.press(*["pagedown"] * 10))
        await act("to the end", lambda: pilot.press("end"))
        await act("sort", lambda: pilot.press("s"))
        await act("turn round", lambda: pilot.press("S"))
        await act("filter", lambda: pilot.press("slash", *"n0001", "enter"))
        await act("no filter", lambda: pilot.press("escape"))
        await act("faults only", lambda: pilot.press("f"))
        await act("all", lambda: pilot.press("f"))
        await act("table", lambda: pilot.press("x"))
        await act("around", lambda: pilot.press("x"))
        await act("walk", lambda: pilot.press("enter"))
        await act("back", lambda: pilot.press("escape"))
        await act("apps", lambda: pilot.press("z"))
        await act("namespaces", lambda: pilot.press("z"))
        await act("active only", lambda: pilot.press("a"))
        await act("copy DOT", lambda: pilot.press("z", "D"))
    return found


async def main() -> int:
    """Print each figure on its line; 1 where one is over."""
    mesh = a_mesh()
    worst = 0.0
    for size in SIZES:
        gc.collect()
        for name, (block, late, whole) in (await used(mesh, size)).items():
            worst = max(worst, block)
            over = "  over" if block > MOST else ""
            figures = f"longest block {block:6.1f} ms (keys waited {late:6.1f} ms), until settled {whole:7.0f} ms"
            print(f"{size[0]}x{size[1]:<4} {name:<14} {figures}{over}")
    print(f"longest block of all: {worst:.1f} ms (no more than {MOST:g} ms is wanted)")
    return int(worst > MOST)


if __name__ == "__main__":
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp()
    sys.exit(asyncio.run(main()))
