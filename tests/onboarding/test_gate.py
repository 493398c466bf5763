"""The gate: what closes it, what was so before, what it keeps, and what it says it will touch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshdoctor.cli import main
from meshdoctor.diagnosis import judge
from meshdoctor.gate.gate import gate
from meshdoctor.gate.looked import Looked
from meshdoctor.gate.registry import ORDER, questions
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.gate import Gate, Moment
from meshdoctor.model.istiod import TypeSync
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication
from meshdoctor.model.workloads import Deployment
from meshdoctor.reports import gate as report
from tests.onboarding.sound import World, thing
from tests.probes.things import line
from tests.served import serving


def looked(w: World, before: Moment | None = None, unseen: Iterable[type[KubernetesObject]] = ()) -> Looked:
    mesh = w.mesh(unseen)
    return Looked(mesh, judge(mesh), ("shop",), before)


def status(found: Gate, ident: str) -> str:
    return next(str(c.status) for c in found.checks if c.id == ident)


def sound() -> World:
    world = World()
    world["Deployment/web"]["status"] |= {"updatedReplicas": 2}
    return world


def unready(w: World) -> None:
    w["Deployment/web"]["status"]["readyReplicas"] = 1


def rolling(w: World) -> None:
    w["Deployment/web"]["status"]["updatedReplicas"] = 1


def no_listener(w: World) -> None:
    w["Gateway/in"]["spec"]["servers"][0]["hosts"] = ["other.example.com"]


def refused(w: World) -> None:
    w.said["sync"] = {"LDS": TypeSync(sent="2", acked="1", error="no such filter")}


def failing(w: World) -> None:
    w.said["log"] = [line(cluster="outbound|80||cart.shop.svc.cluster.local", code=503, flags="UF")] * 3


def failing_outside(w: World) -> None:
    w.said["log"] = [line(cluster="outbound|443||api.example.org", code=0, flags="UF")]


def permissive(w: World) -> None:
    w["PeerAuthentication/default"]["spec"]["mtls"]["mode"] = "PERMISSIVE"


def policy_gone(w: World) -> None:
    w.objects.pop("AuthorizationPolicy/web")


def policy_in_dry_run(w: World) -> None:
    w["AuthorizationPolicy/web"]["metadata"]["annotations"] = {"istio.io/dry-run": "true"}


def fights(w: World) -> None:
    spec = {"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
    w.add(thing("networking.istio.io/v1", "DestinationRule", "shop/plain", spec=spec))


def test_a_sound_mesh_opens_the_gate() -> None:
    found = gate(looked(sound()))
    assert [(c.id, c.says) for c in found.checks if c.status not in ("PASS", "SKIPPED")] == []
    assert (found.verdict, [c.id for c in found.checks]) == ("PASS", list(ORDER))


BROKEN = [
    ("ready", unready),
    ("ready", rolling),
    ("ingress", no_listener),
    ("in-mesh", refused),
    ("in-mesh", failing),
    ("egress", failing_outside),
    ("mtls", permissive),
    ("mtls", fights),
    ("policy", policy_gone),
    ("policy", policy_in_dry_run),
    ("causes", fights),
]


@pytest.mark.parametrize(("ident", "change"), BROKEN, ids=[c.__name__ for _, c in BROKEN])
def test_what_a_change_breaks_closes_the_gate(ident: str, change: Callable[[World], Any]) -> None:
    before, world = looked(sound()).now, sound()
    change(world)
    found = gate(looked(world, before))
    assert (status(found, ident), found.verdict) == ("FAIL", "FAIL")


@pytest.mark.parametrize("change", [unready, no_listener, refused, failing, failing_outside])
def test_what_was_so_before_is_a_warning(change: Callable[[World], Any]) -> None:
    world = sound()
    change(world)
    ident = next(i for i, c in BROKEN if c is change)
    assert status(gate(looked(world)), ident) == "FAIL"
    assert status(gate(looked(world, looked(world).now)), ident) == "WARN"


def test_every_question_has_a_way_to_fail() -> None:
    assert {q.id for q in questions()} == {ident for ident, _ in BROKEN}


@pytest.mark.parametrize(
    ("ident", "kind", "part"),
    [("ready", Deployment, "workloads"), ("mtls", PeerAuthentication, "mtls"), ("policy", AuthorizationPolicy, "policies")],
)
def test_what_is_not_seen_is_unknown_and_kept_as_null(ident: str, kind: type[KubernetesObject], part: str) -> None:
    here = looked(sound(), unseen=[kind])
    found = gate(here)
    assert status(found, ident) == "UNKNOWN"
    assert found.verdict in ("UNKNOWN", "FAIL")
    assert json.loads(msgspec.json.encode(here.now))[part] is None


def test_text_is_harmless_and_fits() -> None:
    world = sound()
    unready(world)
    text = report.text(gate(looked(world)), width=80)
    assert "1 of 2 ready" in text
    assert max(len(row) for row in text.splitlines() if "$ " not in row) <= 80


def test_the_command_saves_compares_and_says_what_it_touches(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "before.json"
    with serving(tmp_path, "healthy") as served:
        flags = ["gate", "--kubeconfig", served.kubeconfig, "-o", "json"]
        assert main([*flags, "-n", "shop", "bank", "--save", str(kept)]) == 0
        said = capsys.readouterr()
        assert "only reads" in said.err.splitlines()[0]
        assert json.loads(said.out)["schema"] == "meshdoctor.gate/v1"
        assert main([*flags, "--before", str(kept)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["namespaces"], told["before"] is not None) == (["bank", "shop"], True)
        assert [p for m, p in served.server.requests if m not in ("GET", "HEAD")] == []


def test_another_clusters_moment_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "before.json"
    kept.write_bytes(msgspec.json.encode(msgspec.structs.replace(looked(sound()).now, server="https://elsewhere:6443")))
    assert main(["gate", "--demo", "healthy", "--before", str(kept)]) == 64
    assert "elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "meshdoctor.gate-moment/v9"}'])
def test_a_file_that_is_no_moment_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    assert main(["gate", "--demo", "healthy", "--before", str(tmp_path / "x")]) == 64


def test_a_recording_is_compared_with_itself(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = str(tmp_path / "before.json")
    flags = ["gate", "--demo", "tls-switched-off", "-n", "shop", "bank"]
    assert main([*flags, "--save", kept]) == 2
    assert main([*flags, "--before", kept]) == 0
    assert "as before the change" in " ".join(capsys.readouterr().out.split())
