"""Secrets planted where clusters have them and where people paste them: in no journal, incident, diff, draft, report or log."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from meshdoctor.bundle import statuses
from meshdoctor.triage.comms import AUDIENCES
from tests.fixes.cluster import Cluster
from tests.fixes.conftest import Run
from tests.fixes.test_fix_command import FIXED, RULE, WRITE, writes

PLANTED = {
    "corp.example/deploy-token": "c4n4ry-annotation",
    "corp.example/notes": "PGPASSWORD=c4n4ry-in-text psql",
    "corp.example/hook": "https://me:c4n4ry-in-a-url@hooks.example.com/",
    "corp.example/header": "Authorization: Bearer c4n4ry-bearer-value",
}
ROUTE = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/leaky"
SAID = (
    "Authorization: Bearer c4n4ry-pasted-bearer",
    "password=c4n4ry-pasted-password",
    "curl -u admin:c4n4ry-pasted-basic https://shop.example.com",
    "Cookie: session=c4n4ry-pasted-cookie",
    "-----BEGIN RSA PRIVATE KEY-----\nc4n4ry-pasted-key\n-----END RSA PRIVATE KEY-----",
)


def plant(cluster: Cluster) -> None:
    """Into the object that is fixed, and into one whose words a finding quotes."""
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    rule["metadata"]["annotations"] = PLANTED
    cluster.put(RULE, rule)
    spec = {
        "hosts": ["leaky.shop.svc.cluster.local"],
        "http": [
            {
                "match": [{"headers": {"authorization": {"exact": "Bearer c4n4ry-in-a-match"}}}],
                "headers": {"request": {"set": {"x-api-key": "c4n4ry-in-a-header", "authorization": "Basic c4n4ry-basic-set"}}},
                "route": [{"destination": {"host": "https://me:c4n4ry-in-a-host@nowhere.example.com"}}],
            }
        ],
    }
    meta = {"name": "leaky", "namespace": "shop", "uid": "u9", "annotations": PLANTED, "creationTimestamp": "2026-01-01T00:00:00Z"}
    cluster.put(ROUTE, {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec})


def on_disk(tmp_path: Path) -> str:
    return "".join(f.read_text() for f in sorted((tmp_path / "state").rglob("*")) if f.is_file())


@pytest.mark.writes
def test_what_a_fix_shows_and_keeps(meshdoctor: Run, cluster: Cluster, tmp_path: Path) -> None:
    plant(cluster)
    told = [meshdoctor(*FIXED), meshdoctor("undo", *WRITE), meshdoctor("journal"), meshdoctor("journal", "-o", "json")]
    assert [t.returncode for t in told] == [0, 0, 0, 0]
    denied = 'admission webhook "policy" denied the request: sent Authorization: Bearer c4n4ry-in-a-denial'
    cluster.script = lambda at, _: statuses.failure(403, "Forbidden", denied) if at == "before" else None
    told.append(meshdoctor(*FIXED))
    assert told[-1].returncode == 64
    text = "".join(t.stdout + t.stderr for t in told)
    assert "mode: ISTIO_MUTUAL" in text
    assert "c4n4ry" not in text + on_disk(tmp_path)
    assert "<redacted>" in on_disk(tmp_path), "the denial is in the journal"


def test_a_variable_beside_what_changes_is_masked_in_the_diff(meshdoctor: Run, cluster: Cluster) -> None:
    rule = copy.deepcopy(cluster.get(RULE))
    assert rule is not None
    env = [{"name": "DB_PASSWORD", "value": "c4n4ry-variable"}]
    cluster.put(RULE, {**rule, "spec": {**rule["spec"], "trafficPolicy": {"env": env, **rule["spec"]["trafficPolicy"]}}})
    told = meshdoctor(*FIXED[:5], "--dry-run").stdout
    assert "name: DB_PASSWORD" in told
    assert "c4n4ry" not in told


@pytest.mark.writes
def test_what_would_have_to_be_kept_is_refused(meshdoctor: Run, cluster: Cluster, tmp_path: Path) -> None:
    plant(cluster)
    done = meshdoctor(*FIXED, "--fix", "MTL-002-2")  # removes a block: fine, nothing secret is in what is kept for the undo
    assert done.returncode == 0, done.stderr
    nothing = "/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies/nothing"
    meta = {"name": "nothing", "namespace": "shop", "uid": "u1", "annotations": PLANTED}
    cluster.put(nothing, {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": {}})
    before = len(writes(cluster))
    done = meshdoctor("fix", "AZ-007", "AuthorizationPolicy/shop/nothing", *WRITE, "nothing")
    assert done.returncode == 64
    assert "looks like a secret" in done.stderr
    assert len([w for w in writes(cluster) if w[0] == "DELETE"]) == before - 1, "only the dry run of the deletion"
    assert cluster.get(nothing) is not None
    assert "c4n4ry" not in done.stdout + done.stderr + on_disk(tmp_path)


def test_reports(meshdoctor: Run, cluster: Cluster, tmp_path: Path) -> None:
    plant(cluster)
    for form in ("text", "json", "junit", "sarif", "markdown", "github", "html"):
        said = meshdoctor("check", "--live", "-o", form)
        assert "nowhere" in said.stdout, form
        assert "c4n4ry" not in said.stdout + said.stderr, form
    said = meshdoctor("diagnose", "-v")
    assert "nowhere.example.com" in said.stdout
    assert "c4n4ry" not in said.stdout + said.stderr + on_disk(tmp_path)


def test_incident_drafts_and_postmortem(meshdoctor: Run, cluster: Cluster, tmp_path: Path) -> None:
    plant(cluster)
    told = [meshdoctor("incident", "open", *SAID)]
    for words in SAID:
        told += [meshdoctor("incident", action, words) for action in ("note", "action")]
    told.append(meshdoctor("incident", "paste", "\n".join(SAID)))
    told += [meshdoctor("incident", "draft", audience) for audience in AUDIENCES]
    told += [
        meshdoctor("incident", "postmortem"),
        meshdoctor("incident", "postmortem", "-o", "html"),
        meshdoctor("incident", "show"),
    ]
    assert {t.returncode for t in told} == {0}, [t.stderr for t in told]
    text = "".join(t.stdout + t.stderr for t in told)
    assert "RT-001" in on_disk(tmp_path)
    assert "c4n4ry" not in text + on_disk(tmp_path)
    assert on_disk(tmp_path).count("<redacted>") > len(SAID)
