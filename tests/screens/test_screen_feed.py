"""The live feed: newest wins, pairs stay pairs, and another context is always one step away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

from meshdoctor.collect.link import Link
from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.mesh import Mesh
from screens.app import MeshdoctorApp
from screens.feed import LiveFeed, StillFeed
from screens.options import Options
from tests.conftest import build
from tests.screens.conftest import HEALTHY, Screen


class HangingStore(StillFeed):
    """A store whose API never answers, and that does not even notice being cancelled at once."""

    async def run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def running(feed: LiveFeed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never came about")


async def test_mesh_and_diagnosis_come_together() -> None:
    mesh = build(HEALTHY)
    feed = LiveFeed(lambda context: StillFeed(mesh, context=context or "first"))
    async with running(feed):
        await until(lambda: feed.diagnosis is not None)
        assert feed.mesh is mesh
        assert feed.context == "first"


async def test_the_newest_mesh_wins() -> None:
    store = StillFeed(build(HEALTHY))
    gate, judged = threading.Event(), []

    def slow(mesh: Mesh) -> Diagnosis:
        judged.append(mesh)
        gate.wait(5)
        return judge(mesh)

    feed = LiveFeed(lambda context: store, judge=slow)
    async with running(feed):
        await until(lambda: len(judged) == 1)
        newer = [build(HEALTHY) for _ in range(3)]
        for mesh in newer:
            store.show(mesh)
        gate.set()
        await until(lambda: feed.mesh is newer[-1] and feed.diagnosis is not None)
        assert judged == [judged[0], newer[-1]]


async def test_a_hanging_context_does_not_hold_the_next_one() -> None:
    mesh = build(HEALTHY)
    feed = LiveFeed(lambda context: StillFeed(mesh, context="well") if context == "well" else HangingStore(context="hangs"))
    async with running(feed):
        await until(lambda: feed.context == "hangs")
        feed.switch("well")
        assert feed.mesh is None
        await until(lambda: feed.mesh is mesh and feed.diagnosis is not None)


async def test_what_belongs_to_the_old_context_never_shows() -> None:
    old, new = build(HEALTHY), build(HEALTHY)
    gate = threading.Event()

    def slow(mesh: Mesh) -> Diagnosis:
        if mesh is old:
            gate.wait(5)
        return judge(mesh)

    feed = LiveFeed(lambda context: StillFeed(new if context else old), judge=slow)
    async with running(feed):
        await until(lambda: feed.mesh is old)
        feed.switch("other")
        await until(lambda: feed.mesh is new and feed.diagnosis is not None)
        gate.set()
        await asyncio.sleep(0)
        assert feed.mesh is new


async def test_a_context_that_does_not_open_says_why() -> None:
    def refuse(context: str | None) -> StillFeed:
        raise UsageError("The kubeconfig names no context 'x'.", do="Use :ctx.")

    feed = LiveFeed(refuse)
    async with running(feed):
        await until(lambda: feed.link.state == "error")
        assert "names no context" in feed.link.reason
        assert feed.link.do == "Use :ctx."


async def test_a_crashing_judge_leaves_the_last_diagnosis() -> None:
    store = StillFeed(build(HEALTHY))
    crash = [False]

    def fragile(mesh: Mesh) -> Diagnosis:
        if crash[0]:
            raise RuntimeError("bug")
        return judge(mesh)

    feed = LiveFeed(lambda context: store, judge=fragile)
    async with running(feed):
        await until(lambda: feed.diagnosis is not None)
        kept, crash[0] = feed.diagnosis, True
        store.show(build(HEALTHY))
        await asyncio.sleep(0.05)
        assert feed.diagnosis is kept


async def test_switching_in_the_application_while_the_api_hangs() -> None:
    mesh = build(HEALTHY)
    feed = LiveFeed(
        lambda context: StillFeed(mesh, context="well") if context == "well" else HangingStore(link=Link(), context="hangs"),
        list_contexts=lambda: ("hangs", "well"),
    )
    app = MeshdoctorApp(feed, Options(theme="dark"))
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app, StillFeed())
        await screen.until(lambda: "connecting" in screen.flat)
        await screen.type(":ctx")
        await screen.press("enter")
        await screen.until(lambda: "hangs" in screen.text and "well" in screen.text)
        await screen.press("G", "enter")
        await screen.until(lambda: "No fault in what could be seen" in screen.flat)


async def test_the_demo_is_one_key_away_when_there_is_no_cluster() -> None:
    mesh = build(HEALTHY)

    def refuse(context: str | None) -> StillFeed:
        raise UsageError("No kubeconfig.")

    async def demo() -> StillFeed:
        return StillFeed(mesh, context="demo/healthy")

    app = MeshdoctorApp(LiveFeed(refuse, open_demo=demo), Options(theme="light"))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Screen(pilot, app, StillFeed())
        await screen.until(lambda: "No kubeconfig." in screen.flat)
        await screen.press("d")
        await screen.until(lambda: "No fault in what could be seen" in screen.flat)
        assert "demo/healthy" in screen.lines[0]
