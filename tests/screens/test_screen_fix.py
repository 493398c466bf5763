"""Changes from the screens, against an API server that stores: plan, typed consent, result, undo, journal, runbooks."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from meshdoctor.bundle import statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.diagnosis import judge
from meshdoctor.fixes.journal import own_journal
from meshdoctor.fixes.patch import ours
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import load
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage import incident
from screens.feed import StillFeed
from screens.views.fix import FixView
from screens.views.incident import IncidentView
from screens.views.journal import JournalView
from screens.views.runbook import RunbookView
from screens.views.undo import UndoView
from screens.widgets.prompt import Ask
from tests.conftest import build
from tests.fixes.cluster import Cluster, running
from tests.probes import things as t
from tests.screens.conftest import FAULTY, Screen, opened

RULE = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules/payment-plain"
NOTHING = "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/nothing"
AROUND = "---\n".join(d for d in FAULTY.split("---\n") if "payment-plain" not in d)


class Bench(StillFeed):
    """A feed that looks at two objects of a cluster, and leads to it."""

    def __init__(self, cluster: Cluster, api: ApiClient) -> None:
        self.cluster, self.api = cluster, api
        mesh = self.mesh_now()
        super().__init__(mesh, judge(mesh), context="prod")

    def mesh_now(self) -> Mesh:
        there = ["---\n" + yaml.safe_dump(thing) for path in (RULE, NOTHING) if (thing := self.cluster.get(path))]
        return build(t.all_of(AROUND, *there))

    def client(self) -> ApiClient:
        return self.api

    async def look(self) -> Mesh:
        return self.mesh_now()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path) as (made, _):
        yield made


@asynccontextmanager
async def working(cluster: Cluster, tmp_path: Path, size: tuple[int, int] = (100, 40)) -> AsyncIterator[Screen]:
    credentials = await load(str(tmp_path / "kubeconfig"), None)
    async with ApiClient(credentials, timeout=5) as api, opened(feed=Bench(cluster, api), size=size) as screen:
        yield screen


def writes(cluster: Cluster) -> list[str]:
    """What was asked for that would have stored something."""
    asked = [(m, p) for m, p in cluster.requests if m not in ("GET", "HEAD") and "reviews" not in p]
    return [m for m, p in asked if "dryRun=All" not in p and (m != "DELETE" or (m, p.partition("?")[0]) in cluster.stored)]


async def planned(screen: Screen, problem: str, key: str = "F") -> FixView:
    """The fix of a finding, opened and planned."""
    await screen.app.action_go("findings", f"problem={problem}")
    await screen.press(key)
    view = screen.app.view
    assert isinstance(view, FixView), screen.text
    await screen.until(lambda: view.work.state != "planning")
    return view


async def answer(screen: Screen, key: str, *words: str) -> None:
    await screen.press(key)
    for word in words:
        screen.app.query_one(Ask).value = word
        await screen.press("enter")


def ended(view: FixView | UndoView) -> Callable[[], bool]:
    return lambda: not view.work.is_busy and view.work.state != "planned"


@pytest.mark.writes
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_fix_asks_writes_verifies_and_is_taken_back(cluster: Cluster, tmp_path: Path, size: tuple[int, int]) -> None:
    before = copy.deepcopy(cluster.get(RULE))
    assert before is not None
    async with working(cluster, tmp_path, size) as screen:
        assert "read-only" in screen.text
        view = await planned(screen, "MTL-002")
        assert "READY" in screen.text
        assert "set spec.trafficPolicy.tls.mode: DISABLE → ISTIO_MUTUAL" in screen.flat
        await answer(screen, "a", "y")  # not the word that was asked for
        assert "nothing was written" in screen.flat
        assert writes(cluster) == []
        await answer(screen, "a", "prod")
        await screen.until(ended(view))
        assert view.work.state == "verified"
        assert "HEALED" in screen.text
        assert "may write" in screen.text
        await screen.press("u")
        undo = screen.app.view
        assert isinstance(undo, UndoView)
        await screen.until(lambda: undo.work.state == "planned")
        await answer(screen, "a", "y")
        await screen.until(ended(undo))
        assert "exactly as it was before" in screen.flat
        await screen.press("J")
        assert screen.text.count("MTL-002-1") <= 2
        assert "taken back" in screen.text
    restored = cluster.get(RULE)
    assert restored is not None
    assert ours(restored) == ours(before)
    assert [m for m, _ in cluster.stored] == ["PATCH", "PATCH"] == writes(cluster)


def put_policy(cluster: Cluster, **more: object) -> None:
    meta = {"name": "nothing", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z", **more}
    cluster.put(NOTHING, {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": {}})


@pytest.mark.writes
async def test_high_risk_asks_for_the_context_and_for_the_name(cluster: Cluster, tmp_path: Path) -> None:
    put_policy(cluster)
    async with working(cluster, tmp_path) as screen:
        view = await planned(screen, "AZ-007")
        assert view.work.tried is not None
        assert view.work.tried.plan.is_high
        await answer(screen, "a", "prod", "y")
        assert cluster.stored == []
        await answer(screen, "a", "nothing")
        await screen.until(ended(view))
    assert cluster.stored == [("DELETE", NOTHING)]


@pytest.mark.writes
async def test_what_a_tool_keeps_is_written_only_when_forced(cluster: Cluster, tmp_path: Path) -> None:
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    rule["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": "shop:networking.istio.io/DestinationRule:shop/payment-plain"
    }
    cluster.put(RULE, rule)
    async with working(cluster, tmp_path) as screen:
        view = await planned(screen, "MTL-002")
        assert "KEPT BY" in screen.text
        await screen.press("a")
        assert "G copies the patch for Git" in screen.flat
        assert not screen.app.is_asking
        await answer(screen, "F", "prod", "payment-plain")
        await screen.until(ended(view))
    assert len(cluster.stored) == 1


@pytest.mark.writes
async def test_an_unanswered_write_is_not_called_done(cluster: Cluster, tmp_path: Path) -> None:
    lost = statuses.failure(500, "InternalError", "etcd: request timed out")
    cluster.script = lambda at, _: lost if at == "before" else None
    async with working(cluster, tmp_path) as screen:
        view = await planned(screen, "MTL-002")
        await answer(screen, "a", "prod")
        await screen.until(ended(view))
        assert "OUTCOME UNKNOWN" in screen.text
        assert "1 change interrupted" in screen.text
        cluster.script = lambda *_: None
        await screen.press("J")
        await screen.until(lambda: "it was not written" in screen.flat)
        assert "interrupted J" not in screen.flat
        await screen.press("a")
        again = screen.app.view
        assert isinstance(again, FixView)
        await screen.until(lambda: again.work.state == "planned")
    assert cluster.stored == []


@pytest.mark.writes
async def test_what_was_interrupted_is_told_at_the_start(cluster: Cluster, tmp_path: Path) -> None:
    """A run that ended between the intent and its answer: here the write was done."""
    async with working(cluster, tmp_path) as screen:
        view = await planned(screen, "MTL-002")
        await answer(screen, "a", "prod")
        await screen.until(ended(view))
    path = own_journal().path
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    async with working(cluster, tmp_path) as screen:
        assert "A change was interrupted" in screen.flat
        await screen.press("J")
        await screen.until(lambda: "it was written" in screen.flat)
        await screen.press("u")
        assert isinstance(screen.app.view, UndoView)


async def test_a_refused_trial_writes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    no: Answer = statuses.failure(403, "Forbidden", 'admission webhook "policy" denied the request: no')
    cluster.script = lambda at, _: no if at == "dry-run" else None
    async with working(cluster, tmp_path) as screen:
        view = await planned(screen, "MTL-002")
        assert "An admission webhook denies it" in screen.flat
        assert not view.offers("apply")
        await screen.press("a")
        assert not screen.app.is_asking
    assert cluster.stored == []


@pytest.mark.writes
async def test_a_fix_is_written_into_the_open_incident(cluster: Cluster, tmp_path: Path) -> None:
    async with working(cluster, tmp_path) as screen:
        await screen.app.action_go("findings", "problem=MTL-002")
        await screen.press("t")
        await screen.until(lambda: isinstance(screen.app.view, IncidentView))
        view = await planned(screen, "MTL-002")
        await answer(screen, "a", "prod")
        await screen.until(lambda: ended(view)() and bool(_kept().of("look")))
        assert "written into the incident" in screen.flat
    one = _kept()
    assert [e.kind for e in one.timeline.entries][-3:] == ["action", "note", "look"]
    assert one.of("action")[0].data["entry"] == own_journal().entries()[0].id


def _kept() -> incident.Incident:
    return incident.read(incident.folders(incident.incidents_folder())[0])


async def test_what_no_single_change_heals_has_its_steps(faulty: Mesh) -> None:
    async with opened(faulty, size=(120, 40)) as screen:
        await screen.app.action_go("findings", "problem=XDS-001")
        await screen.press("t")
        await screen.until(lambda: isinstance(screen.app.view, IncidentView))
        await screen.press("escape", "F")
        assert isinstance(screen.app.view, RunbookView), screen.text
        await screen.press("x")
        await screen.until(lambda: bool(_kept().of("action")))
        assert "1 of" in screen.text


async def test_a_picture_has_plans_of_nothing_to_write(faulty: Mesh) -> None:
    async with opened(faulty) as screen:
        await planned(screen, "MTL-002")
        assert "NOTHING WRITTEN" in screen.text
        await screen.press("a")
        assert not screen.app.is_asking


async def test_the_journal_is_there_without_a_mesh() -> None:
    async with opened(feed=StillFeed(context="x")) as screen:
        await screen.press("J")
        assert isinstance(screen.app.view, JournalView)
        assert "Nothing was written from here" in screen.text
