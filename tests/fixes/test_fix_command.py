"""`meshdoctor fix`, `undo` and `journal` against an API server that stores: every way it can end."""

from __future__ import annotations

import copy
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.bundle import statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.http import Request
from meshdoctor.fixes.patch import ours
from meshdoctor.triage.incident import create, incidents_folder, read
from tests.fixes.cluster import Cluster, unscripted
from tests.fixes.conftest import Run

RULE = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules/payment-plain"
FIX = ("fix", "MTL-002", "DestinationRule/shop/payment-plain")
WRITE = ("--write", "--yes")
SOON = ("--wait", "0.1")  # what a recording says of traffic does not change by waiting
FIXED = (*FIX, *SOON, *WRITE)


def mode(cluster: Cluster) -> str:
    rule = cluster.get(RULE)
    assert rule is not None
    return str(rule["spec"]["trafficPolicy"]["tls"]["mode"])


def writes(cluster: Cluster) -> list[tuple[str, str]]:
    """What was asked for that would have stored something."""
    return [(m, p) for m, p in cluster.requests if m not in ("GET", "HEAD") and "reviews" not in p and "dryRun=All" not in p]


def test_without_write_nothing_that_stores_leaves(meshdoctor: Run, cluster: Cluster, journal: Path) -> None:
    for flags in ((), ("--dry-run",), ("--force",), ("--yes",)):
        done = meshdoctor(*FIX, *flags)
        assert done.returncode == 0, done.stderr
        assert "-      mode: DISABLE" in done.stdout
        assert "nothing was written" in done.stdout
    assert writes(cluster) == []
    assert not journal.exists()


@pytest.mark.writes
def test_it_heals_and_is_taken_back_exactly_and_heals_again(meshdoctor: Run, cluster: Cluster, journal: Path) -> None:
    before = copy.deepcopy(cluster.get(RULE))
    assert before is not None
    done = meshdoctor(*FIXED)
    assert (done.returncode, mode(cluster)) == (0, "ISTIO_MUTUAL"), done.stderr
    assert "verified" in done.stdout
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    back = meshdoctor("undo", *WRITE)
    assert back.returncode == 0, back.stderr
    assert "exactly as it was before" in back.stdout
    restored = cluster.get(RULE)
    assert restored is not None
    assert ours(restored) == ours(before)
    assert meshdoctor("undo", *WRITE).returncode == 64, "there is nothing more to take back"
    assert meshdoctor(*FIXED).returncode == 0
    assert [m for m, _ in cluster.stored] == ["PATCH"] * 3
    listed = json.loads(meshdoctor("journal", "-o", "json").stdout)
    assert [e["state"] for e in listed["entries"]] == ["verified", "applied", "verified"]


@pytest.mark.writes
def test_the_result_for_scripts(meshdoctor: Run) -> None:
    said = json.loads(meshdoctor(*FIXED, "-o", "json").stdout)
    assert (said["state"], said["exit"], said["fix"]) == ("verified", 0, "MTL-002-1")


ENDS: list[tuple[str, str, Answer, int, str]] = [
    ("dry-run", "RBAC", statuses.failure(403, "Forbidden", 'User "x" cannot patch resource'), 64, "not permitted"),
    (
        "dry-run",
        "webhook denies",
        statuses.failure(403, "Forbidden", 'admission webhook "policy" denied the request: no'),
        64,
        "webhook denies",
    ),
    (
        "dry-run",
        "webhook is down",
        statuses.failure(500, "InternalError", 'failed calling webhook "validation.istio.io"'),
        64,
        "did not answer",
    ),
    (
        "dry-run",
        "no dry run",
        statuses.failure(400, "BadRequest", 'admission webhook "x" does not support dry run'),
        64,
        "tried out",
    ),
    ("dry-run", "invalid", statuses.failure(422, "Invalid", "spec.x: wrong"), 64, "refuses the changed object"),
    ("before", "changed", statuses.failure(409, "Conflict", "the object has been modified"), 64, "Planned anew"),
    ("before", "RBAC", statuses.failure(403, "Forbidden", 'User "x" cannot patch resource'), 64, "not permitted"),
    ("before", "webhook denies", statuses.failure(403, "Forbidden", 'admission webhook "x" denied the request: no'), 64, "denies"),
    ("before", "gone", statuses.failure(404, "NotFound", 'destinationrules "payment-plain" not found'), 64, "The object is gone"),
    ("before", "timeout", statuses.failure(504, "Timeout", "request did not complete"), 3, "may still arrive"),
    ("before", "busy", statuses.failure(429, "TooManyRequests", "later"), 64, "no room"),
    ("before", "unclear", statuses.failure(500, "InternalError", "etcd: request timed out"), 3, "may still arrive"),
]


