"""The graph of a real mesh: every edge that carries traffic and no other, with and without Prometheus."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt
from typing import Any
from urllib.parse import quote

import pytest

from meshdoctor.cli import main
from tests.rig.conftest import LONG, ills, kubectl, until, until_sound

pytestmark = pytest.mark.rig
INGRESS = urllib.request.Request("http://10.245.0.1/", headers={"Host": "shop.example.com"})
STEADY = {
    ("shop/shopper-v1", "shop/storefront"),
    ("shop/storefront", "shop/storefront-v1"),
    ("shop/storefront-v1", "shop/cart"),
    ("shop/cart", "shop/cart-v1"),
    ("shop/cart-v1", "bank/payment"),
    ("bank/payment", "bank/payment-v1"),
    ("shop/storefront-v1", "shop/catalog"),
    ("shop/catalog", "shop/catalog-v1"),
    ("shop/catalog", "shop/catalog-v2"),
    ("bank/teller-v1", "bank/ledger"),
    ("bank/ledger", "bank/ledger-v1"),
}
SPLIT = (("shop/catalog", "shop/catalog-v1"), ("shop/catalog", "shop/catalog-v2"))  # each call falls to one of them by chance
FROM_OUTSIDE = {("outside", "sm-gateways/istio-ingressgateway"), ("sm-gateways/istio-ingressgateway", "shop/storefront")}
SECONDS = 15.0
YOUNG = 150  # seconds of log from which a rate and the share of a random split mean something
Edges = dict[tuple[str, str], dict[str, Any]]


@contextmanager
def calling(per_second: float) -> Iterator[Callable[[], float]]:
    """Requests from outside through the gateway, in a thread; how many a second there really were, on a busy machine fewer."""
    stop, ended = threading.Event(), list[float]()
    began = time.monotonic()

    def call() -> None:
        while not stop.wait(1 / per_second):
            with urllib.request.urlopen(INGRESS, timeout=30) as answer:
                answer.read()
            ended.append(time.monotonic())

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    try:
        yield lambda: len(ended) / (time.monotonic() - began)
    finally:
        stop.set()
        thread.join(60)


@contextmanager
def without_prometheus(kubeconfig: str) -> Iterator[None]:
    """Prometheus scaled to nothing; it is back and ready afterwards."""
    scale = ("-n", "monitoring", "scale", "deployment/prometheus")
    kubectl(kubeconfig, *scale, "--replicas=0")
    try:
        kubectl(kubeconfig, "-n", "monitoring", "wait", "pod", "-l", "app=prometheus", "--for=delete", f"--timeout={LONG:.0f}s")
        yield
    finally:
        kubectl(kubeconfig, *scale, "--replicas=1")
        kubectl(kubeconfig, "-n", "monitoring", "rollout", "status", "deployment/prometheus", f"--timeout={LONG:.0f}s")


def graph(kubeconfig: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[Edges, dict[str, Any]]:
    """The edges by their ends, and the whole answer."""
    capsys.readouterr()
    main(["graph", "-o", "json", "--kubeconfig", kubeconfig, *more])
    found = json.loads(capsys.readouterr().out)
    names = {n["id"]: f"{n['namespace']}/{n['name']}" if n["namespace"] else n["name"] for n in found["nodes"]}
    return {(names[e["client"]], names[e["server"]]): e for e in found["edges"]}, found


def carrying(edges: Edges) -> set[tuple[str, str]]:
    return {pair for pair, e in edges.items() if e["carrying"]}


def until_steady(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wait until the logs of the last three minutes tell of nothing but the rig's own load: what another test broke, and pods
    that it restarted, are in them that long, and with them other rates and calls in plain text."""

    def unsteady() -> dict[str, Any]:
        edges, _ = graph(kubeconfig, capsys)
        known = {pair: edges.get(pair, {"mtls_share": None, "window_s": 0}) for pair in STEADY}
        return {
            f"{p}": (e["mtls_share"], e["window_s"]) for p, e in known.items() if e["mtls_share"] != 1.0 or e["window_s"] < YOUNG
        }

    assert until(unsteady, lambda left: not left, 2 * LONG, 5) == {}, "the rig did not come to rest"


