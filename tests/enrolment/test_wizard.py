"""The wizards' work without a screen, against an API server that stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshdoctor.collect.live import Options, collect
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import load
from meshdoctor.model.mesh import Mesh
from screens.feed import StillFeed
from screens.wizard import Enrolling, Tightening, found_again
from tests.enrolment.test_enrol_command import NAMESPACE, POLICIES, knocked, live, state
from tests.fixes.cluster import Cluster


class Feed(StillFeed):
    """One open connection, and looks that read anew."""

    def __init__(self, api: ApiClient) -> None:
        super().__init__(context="prod")
        self._api = api

    def client(self) -> ApiClient:
        return self._api

    async def look(self) -> Mesh:
        return await collect(self._api, Options())


@pytest.fixture
async def feed(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with ApiClient(await load(str(tmp_path / "kubeconfig"), None)) as api:
        yield Feed(api)


@pytest.mark.writes
async def test_wave_by_wave_and_back(cluster: Cluster, feed: Feed) -> None:
    before, states = state(cluster), list[str]()
    work = Enrolling(feed, "legacy")
    work.tell = lambda: states.append(work.state)
    await work.take()
    assert cluster.stored == [], "there is no plan yet"
    await work.plan()
    assert (work.state, work.may_write) == ("planned", True)
    await work.take()
    assert (work.state, work.results[0].ended, work.steps) == ("planned", "verified", (1, 2)), work.says
    assert live(cluster, NAMESPACE)["metadata"]["labels"]["istio-injection"] == "enabled"
    assert found_again(feed, work) is work
    assert found_again(feed, Enrolling(feed, "legacy")) is work, "it is under way"
    await work.take()
    assert (work.state, "without a sidecar" in work.says) == ("stopped", True)
    assert not work.may_write
    await work.take_back()
    assert (work.state, state(cluster)) == ("taken back", before)
    assert {"planning", "writing", "taking back"} <= set(states)


@pytest.mark.writes
async def test_a_stage_of_strict_and_back(cluster: Cluster, feed: Feed) -> None:
    cluster.script = lambda at, request: knocked(cluster, at, request)
    work = Tightening(feed, "shop")
    await work.plan()
    work.accepted = {b.id for b in work.blockers}
    run = work.run()
    run.watched = 0.01
    await work.take()
    assert (work.state, [r.ended for r in work.reached], work.steps) == ("done", ["verified"], (1, 1)), work.says
    await work.take_back()
    assert (work.state, cluster.get(f"{POLICIES}/default")) == ("taken back", None)


async def test_another_cluster_is_not_written_to(feed: Feed) -> None:
    work = Enrolling(feed, "legacy")
    feed.context = "other"
    await work.plan()
    assert (work.state, "planned on prod" in work.says) == ("refused", True)