@pytest.mark.writes
@pytest.mark.parametrize(("when", "what", "answer", "code", "words"), ENDS, ids=[f"{e[0]} {e[1]}" for e in ENDS])
def test_each_refusal_has_its_own_end(
    meshdoctor: Run, cluster: Cluster, when: str, what: str, answer: Answer, code: int, words: str
) -> None:
    cluster.script = lambda at, _: answer if at == when else None
    done = meshdoctor(*FIXED)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in " ".join((done.stdout + done.stderr).split())
    assert mode(cluster) == "DISABLE"
    assert cluster.stored == []


def test_what_is_not_permitted_is_not_even_tried_out(meshdoctor: Run, cluster: Cluster, journal: Path) -> None:
    no = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": {"allowed": False}}
    cluster.script = lambda at, request: statuses.json_answer(no) if "selfsubjectaccessreviews" in request.target else None
    done = meshdoctor(*FIXED)
    assert done.returncode == 64
    assert "kubectl auth can-i patch destinationrules.networking.istio.io -n shop" in done.stderr
    assert [path for method, path in cluster.requests if method == "PATCH"] == []
    assert not journal.exists()


@pytest.mark.writes
def test_without_a_trial_it_is_written_only_by_force(meshdoctor: Run, cluster: Cluster) -> None:
    words = 'admission webhook "x" does not support dry run'
    cluster.script = lambda at, _: statuses.failure(400, "BadRequest", words) if at == "dry-run" else None
    done = meshdoctor(*FIXED)
    assert (done.returncode, mode(cluster)) == (64, "DISABLE")
    assert "--force" in done.stderr
    done = meshdoctor(*FIXED, "--force")
    assert (done.returncode, mode(cluster)) == (0, "ISTIO_MUTUAL"), done.stderr
    assert "cannot be tried out" in done.stdout


@pytest.mark.writes
def test_an_undo_whose_answer_is_lost_is_not_called_done_before_it_was_seen(meshdoctor: Run, cluster: Cluster) -> None:
    assert meshdoctor(*FIXED).returncode == 0
    gone = False

    def vanish(at: str, _: Request) -> Answer | None:
        nonlocal gone
        gone = gone or at == "before"
        if gone:
            raise ConnectionResetError
        return None

    cluster.script = vanish
    done = meshdoctor("undo", *WRITE)
    assert (done.returncode, "exactly as it was" in done.stdout) == (3, False), done.stdout + done.stderr
    assert "takes it back" not in done.stdout, "an undo is not undone"
    cluster.script = unscripted
    assert "it was not written" in meshdoctor("journal").stdout
    assert meshdoctor("undo", *WRITE).returncode == 0
    assert mode(cluster) == "DISABLE"