@pytest.mark.long
def test_every_edge_that_carries_traffic_and_no_other(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ills(until_sound(kubeconfig, capsys)) == []  # what another test broke may still be ejected
    until_steady(kubeconfig, capsys)
    with without_prometheus(kubeconfig):
        with calling(8) as rate:
            time.sleep(3)
            began = time.monotonic()
            busy, told = graph(kubeconfig, capsys)
            took, called = time.monotonic() - began, rate()
        time.sleep(12)
        calm, _ = graph(kubeconfig, capsys)
    again, _ = graph(kubeconfig, capsys)
    assert carrying(busy) == STEADY | FROM_OUTSIDE
    assert took <= SECONDS
    assert any("Prometheus" in note for note in told["notes"])
    assert carrying(calm) == STEADY
    one, two = (busy[pair]["requests_per_s"] for pair in SPLIT)
    chance = sqrt(0.8 * 0.2 / ((one + two) * YOUNG))  # the standard deviation of the share of so many calls
    assert abs(one / (one + two) - 0.8) <= 4 * chance
    assert abs(busy["sm-gateways/istio-ingressgateway", "shop/storefront"]["requests_per_s"] - called) <= called / 4
    assert {pair: calm[pair]["mtls_share"] for pair in STEADY if calm[pair]["mtls_share"] != 1.0} == {}
    assert carrying(again) == STEADY
    rates = {pair: (calm[pair]["requests_per_s"], again[pair]["requests_per_s"]) for pair in STEADY}
    assert {pair: r for pair, r in rates.items() if abs(r[0] - r[1]) > (0.2 if pair in SPLIT else 0.1) * r[0]} == {}


SPACE = f"h-topo-{os.getpid()}"  # of this run: Prometheus still has the caller of the last one
A_MINUTE_AGO = (
    f'sum(rate(envoy_cluster_upstream_rq_total{{namespace="{SPACE}",cluster_name=~"outbound.*catalog.*"}}[15s] offset 50s))'
)


def until_a_minute_is_known(kubeconfig: str) -> None:
    """Wait until Prometheus has seen the caller at its full rate for a whole minute."""
    path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?query=" + quote(A_MINUTE_AGO, safe="")

    def rate() -> float:
        found = json.loads(kubectl(kubeconfig, "get", "--raw", path))["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    assert until(rate, lambda found: found >= 4.5) >= 4.5, "Prometheus did not see the caller for a minute"


CLIENT = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {SPACE}, labels: {{istio-injection: enabled}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: caller, namespace: {SPACE}}}
spec:
  selector: {{matchLabels: {{app: caller}}}}
  template:
    metadata:
      labels: {{app: caller}}
      annotations: {{proxy.istio.io/config: "proxyStatsMatcher: {{inclusionPrefixes: [cluster.outbound]}}"}}
    spec:
      containers:
      - name: app
        image: rig.local/fortio:1
        imagePullPolicy: IfNotPresent
        args: [load, -qps, "5", -c, "1", -t, "0", -allow-initial-errors, "http://catalog.shop:8080/echo"]
"""


@pytest.mark.long
def test_prometheus_and_the_proxies_tell_the_same(kubeconfig: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a proxy keeps the stats of its clusters, Prometheus has them: the same rates, and bytes from the proxy itself."""
    kubectl(kubeconfig, "apply", "-f", "-", stdin=CLIENT)
    try:
        kubectl(kubeconfig, "-n", SPACE, "rollout", "status", "deployment/caller", f"--timeout={LONG:.0f}s")
        until_a_minute_is_known(kubeconfig)
        edges, _ = graph(kubeconfig, capsys)
    finally:
        kubectl(kubeconfig, "delete", "namespace", SPACE, "--wait=true")
    edge = edges[f"{SPACE}/caller", "shop/catalog"]
    by_source = {f["source"]: f["per_second"] for f in reversed(edge["figures"])}
    assert set(by_source) == {"observed by Envoy", "observed by Prometheus"}
    assert abs(by_source["observed by Envoy"] - by_source["observed by Prometheus"]) <= 0.1 * by_source["observed by Envoy"]
    assert next(f["bytes_received_per_s"] for f in edge["figures"] if f["how"] == "counters") > 0
