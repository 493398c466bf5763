"""Faults of the rig that one object change heals: planned, tried out, written, healed, taken back exactly, and written again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.cli import main
from meshdoctor.fixes.journal import Journal
from meshdoctor.fixes.patch import Object, difference, digest, ours
from meshdoctor.model.remedies import remedies
from tests.rig.conftest import RIG, fault, kubectl, until

pytestmark = pytest.mark.rig

OWN = Path(__file__).parent / "faults"
SHORT = ("AZ-004", "GW-001", "RT-019")
NOT_ONE_CHANGE = {
    "CRT-005": "the Secret has to be issued in the gateway's namespace: its body is never read",
    "CRT-007": "the certificate has to be issued for the host: its body is never read",
    "GW-004": "the address is given by the cloud",
    "JWT-001": "the issuer has to answer again",
}
RESTARTS = {r.id for several in remedies().values() for r in several if r.restart}


def _faults() -> list[Any]:
    """Every fault of the rig, and those of ours that have a remedy."""
    found = []
    for path in (*sorted((RIG / "faults").glob("*.sh")), *sorted(OWN.glob("*.sh"))):
        problem = "-".join(path.stem.split("-")[:2])
        if path.parent == OWN and problem not in remedies():
            continue
        marks = [] if problem in SHORT and path.parent != OWN else [pytest.mark.long]
        found.append(pytest.param(path, id=path.stem, marks=marks))
    return found


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """The rig for this test alone, where others use it too: RIG_LOCK names the file they agree on."""
    name = os.environ.get("RIG_LOCK")
    with open(name or os.devnull) as file:
        if name:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Rig:
    """The command on the rig, and what its journal keeps."""

    def __init__(self, kubeconfig: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.kubeconfig, self.journal, self.capsys = kubeconfig, Journal(folder / "meshdoctor"), capsys

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        self.capsys.readouterr()
        code = main([*arguments, "-o", "json", "--kubeconfig", self.kubeconfig])
        out, err = self.capsys.readouterr()
        assert out, err
        return code, json.loads(out)

    def causes(self) -> list[dict[str, Any]]:
        causes: list[dict[str, Any]] = self.run("diagnose")[1]["causes"]
        return causes

    def named(self) -> list[tuple[str, str]]:
        """Problem and subject of each cause."""
        return [(c["problem"], f"{c['subject']['kind']}/{c['subject']['namespace']}/{c['subject']['name']}") for c in self.causes()]

    def sound(self) -> list[dict[str, Any]]:
        """Wait until nothing is wrong; the causes that are left."""
        return until(self.causes, lambda left: not left)


@pytest.mark.parametrize("path", _faults())
def test_a_fault_is_healed_taken_back_and_healed_again(
    kubeconfig: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = dict(line[2:].split(": ", 1) for line in path.read_text().splitlines() if line.startswith("# ") and ": " in line)
    if head["problem"] in NOT_ONE_CHANGE:
        pytest.skip(NOT_ONE_CHANGE[head["problem"]])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    rig = Rig(kubeconfig, tmp_path, capsys)
    with _alone():
        assert rig.sound() == [], "the rig is ill before the fault"
        subjects = tuple(head["subject"].split(" | "))
        before = _objects(kubeconfig, subjects)
        try:
            fault(path, "inject", kubeconfig)
            time.sleep(float(head["settle"]))
            _heal_twice(rig, path, [head["problem"], *head.get("also", "").split()], subjects)
        finally:
            left = _put_back(rig, path, before)
        assert left == [], "the rig is ill after the fault"


def _heal_twice(rig: Rig, path: Path, problems: list[str], subjects: tuple[str, ...]) -> None:
    def wanted(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(p, s) for p in problems for q, s in named if p == q and s.startswith(subjects)]

    named = until(rig.named, wanted, seconds=60)
    assert wanted(named), f"none of {problems} at {subjects} among {named}"
    problem, about = wanted(named)[0]
    code, said = rig.run("fix", problem, about, "--dry-run")
    assert (code, said["state"]) == (0, "planned"), f"{said}"
    assert rig.journal.entries() == [], "a plan writes nothing"
    for attempt in ("first", "again"):
        code, said = rig.run("fix", problem, about, "--write", "--yes", said["target"]["name"])
        assert (code, said["state"]) == (0, "verified"), f"{attempt}: {said}"
        print(f"{problem} {about} {said['fix']}: {said['says']} after {said['seconds']} s")
        if attempt == "again":
            return
        entry = rig.journal.entries()[-1]
        code, undone = rig.run("undo", entry.id, "--write", "--yes")
        assert (code, undone["state"], undone["exact"]) == (0, "undone", True), f"{undone}"
        assert _digest(rig, entry.holds.path) == entry.holds.digest_before, "byte for byte"
        time.sleep(5)
        if said["fix"] in RESTARTS:  # what restarted does not become ill again by being restarted back
            fault(path, "heal", rig.kubeconfig)
            fault(path, "inject", rig.kubeconfig)
        _until_found(rig, problem, about)


def _digest(rig: Rig, path: str) -> str:
    try:
        return digest(json.loads(kubectl(rig.kubeconfig, "get", "--raw", path)))
    except subprocess.CalledProcessError:
        return digest({})  # there is none


def _until_found(rig: Rig, problem: str, about: str) -> None:
    """Wait until the fault shows again."""

    def shows(found: dict[str, Any]) -> bool:
        told = [f for f in found["findings"] if f["problem"] == problem and f["status"] in ("FAIL", "WARN")]
        return about in ("{kind}/{namespace}/{name}".format(**f["subject"]) for f in told)

    found = until(lambda: rig.run("diagnose")[1], shows)
    assert shows(found), f"taken back, and {problem} is not found at {about} again"


def _put_back(rig: Rig, path: Path, before: dict[tuple[str, ...], Object]) -> list[dict[str, Any]]:
    """The rig as it was: what the fix did is taken back, then the fault; the causes that are left."""
    last = rig.journal.entries()[-1:]
    if last and last[0].is_applied and not last[0].holds.undoes and last[0].holds.verb != "delete":
        rig.run("undo", last[0].id, "--write", "--yes")
    fault(path, "heal", rig.kubeconfig)
    for named, thing in _objects(rig.kubeconfig, tuple("/".join(n) for n in before)).items():
        if digest(thing) != digest(before[named]):  # fields that the undo wrote are ours: the heal's apply leaves them
            kind, namespace, name = named
            patch = json.dumps(difference(ours(thing), ours(before[named])))
            kubectl(rig.kubeconfig, "patch", kind, name, "-n", namespace, "--type=json", "-p", patch)
    return rig.sound()


def _objects(kubeconfig: str, subjects: tuple[str, ...]) -> dict[tuple[str, ...], Object]:
    """Those of the objects named KIND/NAMESPACE/NAME that there are."""
    found = {}
    for named in (tuple(s.split("/")) for s in subjects):
        with contextlib.suppress(subprocess.CalledProcessError):
            kind, namespace, name = named
            if name and kind not in ("Pod", "Secret"):
                found[named] = json.loads(kubectl(kubeconfig, "get", kind, name, "-n", namespace, "-o", "json"))
    return found
