"""Bundles on screen: written, looked into, compared; and every screen on a bundle that holds little."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.recording import Recorder, Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundling import Maker
from meshdoctor.collect.live import Options as Collected
from meshdoctor.collect.live import collect
from meshdoctor.diagnosis import judge
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.session import RequestLine
from meshdoctor.model.mesh import Mesh
from screens import registry
from screens.app import MeshdoctorApp
from screens.feed import StillFeed
from screens.options import Options
from tests.bundle.recorded import listing, recording, thing
from tests.bundle.test_bundle_hostile import bundle
from tests.screens.conftest import Screen


@asynccontextmanager
async def client(
    recorded: Recording, recorder: Recorder | None = None, seen: Callable[[RequestLine], None] | None = None
) -> AsyncIterator[ApiClient]:
    async with ReplayServer(recorded) as server:
        credentials = Credentials(context="small", cluster="small", server=server.url, user="demo", namespace="default")
        async with ApiClient(credentials, recorder=recorder, on_request=seen) as api:
            yield api


async def mesh_of(recorded: Recording) -> Mesh:
    async with client(recorded) as api:
        return await collect(api, Collected(namespace="default"), lambda says: None)


@asynccontextmanager
async def opened(mesh: Mesh, options: Options, size: tuple[int, int] = (80, 24), context: str = "small") -> AsyncIterator[Screen]:
    feed = StillFeed(mesh, judge(mesh), context=context)
    app = MeshdoctorApp(feed, options)
    async with app.run_test(size=size) as pilot:
        screen = Screen(pilot, app, feed)
        await screen.settled()
        yield screen


async def test_a_bundle_is_written_from_the_dialog(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    maker = Maker(lambda context, recorder, seen: client(recording(), recorder, seen))
    async with opened(await mesh_of(recording()), Options(start="bundle", bundles=lambda: maker)) as screen:
        await screen.until(lambda: "about" in screen.text)
        assert "T1" in screen.text
        await screen.press("enter")  # the tier is the first line
        assert "T0" in screen.text
        await screen.press("down", "enter")
        await screen.type("shop")
        await screen.press("enter")
        assert "shop and the control plane" in screen.text
        await screen.press("end", "enter")
        await screen.type("b.tar.gz")
        await screen.press("enter", "c")
        await screen.until(lambda: "WRITTEN" in screen.text or "ERROR" in screen.text)
        assert "WRITTEN" in screen.text
        assert "REMOVED" in screen.text
        await screen.press("b")
        await screen.until(lambda: "pods" in screen.text)
        assert all(len(line.rstrip()) <= 80 for line in screen.lines)
    told = open_bundle(path)
    assert told.manifest is not None
    assert (told.manifest.tier, "shop" in told.manifest.namespaces) == ("T0", True)


async def test_a_bundle_that_cannot_be_written_says_so_and_can_be_tried_again(tmp_path: Path) -> None:
    maker = Maker(lambda context, recorder, seen: client(recording(), recorder, seen))
    async with opened(await mesh_of(recording()), Options(start="bundle", bundles=lambda: maker)) as screen:
        await screen.press("end", "enter")
        await screen.type("no/b.tar.gz")
        await screen.press("enter", "c")
        await screen.until(lambda: "ERROR" in screen.text)
        assert "not written" in screen.flat
        assert "c create" in screen.text


async def test_a_bundle_shows_what_is_there_what_is_not_and_what_was_removed(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    async with opened(await mesh_of(recording()), Options(start="inside", bundle=str(path)), context="bundle/b.tar.gz") as screen:
        await screen.until(lambda: "denied" in screen.text)
        assert "? denied" in next(line for line in screen.lines if "nodes" in line)
        assert "● there" in next(line for line in screen.lines if " kind  pods" in line)
        assert "recorded" in screen.lines[0]
        await screen.type("/pods")
        await screen.press("enter", "enter")
        assert "cluster-resources/pods/shop.json" in screen.text
        await screen.press("escape", "escape", "x")
        assert screen.app.view is not None
        assert screen.app.view.title == "Removed"


async def test_a_file_that_is_no_bundle_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"text")
    async with opened(await mesh_of(recording()), Options(start="inside", bundle=str(path))) as screen:
        await screen.until(lambda: "ERROR" in screen.text)
        assert "no bundle" in screen.flat


async def test_two_bundles_are_compared_field_by_field(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        spec = {"hosts": ["cart"], "http": [{"route": [{"destination": {"host": name}}]}]}
        one = json.loads(listing("VirtualService", thing("cart", "shop", spec=spec), version="networking.istio.io/v1"))
        (tmp_path / name / "vs.json").write_text(json.dumps(one))
    start = Options(start="inside", bundle=str(tmp_path / "one"))
    async with opened(await mesh_of(recording()), start, size=(120, 40)) as screen:
        await screen.until(lambda: "virtualservices" in screen.text)
        await screen.press("d")
        await screen.type("two")
        await screen.press("enter")
        await screen.until(lambda: "VirtualService shop/cart" in screen.text)
        row = next(i for i, line in enumerate(screen.lines) if "~ changed" in line)
        assert "host" in screen.lines[row]
        await screen.press("end", "enter")
        assert "- one" in screen.text
        assert "+ two" in screen.text


async def test_every_screen_shows_what_a_poor_bundle_holds_and_none_fails(tmp_path: Path) -> None:
    poor = msgspec.structs.replace(open_bundle(bundle(tmp_path)).recording, unseen={"/api/v1/services": "is not in the bundle"})
    mesh = await mesh_of(poor)
    async with opened(mesh, Options(bundle=str(tmp_path / "b.tar.gz")), context="bundle/b.tar.gz") as screen:
        for entry in registry.entries():
            await screen.app.action_go(entry.name)
            await screen.settled()
            assert "this screen failed" not in screen.text, entry.name
        await screen.app.action_go("sources")
        await screen.settled()
        assert "not in the bundle" in screen.flat or "denied" in screen.flat


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
