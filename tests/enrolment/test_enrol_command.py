"""`enrol`, `strict` and `undo PLAN` against an API server that stores, but has no controllers and no proxies behind it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from meshdoctor.bundle import statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.http import Request
from meshdoctor.fixes.patch import ours
from meshdoctor.triage.incident import create, incidents_folder, read
from tests.fixes.cluster import Cluster
from tests.fixes.conftest import Run

NAMESPACE, REPORT = "/api/v1/namespaces/legacy", "/apis/apps/v1/namespaces/legacy/deployments/report-v1"
POLICIES = "/apis/security.istio.io/v1/namespaces/shop/peerauthentications"
WRITE = ("--write", "--yes")
NOW = ("--wait", "0.01")
Object = dict[str, Any]


def live(cluster: Cluster, path: str) -> Object:
    found = cluster.get(path)
    assert found is not None
    return found


def state(cluster: Cluster) -> list[Object]:
    return [copy.deepcopy(ours(live(cluster, p))) for p in (NAMESPACE, REPORT)]


def injecting(at: str, request: Request) -> Answer | None:
    """The webhook's part: a test pod in a namespace that asks for it gets its sidecar."""
    if at == "dry-run" and request.target.startswith(f"{NAMESPACE}/pods?"):
        return statuses.json_answer({"kind": "Pod", "spec": {"containers": [{"name": "istio-proxy"}]}}, 201)
    return None


def test_a_plan_stores_nothing(meshdoctor: Run, cluster: Cluster) -> None:
    for flags in ((), ("--dry-run",), ("--yes",)):
        done = meshdoctor("enrol", "legacy", *flags)
        assert done.returncode == 0, done.stderr
        assert "label namespace legacy istio-injection=enabled" in done.stdout
        assert "nothing was written" in done.stdout
    assert cluster.stored == []


@pytest.mark.parametrize("command", [("enrol", "legacy"), ("strict", "shop")])
def test_on_a_recording_there_is_a_plan_and_no_more(meshdoctor: Run, cluster: Cluster, command: tuple[str, ...]) -> None:
    cluster.script = lambda at, _: (
        statuses.failure(405, "MethodNotAllowed", "a recording is only read") if at == "dry-run" else None
    )
    done = meshdoctor(*command)
    assert (done.returncode, "takes no writes" in done.stdout, "nothing was written" in done.stdout) == (0, True, True), done.stderr
    assert meshdoctor(*command, *WRITE).returncode == 64
    assert cluster.stored == []


@pytest.mark.writes
def test_it_stops_where_a_pod_comes_up_bare_and_all_of_it_is_taken_back(meshdoctor: Run, cluster: Cluster) -> None:
    cluster.script = injecting
    before = state(cluster)
    told = json.loads(meshdoctor("enrol", "legacy", *WRITE, "-o", "json").stdout)
    assert (told["exit"], [r["state"] for r in told["results"]]) == (2, ["verified", "not-healed"])
    assert "without a sidecar" in told["results"][1]["says"]
    assert live(cluster, NAMESPACE)["metadata"]["labels"]["istio-injection"] == "enabled"
    again = json.loads(meshdoctor("enrol", "legacy", *WRITE, "-o", "json").stdout)
    assert again["plan"] == told["plan"], "what goes on belongs to the same plan"
    planned = meshdoctor("undo", told["plan"])
    assert planned.stdout.index("label namespace") < planned.stdout.index("restart Deployment"), "the label goes first"
    back = json.loads(meshdoctor("undo", told["plan"], *WRITE, "-o", "json").stdout)
    assert (back["exit"], {s["exact"] for s in back["steps"]}) == (0, {True})
    assert state(cluster) == before
    assert meshdoctor("undo", told["plan"], *WRITE).returncode == 64, "there is nothing more to take back"