@pytest.mark.writes
def test_a_real_concurrent_change_is_refused_and_planned_anew(meshdoctor: Run, cluster: Cluster) -> None:
    def another(at: str, _: Request) -> Answer | None:
        rule = copy.deepcopy(cluster.get(RULE))
        assert rule is not None
        if at == "before" and "sni" not in rule["spec"]["trafficPolicy"]["tls"]:
            rule["spec"]["trafficPolicy"]["tls"]["sni"] = "another"
            cluster.put(RULE, rule)
        return None

    cluster.script = another
    done = meshdoctor(*FIXED)
    assert done.returncode == 64
    assert "sni: another" in done.stdout.partition("Planned anew")[2]
    assert mode(cluster) == "DISABLE"
    assert meshdoctor(*FIXED).returncode == 0


@pytest.mark.writes
def test_a_lost_answer_is_found_out_by_looking(meshdoctor: Run, cluster: Cluster) -> None:
    def lost(at: str, _: Request) -> Answer | None:
        if at == "after":
            raise ConnectionResetError
        return None

    cluster.script = lost
    done = meshdoctor(*FIXED)
    assert (done.returncode, mode(cluster)) == (0, "ISTIO_MUTUAL"), done.stdout + done.stderr
    assert len(cluster.stored) == 1


@pytest.mark.writes
def test_an_api_that_is_gone_after_the_write_leaves_the_outcome_open(meshdoctor: Run, cluster: Cluster) -> None:
    gone = False

    def vanish(at: str, _: Request) -> Answer | None:
        nonlocal gone
        gone = gone or at == "after"
        if gone:
            raise ConnectionResetError
        return None

    cluster.script = vanish
    done = meshdoctor(*FIXED)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "unknown" in done.stdout
    assert meshdoctor("journal").returncode == 3, "it stays open while nobody can look"
    gone, cluster.script = False, lambda at, _: None
    settled = meshdoctor("journal")
    assert settled.returncode == 0
    assert "it was written" in settled.stdout
    assert meshdoctor("undo", *WRITE).returncode == 0
    assert mode(cluster) == "DISABLE"


@pytest.mark.writes
def test_a_write_that_does_not_heal_says_so(meshdoctor: Run, cluster: Cluster) -> None:
    """A controller writes its own version back at once."""

    def revert(at: str, _: Request) -> Answer | None:
        if at == "asked" and cluster.stored and mode(cluster) == "ISTIO_MUTUAL":
            rule = copy.deepcopy(cluster.get(RULE))
            assert rule is not None
            rule["spec"]["trafficPolicy"]["tls"]["mode"] = "DISABLE"
            cluster.put(RULE, rule)
        return None

    cluster.script = revert
    done = meshdoctor(*FIX, "--wait", "1", *WRITE)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "not-healed" in done.stdout
    assert "meshdoctor undo" in done.stdout


@pytest.mark.writes
def test_undo_leaves_others_changes_alone(meshdoctor: Run, cluster: Cluster) -> None:
    assert meshdoctor(*FIXED).returncode == 0
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    rule["spec"]["exportTo"] = ["."]
    cluster.put(RULE, rule)
    done = meshdoctor("undo", *WRITE)
    assert done.returncode == 2
    assert "others changed it elsewhere" in done.stdout
    restored = cluster.get(RULE)
    assert restored is not None
    assert (mode(cluster), restored["spec"]["exportTo"]) == ("DISABLE", ["."])


@pytest.mark.writes
def test_undo_does_not_run_over_another_change_of_the_same_place(meshdoctor: Run, cluster: Cluster) -> None:
    assert meshdoctor(*FIXED).returncode == 0
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    rule["spec"]["trafficPolicy"]["tls"]["mode"] = "SIMPLE"
    cluster.put(RULE, rule)
    assert meshdoctor("undo", *WRITE).returncode == 64
    assert mode(cluster) == "SIMPLE"


def test_a_secret_never_reaches_the_journal(meshdoctor: Run, cluster: Cluster, journal: Path, tmp_path: Path) -> None:
    """What a deletion would have to keep for its undo holds a password: it is refused, and nothing of it is on disk."""
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    rule["spec"]["trafficPolicy"]["tls"]["sni"] = "password=canary-4711-canary"
    cluster.put(RULE, rule)
    done = meshdoctor(*FIX, *WRITE, "--fix", "MTL-002-2")
    assert done.returncode == 64, done.stdout + done.stderr
    assert "looks like a secret" in done.stderr
    assert "canary-4711" not in done.stdout + done.stderr
    assert writes(cluster) == []
    assert all("canary-4711" not in f.read_text() for f in (tmp_path / "state").rglob("*") if f.is_file())


