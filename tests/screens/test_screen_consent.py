"""Every screen and every key of it, over the wire: nothing that stores leaves without consent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from meshdoctor.collect.live import Options as Collecting
from meshdoctor.collect.store import Store
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import load
from meshdoctor.model.subject import Subject
from screens import registry
from screens.app import MeshdoctorApp
from screens.feed import LiveFeed
from screens.keys import EVERYWHERE
from screens.options import Options
from screens.views.view import View, keys_of
from screens.widgets.prompt import Ask, Prompt
from tests.fixes.cluster import Cluster, running
from tests.screens.conftest import calm, press

REVIEWS = ("/selfsubjectaccessreviews", "/selfsubjectreviews", "/selfsubjectrulesreviews")
NOTHING = "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/nothing"
LEAVING = ("app.leave", "app.quit")
WRITES = re.compile(r"work\.(apply|take|take_back)\(")
DEEP = 5  # screens on the stack that are walked


Reach = Callable[[], Awaitable[View]]


class Walk:
    """Presses every key of every view that can be reached; what several inherit is pressed once."""

    def __init__(self, pilot: Pilot[int], app: MeshdoctorApp) -> None:
        self.pilot, self.app = pilot, app
        self.walked: set[type[View]] = set()
        self._pressed: set[tuple[str, object, object]] = set()

    async def settle(self) -> None:
        """Until nothing that a key began is on its way."""
        for _ in range(200):
            await calm(self.pilot)
            if not [w for w in self.app.workers if w.group in ("asked", "beside", "change", "envoy", "contexts")]:
                return

    async def everywhere(self) -> None:
        for entry in registry.entries():
            await self.view(partial(self.go, entry.name))
        for binding in EVERYWHERE:
            if binding.id not in LEAVING:
                await self.view(partial(self.by_key, partial(self.go, "home"), binding))

    async def go(self, name: str) -> View:
        await self.app.action_go(name)
        await self.settle()
        assert self.app.view is not None
        return self.app.view

    async def by_key(self, reach: Reach, binding: Binding) -> View:
        """What a key of a view leads to."""
        await reach()
        await self.press(binding)
        assert self.app.view is not None
        return self.app.view

    async def view(self, reach: Reach) -> None:
        """The keys of the view that is reached so, and the views that they lead to."""
        view = await reach()
        kind, depth = type(view), len(self.app.stack)
        if kind in self.walked or depth > DEEP:
            return
        self.walked.add(kind)
        for binding in keys_of(kind):
            does = (binding.key, getattr(kind, f"action_{binding.action.partition('(')[0]}", None), getattr(kind, "open", None))
            if does in self._pressed:
                continue
            self._pressed.add(does)
            view = await self.back_to(view, reach)
            await self.press(binding)
            if self.app.view is not view and type(self.app.view) not in self.walked:
                await self.view(partial(self.by_key, partial(self.back_to, view, reach), binding))

    async def press(self, binding: Binding) -> None:
        await press(self.pilot, binding.key.split(",")[0])
        await self.settle()
        prompt = self.app.query_one(Prompt)
        while prompt.is_open:  # a note is written; consent is refused by typing something else
            self.app.query_one(Ask).value = "no, not this" if prompt.mode == "!" else "x"
            await press(self.pilot, "enter" if prompt.mode in "+!" else "escape")
            await self.settle()

    async def back_to(self, view: View, reach: Reach) -> View:
        """The view again; one like it where a key closed it for good."""
        while view in self.app.stack and self.app.view is not view:
            self.app.action_pop()
            await calm(self.pilot)
        return view if self.app.view is view else await reach()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path) as (made, _):
        yield made


@asynccontextmanager
async def walking(folder: Path) -> AsyncIterator[Walk]:
    credentials = await load(str(folder / "kubeconfig"), None)
    feed = LiveFeed(lambda _: Store(lambda: ApiClient(credentials, timeout=5), lambda _: Collecting(), "prod"))
    app = MeshdoctorApp(feed, Options(theme="dark"))
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(400):
            await pilot.pause(0.01)
            if feed.diagnosis is not None and feed.diagnosis.causes:
                break
        yield Walk(pilot, app)


def is_review(path: str) -> bool:
    return path.startswith("/apis/authorization.k8s.io/") and path.partition("?")[0].endswith(REVIEWS)


def is_trial(path: str) -> bool:
    return "dryRun=All" in path.partition("?")[2]


def every_view() -> set[type[View]]:
    """The views that are shown: those that no other one is made of."""
    registry.entries()
    found: set[type[View]] = set()
    todo: list[type[View]] = [View]
    while todo:
        below = [c for c in todo.pop().__subclasses__() if c.__module__.startswith("screens.")]
        found.update(below)
        todo += below
    return {c for c in found if not any(issubclass(other, c) and other is not c for other in found)}


def test_leave_to_store_is_made_in_one_place() -> None:
    """The walk below takes its time; this holds on every run: only the engine makes leave, only consent on a screen asks it to."""
    made, asked = [], []
    for path in [*Path("meshdoctor").rglob("*.py"), *Path("screens").rglob("*.py"), *Path("probes").rglob("*.py")]:
        text = path.read_text("utf-8")
        made += [str(path)] * text.count("consent(dry_run=False)")
        asked += [str(path)] * (text.count("guide.apply(") + text.count("guide.undo("))
    assert made == ["meshdoctor/fixes/engine.py"]
    commands = ["meshdoctor/commands/fix.py", "meshdoctor/commands/undo.py", "meshdoctor/fixes/back.py"]
    assert sorted(set(asked)) == [*commands, "screens/mending.py"]
    calls = [line for path in Path("screens").rglob("*.py") for line in path.read_text("utf-8").splitlines() if WRITES.search(line)]
    assert calls
    assert all("self.ask_leave(" in line or "self.ask(" in line for line in calls)


@pytest.mark.long
async def test_no_key_of_any_screen_stores_anything_without_consent(cluster: Cluster, tmp_path: Path) -> None:
    """One change is consented to, so that there is one to take back; then every key is pressed, and each consent refused."""
    meta = {"name": "nothing", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    cluster.put(NOTHING, {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": {}})
    async with walking(tmp_path) as walk:
        group, _, rest = NOTHING.removeprefix("/apis/").partition("/")
        work = walk.app.changing.mending("AZ-007", Subject(group, "AuthorizationPolicy", "shop", rest.rpartition("/")[2]))
        await work.plan()
        assert work.tried is not None, work.refusal
        await work.apply(work.tried)
        assert cluster.stored == [("DELETE", NOTHING)]
        walk.app.changing.lift()
        await walk.everywhere()
    assert cluster.stored == [("DELETE", NOTHING)]
    asked = [(m, p) for m, p in cluster.requests if m not in ("GET", "HEAD")]
    reviews, trials = [r for r in asked if is_review(r[1])], [r for r in asked if is_trial(r[1])]
    assert [r for r in asked if r not in reviews and r not in trials] == [("DELETE", NOTHING)]
    counted = f"{len(cluster.requests)} requests: {len(reviews)} reviews, {len(trials)} dry runs"
    missed = {v.__name__ for v in every_view() - walk.walked}
    assert missed == set(), f"a screen that no key was pressed on; {counted}"
