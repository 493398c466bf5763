"""Who would break by another mode: foretold, then done, then measured by real requests."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import yaml

from meshdoctor.cli import main
from tests.probes.things import all_of, destination_rule, thing
from tests.rig.calls import Try, make
from tests.rig.conftest import LONG, applied_with_namespaces, kubectl, until

pytestmark = pytest.mark.rig
A, B, OUT = "mtls-if-a", "mtls-if-b", "mtls-if-out"
HTTP, TCP = 8080, 8078
Key = tuple[str, str, str, int]  # client, server, host, port
PUSHED, LONGEST = 2.0, 120.0  # seconds until every proxy has what istiod was told: mostly, and at the most on a slow machine
# A change of mode is for new connections; those that are open go on until they are drained. Here they end when idle.
IDLE = {"proxy.istio.io/config": json.dumps({"proxyMetadata": {"ISTIO_META_IDLE_TIMEOUT": "1s"}})}
BACK = f"back.{A}.svc.cluster.local"


def pod(where: str, app: str = "", **more: Any) -> str:
    name = where.partition("/")[2]
    container = {
        "name": "app",
        "image": "rig.local/fortio:1",
        "args": ["server"],
        "ports": [{"containerPort": HTTP}, {"containerPort": TCP}],
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
    }
    labels = {"app": app or name, "version": name} | more.pop("labels", {})
    more["annotations"] = IDLE | more.get("annotations", {})
    return thing("v1", "Pod", where, {"terminationGracePeriodSeconds": 1, "containers": [container]}, labels=labels, **more)


def service(where: str, app: str = "", **spec: Any) -> str:
    ports = [{"name": "http", "port": HTTP}, {"name": "tcp-echo", "port": TCP}]
    return thing("v1", "Service", where, {"selector": {"app": app or where.partition("/")[2]}, "ports": ports} | spec)


def peers(where: str, mode: str = "", app: str = "", **ports: str) -> str:
    spec: dict[str, Any] = {"mtls": {"mode": mode}} if mode else {}
    if app:
        spec["selector"] = {"matchLabels": {"app": app}}
    if ports:
        spec["portLevelMtls"] = {k.removeprefix("p"): {"mode": v} for k, v in ports.items()}
    return thing("security.istio.io/v1", "PeerAuthentication", where, spec)


def tls(where: str, host: str, mode: str, *subsets: str, **more: Any) -> str:
    return destination_rule(where, host, *subsets, trafficPolicy={"tls": {"mode": mode}}, **more)


def of_port(port: int, **policy: Any) -> dict[str, Any]:
    return {"portLevelSettings": [{"port": {"number": port}, **policy}]}


PLAIN, MUTUAL = {"tls": {"mode": "DISABLE"}}, {"tls": {"mode": "ISTIO_MUTUAL"}}
SUBSETS = [{"name": "v1", "labels": {"version": "back"}, "trafficPolicy": PLAIN}]
TO_V1 = thing(
    "networking.istio.io/v1",
    "VirtualService",
    f"{A}/back",
    {"hosts": [BACK], "http": [{"route": [{"destination": {"host": BACK, "subset": "v1"}}]}]},
)
NARROW = thing("networking.istio.io/v1", "Sidecar", f"{B}/narrow", {"egress": [{"hosts": ["./*", "istio-d/*"]}]})
WORLD = all_of(
    *(thing("v1", "Namespace", n, labels={"istio-injection": "enabled"} if n != OUT else {}) for n in (A, B, OUT)),
    pod(f"{A}/front"),
    pod(f"{A}/back"),
    pod(f"{A}/open", annotations={"traffic.sidecar.istio.io/excludeInboundPorts": str(TCP)}),
    pod(f"{A}/shy", labels={"security.istio.io/tlsMode": "disabled"}),
    pod(f"{B}/far"),
    pod(f"{OUT}/alien"),
    *(service(f"{A}/{n}") for n in ("back", "open", "shy")),
    service(f"{A}/heads", "back", clusterIP="None"),
    service(f"{B}/far"),
    service(f"{OUT}/alien"),
)
SETUPS: dict[str, tuple[str, str]] = {  # what is there before, and what is supposed
    "namespace": ("", f"{A}=STRICT"),
    "rule of the client's namespace": (tls(f"{B}/r", BACK, "DISABLE"), f"{A}=STRICT"),
    "port rule of the server's namespace": (destination_rule(f"{A}/r", BACK, trafficPolicy=of_port(TCP, **PLAIN)), f"{A}=STRICT"),
    "port of a workload": (tls(f"{A}/r", BACK, "DISABLE"), f"{A}/back:{HTTP}=STRICT"),
    "client that does not import": (NARROW, f"{A}/back=STRICT"),
    "a subset's rule": (
        TO_V1 + thing("networking.istio.io/v1", "DestinationRule", f"{A}/r", {"host": BACK, "subsets": SUBSETS}),
        f"{A}=STRICT",
    ),
    "workload": ("", f"{A}/back=STRICT"),
    "other namespace": (tls(f"{A}/r", f"far.{B}.svc.cluster.local", "DISABLE"), f"{B}=STRICT"),
    "hidden rule": (tls(f"{A}/r", BACK, "DISABLE", exportTo=["."]), f"{A}=STRICT"),
    "rule of a wildcard": (tls(f"{A}/r", f"*.{A}.svc.cluster.local", "DISABLE"), f"{A}=STRICT"),
    "exact rule over a wildcard": (
        tls(f"{A}/r", f"*.{A}.svc.cluster.local", "DISABLE") + tls(f"{A}/s", BACK, "ISTIO_MUTUAL"),
        f"{A}=STRICT",
    ),
    "rule of the root namespace": (tls("istio-d/mtls-if", BACK, "DISABLE"), f"{A}=STRICT"),
    "client's rule over the server's": (tls(f"{A}/r", BACK, "DISABLE") + tls(f"{B}/r", BACK, "ISTIO_MUTUAL"), f"{A}=STRICT"),
    "rule for some clients": (
        tls(f"{A}/r", BACK, "DISABLE", workloadSelector={"matchLabels": {"app": "front"}}),
        f"{A}=STRICT",
    ),
    "port settings without tls": (
        destination_rule(f"{A}/r", BACK, trafficPolicy=PLAIN | of_port(HTTP, loadBalancer={"simple": "RANDOM"})),
        f"{A}=STRICT",
    ),
    "forced to whom has no sidecar": (tls(f"{A}/r", f"alien.{OUT}.svc.cluster.local", "ISTIO_MUTUAL"), f"{A}=STRICT"),
    "workload already strict": (peers(f"{A}/own", "STRICT", "back"), f"{A}=STRICT"),
    "workload stays permissive": (peers(f"{A}/own", "PERMISSIVE", "back"), f"{A}=STRICT"),
    "port stays permissive": (peers(f"{A}/own", "", "back", p8078="PERMISSIVE"), f"{A}/back=STRICT"),
    "older policy decides": (peers(f"{A}/one", "PERMISSIVE"), f"{A}=STRICT"),
    "switched off": (tls(f"{A}/r", BACK, "ISTIO_MUTUAL"), f"{A}/back=DISABLE"),
    "namespace switched off, one strict": (peers(f"{A}/own", "STRICT", "back"), f"{A}=DISABLE"),
    "port switched off": (tls(f"{B}/r", BACK, "ISTIO_MUTUAL"), f"{A}/back:{TCP}=DISABLE"),
    "headless and switched off": ("", f"{A}/back=DISABLE"),
    "loosened": (peers(f"{A}/default", "STRICT"), f"{A}=PERMISSIVE"),
    "passed through by the balancer": (
        destination_rule(f"{A}/r", BACK, trafficPolicy={"loadBalancer": {"simple": "PASSTHROUGH"}}),
        f"{A}=STRICT",
    ),
    "mesh": ("", "mesh=STRICT"),
}
SHORT = list(SETUPS)[:4]
numbers = itertools.count(2000)


@pytest.fixture(scope="module")
def world(kubeconfig: str) -> Iterator[None]:
    """Three namespaces with their pods, gone afterwards."""
    try:
        applied_with_namespaces(kubeconfig, WORLD)
        for namespace in (A, B, OUT):
            kubectl(kubeconfig, "-n", namespace, "wait", "--for=condition=Ready", "pod", "--all", f"--timeout={LONG:.0f}s")
        yield
    finally:
        kubectl(kubeconfig, "delete", "ns", A, B, OUT, f"--timeout={LONG:.0f}s")


def told(kubeconfig: str, capsys: pytest.CaptureFixture[str], wish: str = "") -> dict[str, Any]:
    capsys.readouterr()
    main(["mtls", "-o", "json", "--all", "--kubeconfig", kubeconfig, *(["--what-if", wish] if wish else [])])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def key(pair: dict[str, Any]) -> Key:
    return pair["client"]["name"], pair["server"]["name"], pair["host"], pair["port"]


def ours(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [p for p in pairs if {p["client"]["namespace"], p["server"]["namespace"]} <= {A, B, OUT} and p["host"]]


def failing(kubeconfig: str, pairs: list[dict[str, Any]]) -> set[Key]:
    """The pairs whose calls by name get no answer."""
    tries = {}
    for pair in pairs:
        number = next(numbers)
        tries[number] = (
            pair,
            Try(pair["client"]["namespace"], pair["client"]["name"], pair["host"], pair["port"], number, pair["port"] == TCP),
        )
    answered = make(kubeconfig, [t for _, t in tries.values()])
    return {key(pair) for number, (pair, _) in tries.items() if not answered.get(number, False)}


def differences(real: set[Key], said: set[Key]) -> list[str]:
    return sorted([f"not said: {k}" for k in real - said] + [f"not so: {k}" for k in said - real])


def check(kubeconfig: str, capsys: pytest.CaptureFixture[str], before: str, wish: str) -> None:
    with ExitStack() as stack:
        if before:
            stack.enter_context(applied(kubeconfig, before))
        found = told(kubeconfig, capsys, wish)
        pairs, foretold = ours(found["pairs"]), found["what_if"]
        broken = {key(p) for p in pairs if p["configured"]["verdict"] == "broken"}
        settled(kubeconfig, pairs, broken)
        will_break = {key(p) for p in ours(foretold["breaks"] + foretold["may_break"])}
        will_heal = {key(p) for p in ours(foretold["heals"] + foretold["opens"])}
        policy = foretold["policy"]
        old = "" if policy["is_new"] else existing(kubeconfig, policy["subject"])
        stack.enter_context(applied(kubeconfig, yaml.safe_dump(policy["manifest"]), old))
        print(
            f"{wish}: of {len(pairs)} pairs {len(broken)} fail before; {len(will_break)} foretold to break, {len(will_heal)} to heal"
        )
        settled(kubeconfig, pairs, (broken | will_break) - will_heal)


def settled(kubeconfig: str, pairs: list[dict[str, Any]], said: set[Key]) -> None:
    """What fails is what was said, once every proxy has its configuration and old connections have ended."""
    time.sleep(PUSHED)
    assert until(lambda: differences(failing(kubeconfig, pairs), said), lambda differ: not differ, LONGEST, PUSHED) == []


@contextmanager
def applied(kubeconfig: str, text: str, old: str = "") -> Iterator[None]:
    """Objects while a test lasts; afterwards they are gone, or as they were."""
    kubectl(kubeconfig, "apply", "-f", "-", stdin=text)
    try:
        yield
    finally:
        if old:
            kubectl(kubeconfig, "replace", "-f", "-", stdin=old)
        else:
            kubectl(kubeconfig, "delete", "-f", "-", stdin=text)


def existing(kubeconfig: str, subject: dict[str, str]) -> str:
    """A policy as it is, so that it can be put back."""
    made = yaml.safe_load(
        kubectl(kubeconfig, "-n", subject["namespace"], "get", "peerauthentication", subject["name"], "-o", "yaml")
    )
    made["metadata"] = {k: made["metadata"][k] for k in ("name", "namespace", "labels", "annotations") if k in made["metadata"]}
    return yaml.safe_dump(made)


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.usefixtures("world")
def test_who_breaks_was_foretold(kubeconfig: str, capsys: pytest.CaptureFixture[str], name: str) -> None:
    check(kubeconfig, capsys, *SETUPS[name])


@pytest.mark.long
@pytest.mark.parametrize("name", [n for n in SETUPS if n not in SHORT])
@pytest.mark.usefixtures("world")
def test_who_breaks_was_foretold_in_all_scopes(kubeconfig: str, capsys: pytest.CaptureFixture[str], name: str) -> None:
    check(kubeconfig, capsys, *SETUPS[name])