NOTHING = "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/nothing"


NOTHING_FIX = ("fix", "AZ-007", "AuthorizationPolicy/shop/nothing")


def put_nothing(cluster: Cluster) -> dict[str, Any]:
    """An AuthorizationPolicy without rules: it refuses all, and its fix is of high risk."""
    meta = {
        "name": "nothing",
        "namespace": "shop",
        "uid": "u1",
        "labels": {"team": "shop"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return cluster.put(NOTHING, {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": {}})


@pytest.mark.writes
def test_high_risk_needs_its_name_and_a_deletion_is_taken_back(meshdoctor: Run, cluster: Cluster) -> None:
    before = put_nothing(cluster)
    fix = (*NOTHING_FIX, *WRITE)
    refused = meshdoctor(*fix)
    assert (refused.returncode, cluster.stored) == (64, [])
    assert "--yes nothing" in refused.stderr
    done = meshdoctor(*fix, "nothing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.get(NOTHING) is None
    assert meshdoctor("undo", *WRITE).returncode == 0
    restored = cluster.get(NOTHING)
    assert restored is not None
    assert ours(restored) == ours(before)


VALIDATORS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@pytest.mark.writes
def test_a_creation_is_taken_back_but_not_once_it_was_changed(meshdoctor: Run, cluster: Cluster) -> None:
    for thing in list(cluster._store.collections[VALIDATORS].objects.values()):
        cluster._store.change(VALIDATORS, "DELETED", thing)
    assert meshdoctor("fix", "WH-002", "Deployment/istio-d/istiod", *WRITE, "--wait", "1").returncode == 0
    made = f"{VALIDATORS}/istiod-default-validator"
    found = copy.deepcopy(cluster.get(made))
    assert found is not None
    changed = copy.deepcopy(found)
    changed["webhooks"][0]["failurePolicy"] = "Fail"
    cluster.put(made, changed)
    assert meshdoctor("undo", *WRITE).returncode == 64
    cluster.put(made, found)
    assert meshdoctor("undo", *WRITE).returncode == 0
    assert cluster.get(made) is None


@pytest.mark.writes
def test_it_is_written_into_the_incident_that_is_open_and_into_its_postmortem(meshdoctor: Run, cluster: Cluster) -> None:
    create(incidents_folder(), "closed long ago").add("closed", "postmortem", "over")
    one = create(incidents_folder(), "cart is slow")
    other = create(incidents_folder(), "of another cluster", at=datetime(2026, 1, 1, tzinfo=UTC))
    put_nothing(cluster)
    assert meshdoctor(*NOTHING_FIX, "--dry-run").returncode == 0
    assert len(read(one.folder).timeline.entries) == 1, "a plan alone is no action"
    assert meshdoctor(*NOTHING_FIX, *WRITE, "nothing").returncode == 0
    entry = json.loads(meshdoctor("journal", "-o", "json").stdout)["entries"][0]["entry"]
    kept = read(one.folder)
    assert [(e.kind, e.data.get("entry")) for e in kept.timeline.entries[1:3]] == [("action", entry), ("note", entry)]
    assert kept.of("look")
    assert meshdoctor("undo", *WRITE, "--incident", other.name).returncode == 0
    assert len(read(one.folder).of("action")) == 1
    assert "Took back entry" in read(other.folder).of("action")[0].says
    told = meshdoctor("incident", "postmortem", "--incident", one.name).stdout
    done = told.partition("What was done")[2].partition("##")[0]
    assert f"journal {entry}" in done
    assert "It ended verified" in done
