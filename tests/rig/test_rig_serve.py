"""A served bundle answers kubectl and istioctl as the cluster did at that moment.

The cluster is asked before and after the bundle was made: what is equal in both is what the bundle has to say too. What
redaction changes is written down here, and nothing else may differ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.rig.conftest import HOME

pytestmark = [pytest.mark.rig, pytest.mark.long]

REDACTED = re.compile(r"<redacted:[a-z-]+(:[0-9a-f]{8})?>")
# Fields whose values a bundle does not hold.
REMOVED_FIELDS = (
    re.compile(r'\.metadata\.annotations\."?kubectl\.kubernetes\.io/last-applied-configuration'),
    re.compile(r"^Secret .*\.(data|type)$"),
)
# Lines that redaction causes: istioctl cannot look into a gateway's Secret.
REMOVED_LINES = (
    re.compile(r"IST0161.*Gateway"),
    re.compile(r"^Error: Analyzers found issues"),
    re.compile(r"^See https://istio\.io"),
)
WARNINGS = re.compile(r"^Warning: v1 \w+ is deprecated", re.MULTILINE)  # a header that goes with the answer, not in it
AGE = re.compile(r"(?<![\w.-])\d+[smhd](?:\d+[smhd])*(?![\w.-])")
MOVING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses", "secrets"}
DESCRIBED = (
    "pods,services,deployments,replicasets,nodes,namespaces,serviceaccounts,endpointslices,"
    "poddisruptionbudgets,virtualservices,destinationrules,gateways.networking.istio.io,peerauthentications,"
    "authorizationpolicies,serviceentries,sidecars,mutatingwebhookconfigurations,"
    "validatingwebhookconfigurations,clusterrolebindings,gatewayclasses"
)


def run(kubeconfig: str, *command: str) -> str:
    """What a command prints on stdout; its stderr where it fails."""
    done = subprocess.run(
        [str(HOME / "bin" / command[0]), *command[1:]],
        env=os.environ | {"KUBECONFIG": kubeconfig},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


class Sides(msgspec.Struct):
    """The kubeconfigs of the cluster and of the served bundle, and what the cluster said before and after."""

    live: str
    served: str
    before: dict[str, str]
    after: dict[str, str]


def kinds(kubeconfig: str) -> list[str]:
    return sorted(run(kubeconfig, "kubectl", "api-resources", "--verbs=list", "-o", "name").split())


def questions(kubeconfig: str) -> dict[str, tuple[str, ...]]:
    every = ",".join(kinds(kubeconfig))
    still = ",".join(k for k in kinds(kubeconfig) if k not in MOVING)
    return {
        "json": ("kubectl", "get", every, "-A", "-o", "json"),
        "table": ("kubectl", "get", still, "-A"),
        "wide": ("kubectl", "get", still, "-A", "-o", "wide"),
        "describe": ("kubectl", "describe", DESCRIBED, "-A"),
        "analyze": ("istioctl", "-i", "istio-d", "analyze", "-A"),
    }


@pytest.fixture(scope="module")
def sides(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """A bundle of the mesh between two looks, served."""
    folder = tmp_path_factory.mktemp("served")
    asked = questions(kubeconfig)
    before = {name: run(kubeconfig, *command) for name, command in asked.items()}
    ours = [sys.executable, "-m", "meshdoctor"]
    environment = os.environ | {"KUBECONFIG": kubeconfig}
    made = [*ours, "bundle", "create", "--tier", "T1", "--yes", "-o", str(folder / "b.tar.gz")]
    subprocess.run(made, env=environment, capture_output=True, check=True, timeout=300)
    after = {name: run(kubeconfig, *command) for name, command in asked.items()}
    path = folder / "kubeconfig"
    serving = subprocess.Popen(
        [*ours, "serve", str(folder / "b.tar.gz"), "--write-kubeconfig", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert serving.stdout is not None
    assert "served at" in serving.stdout.readline()
    yield Sides(kubeconfig, str(path), before, after)
    serving.terminate()
    serving.communicate(timeout=30)


def by_name(text: str) -> dict[str, dict[str, Any]]:
    """Objects by kind, namespace and name."""
    items = json.loads(text[text.index("{") :])["items"]
    return {f"{i['kind']} {i['apiVersion']} {i['metadata'].get('namespace', '')}/{i['metadata']['name']}": i for i in items}


def differences(was: Any, now: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Paths at which two values differ, with the second's value."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in was.keys() | now.keys():
            yield from differences(was.get(key), now.get(key), f"{path}.{key}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif was != now:
        yield path, now


def test_every_kind_that_the_cluster_lists_is_listed(sides: Sides) -> None:
    assert set(kinds(sides.live)) == set(kinds(sides.served))
    names = (run(each, "kubectl", "api-resources") for each in (sides.live, sides.served))
    assert len({tuple(sorted(text.splitlines())) for text in names}) == 1


def test_objects_are_equal_but_for_what_was_redacted(sides: Sides) -> None:
    before, after = by_name(sides.before["json"]), by_name(sides.after["json"])
    served = by_name(run(sides.served, *questions(sides.served)["json"]))
    still = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    assert len(still) > 300
    assert still - served.keys() == set()
    found = [(path, now) for name in still for path, now in differences(before[name], served[name], f"{name} ")]
    others = [
        (path, now)
        for path, now in found
        if not REDACTED.search(str(now)) and not any(field.search(path) for field in REMOVED_FIELDS)
    ]
    assert others == []


@pytest.mark.parametrize("form", ["table", "wide"])
def test_tables_are_equal_but_for_ages(sides: Sides, form: str) -> None:
    def lines(text: str) -> Counter[str]:
        return Counter(" ".join(AGE.sub("AGE", line).split()) for line in WARNINGS.sub("", text).splitlines())

    still = lines(sides.before[form]) & lines(sides.after[form])
    served = lines(run(sides.served, *questions(sides.served)[form]))
    assert len(still) > 300
    assert [line for line in (still - served) if not line.startswith("Warning:")] == []


def test_descriptions_are_equal_but_for_ages_and_redacted_values(sides: Sides) -> None:
    def sections(text: str) -> dict[str, str]:
        parts = re.split(r"\n\n\n(?=Name:)", text)
        named = {}
        for part in parts:
            kept = part.partition("\nEvents:")[0]  # they come and go, and are compared as objects
            kept = re.sub(
                r"(RenewTime|LastHeartbeatTime): .*|(?<=<redacted).*|\n *(kubectl\.kubernetes\.io/last-applied.*)", "", kept
            )
            named["\n".join(part.split("\n", 2)[:2]) + part[part.find("\nKind:") :][:30]] = AGE.sub("AGE", kept)
        return named

    before, after, served = (
        sections(t)
        for t in (sides.before["describe"], sides.after["describe"], run(sides.served, *questions(sides.served)["describe"]))
    )
    still = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    assert len(still) > 80
    differing = []
    for name in still:
        ours = served.get(name, "").splitlines()
        theirs = before[name].splitlines()
        pairs = zip(theirs, ours, strict=False)
        if len(ours) != len(theirs) or any(one != other and "<redacted" not in other for one, other in pairs):
            differing.append(name)
    assert differing == []


def test_logs_are_what_the_cluster_keeps(sides: Sides) -> None:
    for name, pod in by_name(run(sides.served, "kubectl", "get", "pods", "-A", "-o", "json")).items():
        where, container = pod["metadata"], "istio-proxy"
        if container not in str(pod["spec"]) or name not in by_name(sides.after["json"]):
            continue
        log = ("kubectl", "-n", where["namespace"], "logs", where["name"], "-c", container, "--timestamps")
        served, live = run(sides.served, *log).splitlines(), run(sides.live, *log).splitlines()
        assert served, name
        began = live[0].partition(" ")[0]  # what the kubelet has rotated away since is not compared
        kept = [line for line in served if "<redacted" not in line and line >= began]
        assert set(kept) <= set(live), name
        assert run(sides.served, *log, "--tail=3").splitlines() == served[-3:]


def test_istioctl_analyze_says_the_same(sides: Sides) -> None:
    served = run(sides.served, *questions(sides.served)["analyze"]).splitlines()
    still = set(sides.before["analyze"].splitlines()) & set(sides.after["analyze"].splitlines())
    assert still - set(served) == set()
    unstable = set(sides.before["analyze"].splitlines()) | set(sides.after["analyze"].splitlines())
    assert [
        line for line in served if line.strip() and line not in unstable and not any(r.search(line) for r in REMOVED_LINES)
    ] == []


@pytest.mark.parametrize("part", ["clusters", "listeners", "routes", "secret", "endpoints"])
def test_proxy_config_reads_the_dump_of_the_bundle(sides: Sides, tmp_path: Path, part: str) -> None:
    pod = json.loads(run(sides.served, "kubectl", "-n", "shop", "get", "pods", "-l", "app=cart", "-o", "json"))["items"][0]
    name = pod["metadata"]["name"]
    question = "clusters?format=json" if part == "endpoints" else "config_dump"
    dump = run(sides.served, "kubectl", "get", "--raw", f"/api/v1/namespaces/shop/pods/{name}:15000/proxy/{question}")
    (tmp_path / "dump.json").write_text(dump)
    ours = run(sides.served, "istioctl", "proxy-config", part, "--file", str(tmp_path / "dump.json"))
    live = run(sides.live, "istioctl", "-i", "istio-d", "proxy-config", part, f"{name}.shop")
    assert len(live.splitlines()) > 2
    assert ours == live


@pytest.mark.parametrize("part", ["clusters", "listeners", "routes", "secret", "endpoints", "bootstrap", "all"])
def test_istioctl_reads_proxies_through_its_own_port_forward(sides: Sides, part: str) -> None:
    pod = json.loads(run(sides.served, "kubectl", "-n", "shop", "get", "pods", "-l", "app=cart", "-o", "json"))["items"][0]
    asked = ("istioctl", "-i", "istio-d", "proxy-config", part, f"{pod['metadata']['name']}.shop")
    before, served, after = run(sides.live, *asked), run(sides.served, *asked), run(sides.live, *asked)
    assert len(before.splitlines()) > 2
    still = Counter(before.splitlines()) & Counter(after.splitlines())
    assert [line for line in still - Counter(served.splitlines()) if part != "bootstrap" or '"' not in line] == []


def test_istioctl_version_and_describe_are_answered(sides: Sides) -> None:
    pod = json.loads(run(sides.served, "kubectl", "-n", "shop", "get", "pods", "-l", "app=cart", "-o", "json"))["items"][0]
    for asked in (("version",), ("x", "describe", "pod", "-n", "shop", pod["metadata"]["name"])):
        command = ("istioctl", "-i", "istio-d", *asked)
        before, served, after = (run(each, *command).splitlines() for each in (sides.live, sides.served, sides.live))
        assert served[0] == before[0]
        # What runs in the mesh may have changed since the bundle was made: the number of proxies of each version.
        still = [line for line in before if line in after and not line.startswith("data plane")]
        assert [line for line in still if line not in served] == []


def test_istioctl_proxy_status_is_that_of_the_moment(sides: Sides) -> None:
    """xDS over gRPC: istioctl asks each recorded istiod through its own port-forward."""

    def lines(kubeconfig: str) -> set[str]:
        return {
            " ".join(AGE.sub("AGE", line).split())
            for line in run(kubeconfig, "istioctl", "-i", "istio-d", "proxy-status").splitlines()
        }

    live, served = lines(sides.live), lines(sides.served)
    assert len(served) > 8
    assert {line.split()[0] for line in served} <= {line.split()[0] for line in lines(sides.live) | live}


def test_kubectl_forwards_a_port(sides: Sides) -> None:
    pods = json.loads(run(sides.served, "kubectl", "-n", "shop", "get", "pods", "-l", "app=cart", "-o", "json"))["items"]
    name = pods[0]["metadata"]["name"]
    command = [str(HOME / "bin/kubectl"), "--kubeconfig", sides.served, "-n", "shop", "port-forward", name, ":15000"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        port = running.stdout.readline().partition("127.0.0.1:")[2].partition(" ")[0]
        for _ in range(3):  # one connection after the other, each a pair of streams
            assert httpx.get(f"http://127.0.0.1:{port}/memory", trust_env=False).json()["allocated"]
        assert len(httpx.get(f"http://127.0.0.1:{port}/config_dump", trust_env=False).content) > 100_000
    finally:
        running.terminate()
        running.communicate(timeout=10)


def test_explain_and_access_are_answered(sides: Sides) -> None:
    for command in (
        ["explain", "virtualservice.spec.http"],
        ["explain", "pod.spec.containers"],
        ["auth", "can-i", "list", "pods"],
        ["version"],
    ):
        assert run(sides.served, "kubectl", *command) == run(sides.live, "kubectl", *command), command


def test_meshdoctor_sees_in_the_served_bundle_what_is_in_the_bundle(sides: Sides) -> None:
    """Port-forward included: istiod and the Envoys are asked through it."""
    done = subprocess.run(
        [sys.executable, "-m", "meshdoctor", "diagnose", "-o", "json", "--kubeconfig", sides.served],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = json.loads(done.stdout)
    states = {s["name"]: s["state"] for s in found["sources"]}
    assert states["pods"] == "live"
    assert any(name.startswith("istiod ") and state == "live" for name, state in states.items())
    assert found["coverage"]["unknown"] == 0
