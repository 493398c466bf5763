"""`strict` on a real mesh: a caller that was seen stands in the way; by its name it is broken, plain text is refused, and taken again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.cli import main
from tests.probes.things import all_of, thing
from tests.rig.calls import Try, make
from tests.rig.conftest import LONG, applied_with_namespaces, kubectl, until
from tests.rig.test_rig_strict import HTTP, pod, service

pytestmark = pytest.mark.rig
INSIDE, OUTSIDE = "wizard-in", "wizard-out"
WORLD = all_of(
    thing("v1", "Namespace", INSIDE, labels={"istio-injection": "enabled"}),
    thing("v1", "Namespace", OUTSIDE),
    pod(f"{INSIDE}/server"),
    pod(f"{INSIDE}/client"),
    pod(f"{OUTSIDE}/alien"),
    service(f"{INSIDE}/server"),
)
numbers = itertools.count(7000)
Json = dict[str, Any]


@pytest.fixture
def world(kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    try:
        applied_with_namespaces(kubeconfig, WORLD)
        for namespace in (INSIDE, OUTSIDE):
            kubectl(kubeconfig, "-n", namespace, "wait", "--for=condition=Ready", "pod", "--all", f"--timeout={LONG:.0f}s")
        yield
    finally:
        kubectl(kubeconfig, "delete", "ns", INSIDE, OUTSIDE, f"--timeout={LONG:.0f}s")


def answered(kubeconfig: str, namespace: str, name: str) -> bool:
    number = next(numbers)
    tried = Try(namespace, name, f"server.{INSIDE}.svc.cluster.local", HTTP, number)
    return make(kubeconfig, [tried]).get(number, False)


def becomes(kubeconfig: str, namespace: str, name: str, *, wanted: bool) -> bool:
    """Whether its calls are answered (or not) after a while: open connections are drained first."""
    return until(lambda: answered(kubeconfig, namespace, name), lambda is_so: is_so is wanted, seconds=90) is wanted


def is_logged(kubeconfig: str, namespace: str, name: str) -> bool:
    """Whether the server's log tells of a call of this pod, after a while: Envoy writes it out once a second."""
    address = kubectl(kubeconfig, "-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.podIP}")
    told = f'"downstream_remote_address":"{address}:'
    return until(lambda: told in kubectl(kubeconfig, "-n", INSIDE, "logs", "server", "-c", "istio-proxy"), bool, seconds=30)


@pytest.mark.usefixtures("world")
def test_a_stage_breaks_whom_it_names_and_is_taken_back(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, Json]:
        capsys.readouterr()
        code = main([*arguments, "-o", "json", "--kubeconfig", kubeconfig])
        return code, json.loads(capsys.readouterr().out)

    assert becomes(kubeconfig, INSIDE, "client", wanted=True)
    assert becomes(kubeconfig, OUTSIDE, "alien", wanted=True)
    assert is_logged(kubeconfig, OUTSIDE, "alien")
    code, refused = run("strict", INSIDE, "--write", "--yes")
    assert (code, refused.get("reason")) == (64, "blocked"), refused
    assert {b["id"] for b in refused["stages"][0]["blockers"]} == {f"{OUTSIDE}/alien"}
    assert kubectl(kubeconfig, "-n", INSIDE, "get", "peerauthentications", "-o", "name") == ""

    code, told = run("strict", INSIDE, "--force", f"{OUTSIDE}/alien", "--write", "--yes")
    assert (code, told["state"]) == (0, "verified"), told.get("results")
    result = told["results"][0]
    assert result["before"]
    assert {p["outcome"] for p in result["before"]} == {"answered"}
    assert {p["outcome"] for p in result["after"]} == {"refused"}
    assert becomes(kubeconfig, OUTSIDE, "alien", wanted=False), "as foretold"
    assert becomes(kubeconfig, INSIDE, "client", wanted=True)

    code, back = run("undo", told["plan"], "--write", "--yes")
    assert (code, [s["exact"] for s in back["steps"]]) == (0, [True])
    assert becomes(kubeconfig, OUTSIDE, "alien", wanted=True)


@pytest.mark.usefixtures("world")
def test_stages_go_by_workload_and_leave_the_namespaces_policy_alone(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    def policies() -> list[str]:
        return kubectl(kubeconfig, "-n", INSIDE, "get", "peerauthentications", "-o", "name").split()

    def run(*words: str) -> int:
        return main([*words, "-o", "json", "--kubeconfig", kubeconfig])

    capsys.readouterr()
    code = run("strict", INSIDE, "--staged", "--write", "--yes")
    told = json.loads(capsys.readouterr().out)
    assert [s["where"] for s in told["stages"]] == [f"{INSIDE}/server", INSIDE], "nobody calls the client"
    assert "results" in told, (told.get("says"), told["stages"])
    assert [r["state"] for r in told["results"]] == ["verified", "verified"], told["results"]
    assert code == 0
    assert policies() == ["peerauthentication.security.istio.io/default"]
    assert run("undo", told["plan"], "--write", "--yes") == 0
    assert policies() == []