@pytest.mark.writes
def test_what_is_taken_back_within_an_incident_is_in_its_timeline(meshdoctor: Run, cluster: Cluster) -> None:
    one, newer = create(incidents_folder(), "report is slow"), create(incidents_folder(), "of something else")
    cluster.script = injecting
    plan = json.loads(meshdoctor("enrol", "legacy", *WRITE, "-o", "json").stdout)["plan"]
    back = json.loads(meshdoctor("undo", plan, *WRITE, "-o", "json", "--incident", one.name).stdout)
    assert back["incident"] == one.name
    acted = read(one.folder).of("action")
    assert [e.data["entry"] for e in acted] == [s["entry"] for s in back["steps"]]
    assert all(s["undoes"] in e.says for s, e in zip(back["steps"], acted, strict=True))
    assert not read(newer.folder).of("action")


@pytest.mark.writes
@pytest.mark.parametrize("unread", ["/api/v1/pods", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"])
def test_what_cannot_be_read_after_a_write_leaves_it_unverified(meshdoctor: Run, cluster: Cluster, unread: str) -> None:
    def failing(at: str, request: Request) -> Answer | None:
        if at == "asked" and cluster.stored and request.target.partition("?")[0] == unread:
            return statuses.failure(403, "Forbidden", "no")
        return injecting(at, request)

    cluster.script = failing
    told = json.loads(meshdoctor("enrol", "legacy", *WRITE, "-o", "json").stdout)
    assert (told["exit"], told["results"][-1]["state"]) == (3, "unverified")
    assert json.loads(meshdoctor("journal", "-o", "json").stdout)["entries"][-1]["state"] == "unverified"


@pytest.mark.writes
def test_each_step_is_an_entry_that_can_be_taken_back_alone(meshdoctor: Run, cluster: Cluster) -> None:
    cluster.script = injecting
    meshdoctor("enrol", "legacy", *WRITE)
    listed = json.loads(meshdoctor("journal", "-o", "json").stdout)["entries"]
    assert [e["fix"] for e in listed] == ["enrol", "enrol"]
    assert meshdoctor("undo", listed[0]["entry"], *WRITE).returncode == 0
    assert "istio-injection" not in live(cluster, NAMESPACE)["metadata"]["labels"]


@pytest.mark.writes
def test_what_stands_in_the_way_is_refused_until_it_is_named(meshdoctor: Run, cluster: Cluster) -> None:
    cluster.script = injecting
    namespace = copy.deepcopy(live(cluster, NAMESPACE))
    namespace["metadata"].setdefault("annotations", {})["meshdoctor.dev/exempt"] = "it is going away"
    cluster.put(NAMESPACE, namespace)
    refused = meshdoctor("enrol", "legacy", *WRITE)
    assert (refused.returncode, cluster.stored) == (64, [])
    assert "it is going away" in refused.stderr
    assert "--force exempt" in refused.stderr
    assert meshdoctor("enrol", "legacy", "--force", "exempt", *WRITE).returncode == 2
    assert len(cluster.stored) == 2


def test_what_git_keeps_is_not_written_over(meshdoctor: Run, cluster: Cluster) -> None:
    namespace = copy.deepcopy(live(cluster, NAMESPACE))
    namespace["metadata"]["labels"]["argocd.argoproj.io/instance"] = "legacy"
    cluster.put(NAMESPACE, namespace)
    refused = meshdoctor("enrol", "legacy", *WRITE)
    assert (refused.returncode, cluster.stored) == (64, [])
    assert "Argo CD" in refused.stderr


def test_no_wave_is_written_where_a_later_one_would_not_be_carried_out(meshdoctor: Run, cluster: Cluster) -> None:
    paused = copy.deepcopy(live(cluster, REPORT))
    paused["spec"]["paused"] = True
    cluster.put(REPORT, paused)
    refused = meshdoctor("enrol", "legacy", *WRITE)
    assert (refused.returncode, cluster.stored) == (64, [])
    assert "paused" in refused.stderr


def knocked(cluster: Cluster, at: str, request: Request) -> Answer | None:
    """A sidecar's part: plain text is taken until there is a policy that says STRICT."""
    if at != "asked" or "/proxy/" not in request.target:
        return None
    if cluster.get(f"{POLICIES}/default"):
        return statuses.failure(503, "ServiceUnavailable", "error trying to reach service: read: connection reset by peer")
    return statuses.json_answer({})


@pytest.mark.writes
def test_strict_is_verified_by_plain_text_that_is_refused(meshdoctor: Run, cluster: Cluster) -> None:
    cluster.script = lambda at, request: knocked(cluster, at, request)
    plan = json.loads(meshdoctor("strict", "shop", "-o", "json").stdout)
    ids = list(dict.fromkeys(b["id"] for b in plan["stages"][0]["blockers"]))
    accepted = ("--force", *ids) if ids else ()
    told = json.loads(meshdoctor("strict", "shop", *accepted, *WRITE, *NOW, "-o", "json").stdout)
    result = told["results"][0]
    assert (told["exit"], result["state"]) == (0, "verified"), result
    assert {p["outcome"] for p in result["before"]} == {"answered"}
    assert {p["outcome"] for p in result["after"]} == {"refused"}
    assert meshdoctor("undo", told["plan"], *WRITE).returncode == 0
    assert cluster.get(f"{POLICIES}/default") is None


@pytest.mark.writes
def test_what_a_staged_plan_made_only_on_the_way_needs_no_undo(meshdoctor: Run, cluster: Cluster) -> None:
    def refusing(at: str, request: Request) -> Answer | None:
        if at != "asked" or "/proxy/" not in request.target:
            return None
        path = request.target.partition("/pods/")[2]
        name = next(n for n in ("cart-v1", "catalog-v1", "catalog-v2", "storefront-v1") if path.startswith(n))
        if cluster.get(f"{POLICIES}/default") or cluster.get(f"{POLICIES}/{name}"):
            return statuses.failure(503, "ServiceUnavailable", "error trying to reach service: EOF")
        return statuses.json_answer({})

    cluster.script = refusing
    plan = json.loads(meshdoctor("strict", "shop", "--staged", "-o", "json").stdout)
    ids = list(dict.fromkeys(b["id"] for s in plan["stages"] for b in s["blockers"]))
    told = json.loads(meshdoctor("strict", "shop", "--staged", "--force", *ids, "x", *WRITE, *NOW, "-o", "json").stdout)
    assert [r["state"] for r in told["results"]] == ["verified"] * len(plan["stages"])
    assert [cluster.get(f"{POLICIES}/{n}") is None for n in ("default", "cart-v1")] == [False, True]
    back = json.loads(meshdoctor("undo", told["plan"], *WRITE, "-o", "json").stdout)
    assert (back["exit"], len(back["steps"])) == (0, 1)
    assert cluster.get(f"{POLICIES}/default") is None


@pytest.mark.writes
def test_without_a_plain_text_client_it_is_not_known(meshdoctor: Run, cluster: Cluster) -> None:
    denied = statuses.failure(403, "Forbidden", 'pods "x" is forbidden: User "u" cannot get resource "pods/proxy"')
    cluster.script = lambda at, request: denied if at == "asked" and "/proxy/" in request.target else None
    plan = json.loads(meshdoctor("strict", "shop/cart-v1", "-o", "json").stdout)
    ids = [b["id"] for b in plan["stages"][0]["blockers"]]
    accepted = ("--force", *ids) if ids else ()
    done = json.loads(meshdoctor("strict", "shop/cart-v1", *accepted, *WRITE, *NOW, "-o", "json").stdout)
    assert (done["exit"], done["state"]) == (3, "unverified")
    assert "forbidden" in done["results"][0]["says"]


def test_what_does_not_exist_is_said(meshdoctor: Run) -> None:
    assert "workloads of one namespace" in meshdoctor("strict", "mesh", "--staged").stderr
    assert "no namespace 'legacyy'. Near: legacy" in meshdoctor("enrol", "legacyy").stderr
