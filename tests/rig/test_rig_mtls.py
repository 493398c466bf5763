"""The matrix against reality: real connections between every pair of workloads of shop, bank and legacy."""

from __future__ import annotations

import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from meshdoctor.cli import main
from tests.rig.calls import Try, inbound_lines, make
from tests.rig.conftest import kubectl, until

pytestmark = pytest.mark.rig
NAMESPACES = ("shop", "bank", "legacy")
TCP = 8078
ROUNDS = 6


def picture(kubeconfig: str, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    code = main(["mtls", "-o", "json", "--kubeconfig", kubeconfig, *more])
    assert code in (0, 2)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def running(kubeconfig: str) -> dict[tuple[str, str], tuple[str, str, bool]]:
    """(namespace, workload) to (pod, address, whether it has a sidecar)."""
    found = {}
    for namespace in NAMESPACES:
        for pod in json.loads(kubectl(kubeconfig, "-n", namespace, "get", "pods", "-o", "json"))["items"]:
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
            if ready and "deletionTimestamp" not in pod["metadata"]:
                name = pod["metadata"]["name"]
                sidecar = any(c["name"] == "istio-proxy" for c in pod["spec"]["containers"] + pod["spec"].get("initContainers", []))
                found[namespace, name.rsplit("-", 2)[0]] = (name, pod["status"]["podIP"], sidecar)
    return found


def key(subject: dict[str, str]) -> tuple[str, str]:
    return subject["namespace"], subject["name"]


@pytest.mark.usefixtures("sound")
def test_every_cell_is_what_a_real_connection_is(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    pods = running(kubeconfig)
    told = picture(kubeconfig, capsys, "--addresses")["pairs"]
    told = [p for p in told if key(p["client"]) in pods and key(p["server"]) in pods]
    numbers = itertools.count(int(time.time()) % 100_000 + 2000)
    tries: dict[int, tuple[Try, dict[str, Any]]] = {}
    for pair in told:
        client, server = pods[key(pair["client"])], pods[key(pair["server"])]
        host, port = (pair["host"], pair["service_port"]) if pair["host"] else (server[1], pair["port"])
        number = next(numbers)
        times = 25 if shared(pair) else 1
        one = Try(pair["client"]["namespace"], client[0], host, port, number, tcp=pair["port"] == TCP, times=times)
        tries[number] = (one, pair)
    real = outcomes(kubeconfig, pods, tries)
    for _ in range(ROUNDS):  # the version that gets a tenth of the calls is called until it was met, and whom a busy machine kept
        unmet = {n: t for n, t in tries.items() if real[n] == "broken" != t[1]["configured"]["verdict"]}
        real |= outcomes(kubeconfig, pods, unmet) if unmet else {}
    differ = []
    for number, (one, pair) in tries.items():
        if real[number] != pair["configured"]["verdict"]:
            words = f"{one.pod} -> {pair['server']['name']}:{pair['port']} by {one.host}"
            differ.append(f"{words}: {real[number]}, told {pair['configured']['verdict']} ({pair['configured']['why']})")
    print(f"{len(tries)} cells, {len(differ)} differ, seen: {sorted(set(real.values()))}")
    assert differ == []
    assert set(real.values()) == {"mTLS", "plaintext", "broken"}
    assert len(tries) > 100


def shared(pair: dict[str, Any]) -> bool:
    """Whether one call by this host may land on another workload than the one that is looked at."""
    return (pair["host"] or "").startswith("catalog")


def outcomes(kubeconfig: str, pods: dict[Any, Any], tries: dict[int, tuple[Try, dict[str, Any]]]) -> dict[int, str]:
    """Make the calls; number to what came of it, once the proxies have written what was answered into their logs."""
    begin = datetime.now(UTC)
    answered = make(kubeconfig, [t for t, _ in tries.values()])

    def seen() -> dict[int, str]:
        logs = {k: inbound_lines(kubeconfig, k[0], pod[0], begin) for k, pod in pods.items() if pod[2]}
        return {n: outcome(one, pods, pair, logs, answered=answered.get(n, False)) for n, (one, pair) in tries.items()}

    def is_whole(found: dict[int, str]) -> bool:
        return not any(answered.get(n) and found[n] == "broken" and not shared(pair) for n, (_, pair) in tries.items())

    time.sleep(2)  # a proxy writes its log once a second
    return until(seen, is_whole, seconds=20)


def outcome(one: Try, pods: dict[Any, Any], pair: dict[str, Any], logs: dict[Any, Any], *, answered: bool) -> str:
    """What the server's own proxy logged of a call; without a proxy there, whether an answer came."""
    server, client_ip = key(pair["server"]), pods[key(pair["client"])][1]
    if not pods[server][2]:
        return "plaintext" if answered else "broken"
    for line in logs[server]:
        same = line["bytes_received"] == one.number if one.tcp else line["path"] == one.path
        if same and line["downstream_remote_address"].startswith(f"{client_ip}:"):
            return "mTLS" if (line["requested_server_name"] or "").startswith("outbound_.") else "plaintext"
    return "broken"


def test_what_was_seen_is_what_was_called(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    pods = running(kubeconfig)
    report = pods["legacy", "report-v1"]
    calls = [Try("legacy", report[0], "storefront.shop", 8080, 1, times=3), Try("legacy", report[0], "ledger.bank", 8080, 2)]

    def looked() -> tuple[dict[str, Any], dict[Any, Any]]:
        make(kubeconfig, calls)
        time.sleep(2)  # a proxy writes its log once a second
        found = picture(kubeconfig, capsys)
        return found, {(key(p["client"]), key(p["server"]), p["port"]): p["observed"] for p in found["pairs"]}

    into = [(("legacy", "report-v1"), to, 8080) for to in (("shop", "storefront-v1"), ("bank", "ledger-v1"))]
    found, pairs = until(looked, lambda both: all(both[1][way]["calls"] for way in into), seconds=60)
    plain, refused = (pairs[way] for way in into)
    assert (plain["known"], plain["calls"][0]["mtls"]) == ("seen", 0)
    assert plain["calls"][0]["plaintext"] >= 3
    assert refused["calls"][0]["refused"] >= 1
    loaded = pairs[("bank", "teller-v1"), ("bank", "ledger-v1"), 8080]
    assert loaded["calls"][0]["mtls"] > 0
    assert loaded["calls"][0]["plaintext"] == 0
    assert loaded["live_listener"] == "STRICT"
    coverage = {c["namespace"]: c for c in found["coverage"]}
    assert coverage["shop"]["seen"]["plaintext"] >= 3
    legacy = coverage["legacy"]["seen"]  # without calls not 0 %; another test may just have made some
    assert (legacy["share"] is None) == (legacy["plaintext"] is None)
