"""The store against a served recording: changes arrive, silence is told with its age, and what breaks is taken up again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.collect.live import Options
from meshdoctor.collect.store import Store
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.cluster import Secret
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.sources import SourceState

RULES = "/apis/networking.istio.io/v1/destinationrules"
RULE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "new", "namespace": "shop"},
    "spec": {"host": "cart"},
}


@contextlib.asynccontextmanager
async def kept(url: str) -> AsyncIterator[Store]:
    who = Credentials(context="demo", cluster="demo", server=url, user="demo", namespace="default")
    store = Store(lambda: ApiClient(who, timeout=2), lambda _: Options(), "demo")
    running = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


def rules(store: Store) -> set[str]:
    return {r.name for r in store.mesh[DestinationRule]} if store.mesh else set()


async def test_changes_arrive() -> None:
    async with ReplayServer(open_scenario("healthy")) as server, kept(server.url) as store:
        await until(lambda: store.mesh is not None and store.mesh.istiods)
        assert store.link.state == "live"
        server.change(RULES, "ADDED", RULE)
        await until(lambda: "new" in rules(store))
        server.change(RULES, "DELETED", RULE)
        await until(lambda: "new" not in rules(store))


async def test_what_was_never_read_does_not_become_an_old_empty_list() -> None:
    async with ReplayServer(open_scenario("healthy")) as server:
        server.deny("secrets")
        async with kept(server.url) as store:
            await until(lambda: sum("/secrets" in path for _, path in server.requests) >= 2)
            await asyncio.sleep(0.2)
            assert store.mesh is not None
            assert store.mesh.state(Secret) is SourceState.DENIED


async def test_a_watch_that_is_too_old_is_listed_anew() -> None:
    async with ReplayServer(open_scenario("healthy")) as server, kept(server.url) as store:
        await until(lambda: store.mesh is not None)
        server.gone()
        server.change(RULES, "ADDED", RULE)
        await until(lambda: "new" in rules(store))


async def test_silence_is_told_and_rows_stay() -> None:
    async with ReplayServer(open_scenario("tls-switched-off")) as server, kept(server.url) as store:
        await until(lambda: store.mesh is not None)
        before = rules(store)
        server.freeze()
        await until(lambda: store.link.state == "stale")
        age = store.link.age_s
        assert age is not None
        assert "has not answered" in store.link.reason
        await asyncio.sleep(0.2)
        assert (store.link.age_s or 0) > age
        assert rules(store) == before
        server.thaw()
        await until(lambda: store.link.state == "live", 5)


async def test_no_cluster_is_said_and_tried_again() -> None:
    server = ReplayServer(open_scenario("healthy"))
    async with server:
        url = server.url
    async with kept(url) as store:
        await until(lambda: store.link.state == "error")
        assert "cannot be reached" in store.link.reason
        assert store.mesh is None
        said: list[str] = []
        end = store.subscribe(lambda: said.append(store.link.state))
        store.retry()
        await until(lambda: said)
        end()


async def test_a_kind_that_is_denied_leaves_the_others() -> None:
    async with ReplayServer(open_scenario("healthy")) as server:
        server.deny("destinationrules.networking.istio.io")
        async with kept(server.url) as store:
            await until(lambda: store.mesh is not None)
            assert store.mesh is not None
            assert store.mesh.state(DestinationRule) == "denied"
            assert len(store.mesh.sources) > 20
