"""`scan` and `gate` on a real mesh: namespaces made for each state, and for each check that the rig can break.

Each of the 32 sidecar checks has a line below. The rig has one version of proxies: one of them says that it is older (5). It has no
ambient mode: AM1 to AM3 are tested from inline YAML only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshdoctor.cli import main
from tests.rig.conftest import LONG, kubectl, until

pytestmark = pytest.mark.rig
MANIFESTS = Path(__file__).parent / "scan_namespaces.yaml"
NAMESPACES = [f"scan-{n}" for n in ("onboarded", "enrolling", "degraded", "outside", "exempt", "lost", "twice", "secure")]

STATES = {
    "scan-onboarded": "onboarded",
    "scan-enrolling": "enrolling",
    "scan-degraded": "degraded",
    "scan-outside": "not-enrolled",
    "scan-exempt": "exempt",
    "scan-lost": "degraded",
    "scan-twice": "degraded",
}
BROKEN = [
    ("1", "scan-twice", "FAIL", "istio.io/rev"),
    ("2", "scan-lost", "FAIL", "no injection webhook"),
    ("3", "scan-enrolling", "FAIL", "0 of 1 pods"),
    ("4", "scan-degraded", "FAIL", "old"),
    ("5", "scan-degraded", "WARN", "1.20.0"),
    ("6", "scan-degraded", "FAIL", "risky"),
    ("7", "scan-degraded", "FAIL", "risky"),
    ("8", "scan-secure", "FAIL", "refuses"),
    ("9", "scan-degraded", "WARN", "declares no protocol"),
    ("10", "scan-degraded", "WARN", "default"),
    ("11", "scan-degraded", "WARN", "version"),
    ("12", "scan-degraded", "FAIL", "PERMISSIVE"),
    ("13", "scan-degraded", "FAIL", "scan-outside/caller"),
    ("14", "scan-degraded", "FAIL", "DestinationRule scan-degraded/plain"),
    ("15", "bank", "WARN", "ledger-v1"),
    ("16", "scan-degraded", "FAIL", "gateway in"),
    ("17", "scan-degraded", "FAIL", "15012"),
    ("18", "scan-degraded", "WARN", "no Sidecar"),
    ("19", "scan-degraded", "WARN", "memory"),
    ("20", "scan-degraded", "WARN", "are needed"),
    ("21", "scan-degraded", "WARN", "past the agent"),
    ("22", "scan-degraded", "WARN", "before its proxy"),
    ("23", "scan-degraded", "WARN", "while its proxy drains"),
    ("24", "scan-degraded", "WARN", "1 replica"),
    ("25", "scan-degraded", "FAIL", "1337"),
    ("26", "scan-degraded", "WARN", "9999"),
    ("27", "scan-degraded", "FAIL", "nobody"),
    ("28", "scan-degraded", "FAIL", "scan.example.net"),
    ("29", "scan-degraded", "WARN", ":8080"),
    ("30", "scan-degraded", "WARN", "istio_requests_total"),
    ("31", "scan-degraded", "WARN", "scan-degraded/refused"),
    ("32", "scan-degraded", "WARN", "no label or annotation"),
]


def scanned(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main(["scan", "-o", "json", "--active", "--kubeconfig", kubeconfig, "-n", "bank", *NAMESPACES])
    return {n["name"]: n for n in json.loads(capsys.readouterr().out)["namespaces"]}


def checks_of(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["id"]: c for c in result["checks"]}


def words_of(check: dict[str, Any]) -> str:
    return " ".join((check["says"], *(f"{e['says']} {e['quote']} {e['source']}" for e in check["evidence"])))


def wrong(found: dict[str, Any]) -> list[str]:
    """What is not as the tables above have it."""
    told = [f"{n}: {found[n]['state']}, not {s}" for n, s in STATES.items() if found[n]["state"] != s]
    for ident, namespace, status, words in BROKEN:
        check = checks_of(found[namespace])[ident]
        if check["status"] != status or words not in words_of(check):
            told.append(f"{ident} of {namespace}: {check['status']} {check['says']}")
    return told


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def namespaces(kubeconfig: str) -> Iterator[None]:
    """The namespaces, their pods running; deleted afterwards."""
    report = kubectl(kubeconfig, "-n", "legacy", "get", "pods", "-l", "app=report", "-o", "jsonpath={.items[0].status.podIP}")
    text = MANIFESTS.read_text().replace("PLAIN_POD", report)
    try:
        kubectl(kubeconfig, "apply", "-f", "-", stdin=text)
        for namespace, name in (
            ("scan-onboarded", "web"),
            ("scan-enrolling", "web"),
            ("scan-degraded", "web"),
            ("scan-outside", "caller"),
        ):
            kubectl(kubeconfig, "-n", namespace, "rollout", "status", f"deployment/{name}", f"--timeout={LONG:.0f}s")
        time.sleep(1)  # the label has to be younger than the pod
        kubectl(kubeconfig, "label", "namespace", "scan-enrolling", "istio-injection=enabled")
        kubectl(kubeconfig, "-n", "scan-degraded", "annotate", "pod", "-l", "app=risky", "istio.io/rev=old", "--overwrite")
        pod = kubectl(kubeconfig, "-n", "scan-degraded", "get", "pods", "-l", "app=web", "-o", "name").strip()
        agent = ("pilot-agent", "request", "POST", "quitquitquit")
        kubectl(kubeconfig, "-n", "scan-degraded", "exec", pod, "-c", "istio-proxy", "--", *agent)
        yield
    finally:
        kubectl(kubeconfig, "delete", "namespace", "--ignore-not-found", "--wait=true", f"--timeout={LONG:.0f}s", *NAMESPACES)


def test_states_and_checks(namespaces: None, kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Once pods run, their proxies are connected, and the log of the last minute has a line."""
    assert until(lambda: wrong(scanned(kubeconfig, capsys)), lambda left: not left) == []


@pytest.mark.usefixtures("sound")
def test_a_gate_closes_on_what_a_change_breaks_and_opens_again(
    kubeconfig: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = str(tmp_path / "before.json")
    flags = ["gate", "--kubeconfig", kubeconfig, "-o", "json"]
    before = [*flags, "-n", "shop", "bank", "--save", kept]
    assert until(lambda: main(before), lambda code: code == 0, every=5) == 0, "calls failed before anything was changed"
    capsys.readouterr()
    rule = "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: scan-gate, namespace: shop}, spec: {host: payment.bank.svc.cluster.local, trafficPolicy: {tls: {mode: DISABLE}}}}"

    def closed() -> tuple[int, dict[str, str]]:
        code = main([*flags, "--before", kept])
        return code, {c["id"]: c["status"] for c in json.loads(capsys.readouterr().out)["checks"]}

    broken = {"mtls": "FAIL", "in-mesh": "FAIL", "causes": "FAIL", "ready": "PASS"}
    try:
        kubectl(kubeconfig, "apply", "-f", "-", stdin=rule)
        code, told = until(closed, lambda seen: broken.items() <= seen[1].items(), seconds=60)
    finally:
        kubectl(kubeconfig, "-n", "shop", "delete", "destinationrule", "scan-gate", "--ignore-not-found")
    assert (code, {name: told[name] for name in broken}) == (2, broken)
    again, told = until(closed, lambda seen: seen[0] == 0, every=5)  # the log of the last minute has to forget
    assert again == 0, told
