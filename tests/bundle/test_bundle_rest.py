"""A T1 bundle holds the kinds that no rule reads, with their tables and schemas; one with too many objects is left out and said."""

from __future__ import annotations

import json
from pathlib import Path

from meshdoctor.bundle.estimate import Estimate, estimate
from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.store import Store
from meshdoctor.bundle.tiers import T0, T1
from meshdoctor.bundling import Maker, Wanted
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from tests.bundle.recorded import AT, JSON, PODS, listing, recorder, thing
from tests.screens.test_screen_bundle import client

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
LEASES = "/apis/coordination.k8s.io/v1/leases"
SCHEMA = "/openapi/v3/api/v1"


LOG = "/api/v1/namespaces/shop/pods/web-1/log?container=app"


def recorded() -> Recording:
    kept = recorder()
    restarted = [{"name": "app", "ready": False, "restartCount": 2}]
    web = thing("web-1", "shop", status={"phase": "Running", "containerStatuses": restarted})
    kept.record("api GET /api/v1/pods?resourceVersion=0", 200, JSON, listing("Pod", *PODS, web))
    for previous in ("false", "true"):
        kept.record(f"api GET {LOG}&previous={previous}", 200, "text/plain", f"previous is {previous}\n".encode())
    kept.record(
        f"api GET {ROLES}", 200, JSON, listing("ClusterRole", thing("view"), thing("edit"), version="rbac.authorization.k8s.io/v1")
    )
    many = json.loads(listing("Lease", thing("a", "shop"), version="coordination.k8s.io/v1", token="next"))
    many["metadata"]["remainingItemCount"] = 90_000
    kept.record(f"api GET {LEASES}?limit=1", 200, JSON, json.dumps(many).encode())
    index = {"paths": {"api/v1": {"serverRelativeURL": f"{SCHEMA}?hash=AB"}, "evil": {"serverRelativeURL": "/api/v1/secrets"}}}
    kept.record("api GET /openapi/v3", 200, JSON, json.dumps(index).encode())
    kept.record(f"api GET {SCHEMA}?hash=AB", 200, JSON, b'{"components": {"schemas": {}}}')
    return kept.recording(recorded_at=AT)


async def made(folder: Path) -> tuple[set[str], Store]:
    maker = Maker(lambda context, recorder, seen: client(recorded(), recorder, seen))
    said: list[tuple[str, float]] = []

    def progress(says: str, share: float) -> None:
        said.append((says, share))

    wanted = Wanted(tier=T1)
    looked = await maker.look("small", wanted, progress)
    path = maker.write(looked, wanted, folder / "b.tar.gz", progress).path
    shares = [share for _, share in said]
    assert shares == sorted(shares)
    assert any("clusterroles" in says for says, _ in said)
    recording = open_bundle(path).recording
    return set(recording.answers), Store(recording)


async def test_kinds_that_no_rule_reads_are_there_with_their_tables(tmp_path: Path) -> None:
    keys, store = await made(tmp_path)
    roles = json.loads(store.answer(ROLES, (), "application/json").body)
    assert [r["metadata"]["name"] for r in roles["items"]] == ["edit", "view"]
    assert any(key.startswith(f"api GET {ROLES}?includeObject=Metadata") for key in keys)
    assert f"api GET {SCHEMA}?hash=AB" in keys
    assert not any("/api/v1/secrets" in key and "includeObject" in key for key in keys)


async def test_of_a_container_that_restarted_the_log_before_is_there_too(tmp_path: Path) -> None:
    keys, _ = await made(tmp_path)
    asked = [key for key in keys if key.startswith(f"api GET {LOG.partition('?')[0]}?")]
    assert sorted("previous=true" in key for key in asked) == [False, True]


async def test_a_list_of_which_pages_are_missing_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    _, store = await made(tmp_path)
    answer = store.answer(LEASES, (), "application/json")
    assert answer.status == 500
    assert b"not all leases were read" in answer.body


async def test_an_estimate_counts_and_never_passes_the_limits() -> None:
    async with (
        ReplayServer(recorded()) as server,
        ApiClient(Credentials(context="x", cluster="x", server=server.url, user="x", namespace="default")) as api,
    ):
        told = await estimate(api, T0)
    assert (told.pods, told.namespaces) == (4, 2)
    assert told.services is None  # that list is not in the recording
    assert "4 pods" in told.says
    assert "services" not in told.says
    assert told.bytes < T0.bytes
    assert Estimate(None, None, None, 1, 1.0).says.startswith("a mesh that may not be counted")
