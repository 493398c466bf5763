"""`legacy` is taken into the mesh while shop and bank are under load, and out of it again: none of their requests fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.cli import main
from tests.rig.calls import log_lines
from tests.rig.conftest import LONG, kubectl, until

pytestmark = [pytest.mark.rig, pytest.mark.long]
OTHERS = ("shop", "bank", "sm-gateways")
LEAST = 5  # requests that make a window count: shopper makes four a second


def run(capsys: pytest.CaptureFixture[str], kubeconfig: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main([*arguments, "-o", "json", "--kubeconfig", kubeconfig])
    return code, json.loads(capsys.readouterr().out)


def requests(kubeconfig: str, since: datetime) -> tuple[int, list[dict[str, Any]]]:
    """The requests of the others that ended since then, as their proxies logged them, and those that failed."""
    count, failed = 0, []
    for namespace in OTHERS:
        for pod in kubectl(kubeconfig, "-n", namespace, "get", "pods", "-o", "name").split():
            for entry in log_lines(kubeconfig, namespace, pod, since):
                count += 1
                if int(entry.get("response_code") or 0) >= 500 or str(entry.get("response_flags") or "-") != "-":
                    failed.append(entry)
    return count, failed


def pods_of(kubeconfig: str, namespace: str) -> list[tuple[str, int]]:
    """Running pods by name, with how many containers they have."""
    found = json.loads(kubectl(kubeconfig, "-n", namespace, "get", "pods", "-o", "json"))["items"]
    live = [p for p in found if not p["metadata"].get("deletionTimestamp")]
    return [
        (
            p["metadata"]["name"],
            len(p["spec"]["containers"]) + sum("restartPolicy" in c for c in p["spec"].get("initContainers", ())),
        )
        for p in live
    ]


def meta(kubeconfig: str, *what: str) -> tuple[Any, Any]:
    """Labels and spec of an object: all that an enrolment touches of it."""
    thing = json.loads(kubectl(kubeconfig, "get", *what, "-o", "json"))
    return thing["metadata"].get("labels"), thing["spec"]


@pytest.fixture
def untouched(kubeconfig: str) -> Iterator[None]:
    """It begins once no request of the others has failed for a while; whatever it leaves, legacy is out of the mesh afterwards."""
    quiet = timedelta(seconds=10)
    assert until(lambda: requests(kubeconfig, datetime.now(UTC) - quiet)[1], lambda failed: not failed, every=5) == []
    time.sleep(quiet.seconds)
    template = meta(kubeconfig, "-n", "legacy", "deployment", "report-v1")[1]["template"]
    yield
    kubectl(kubeconfig, "label", "namespace", "legacy", "istio-injection-")
    if meta(kubeconfig, "-n", "legacy", "deployment", "report-v1")[1]["template"] != template:
        patch = json.dumps([{"op": "replace", "path": "/spec/template", "value": template}])
        kubectl(kubeconfig, "-n", "legacy", "patch", "deployment", "report-v1", "--type=json", "-p", patch)
        kubectl(kubeconfig, "-n", "legacy", "rollout", "status", "deployment/report-v1", f"--timeout={LONG:.0f}s")


@pytest.mark.parametrize("what", [("legacy",), ("legacy", "report-v1")], ids=["namespace", "workload"])
@pytest.mark.usefixtures("untouched")
def test_others_lose_no_request_while_legacy_is_enrolled_and_taken_out(
    kubeconfig: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: tuple[str, ...]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    legacy = meta(kubeconfig, "namespace", "legacy"), meta(kubeconfig, "-n", "legacy", "deployment", "report-v1")
    others = {n: pods_of(kubeconfig, n) for n in OTHERS}
    began = datetime.now(UTC)
    code, plan = run(capsys, kubeconfig, "enrol", *what, "--dry-run")
    assert (code, plan["blockers"], plan["others"]["differences"]) == (0, [], [])
    assert pods_of(kubeconfig, "legacy")[0][1] == 1, "a plan changes nothing"

    code, told = run(capsys, kubeconfig, "enrol", *what, "--write", "--yes")
    assert (code, told["state"]) == (0, "verified"), told.get("results")
    assert [r["others"]["differences"] for r in told["results"]] == [[]] * len(told["waves"])
    assert [size for _, size in pods_of(kubeconfig, "legacy")] == [2]
    during, failed = requests(kubeconfig, began)
    assert during > LEAST
    assert failed == []

    again, told_again = run(capsys, kubeconfig, "enrol", *what)
    assert (again, told_again["waves"]) == (0, [])

    undone = datetime.now(UTC)
    code, back = run(capsys, kubeconfig, "undo", told["plan"], "--write", "--yes")
    assert (code, [s["exact"] for s in back["steps"]]) == (0, [True] * len(told["waves"]))
    assert [size for _, size in pods_of(kubeconfig, "legacy")] == [1]
    assert (meta(kubeconfig, "namespace", "legacy"), meta(kubeconfig, "-n", "legacy", "deployment", "report-v1")) == legacy
    after, failed = requests(kubeconfig, undone)
    assert after > LEAST
    assert failed == []
    assert {n: pods_of(kubeconfig, n) for n in OTHERS} == others, "no pod of theirs was made anew"
    print(f"{'/'.join(what)}: {during} requests of others while it went in, {after} while it went out, 0 failed")
