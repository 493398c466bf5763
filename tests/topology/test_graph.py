"""Who calls whom: what proxies logged has figures, what is configured has none, and hostile names stay names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from xml.etree import ElementTree

import msgspec
import pytest

from meshdoctor.bundle.scenarios import scenarios
from meshdoctor.cli import main
from meshdoctor.model.envoy import AccessLogEntry, Envoy, Logs
from meshdoctor.model.mesh import Mesh
from meshdoctor.reports import graph_drawn
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.parts import CONFIGURED, ENVOY, Edge, Kind, Node, Traffic
from meshdoctor.topology.silent import blind_spots
from meshdoctor.topology.views import around, roots_of
from tests.conftest import NOW, build

MESH = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: app}, {name: istio-proxy}]}
status: {phase: Running, podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: shop}
spec: {containers: [{name: app}, {name: istio-proxy}]}
status: {phase: Running, podIP: 10.0.0.1}
"""
CART = "outbound|80||cart.shop.svc.cluster.local"


def line(
    cluster: str, code: int = 200, flags: str = "-", authority: str = "cart", ago: float = 5.0, **more: object
) -> AccessLogEntry:
    fields: dict[str, object] = {
        "time": NOW - timedelta(seconds=ago),
        "code": code,
        "flags": flags,
        "upstream_cluster": cluster,
        "upstream_host": "10.0.0.2:80",
        "authority": authority,
        "route": "default",
        "protocol": "HTTP/1.1" if code else "",
    }
    return msgspec.convert(fields | more, AccessLogEntry)


def mesh(*lines: AccessLogEntry) -> Mesh:
    front = Envoy(namespace="shop", name="front", parts={"logs": Logs(access=lines, window_s=10.0)})
    return build(MESH, envoys=[front])


def edges(made: Mesh) -> dict[tuple[str, str], Edge]:
    return {(str(a), str(b)): data["edge"] for a, b, data in graph_of(made).edges(data=True)}


def test_observed_calls_have_figures_and_the_others_none() -> None:
    found = edges(mesh(line(CART), line(CART, 503, "UC")))
    assert found["shop/front", "shop/cart"].requests == 2
    assert (found["shop/front", "shop/cart"].failed, found["shop/front", "shop/cart"].per_second) == (1, 0.2)
    assert found["shop/front", "shop/cart"].error_share == 0.5
    assert found["shop/front", "shop/cart"].flags == {"UC": 1}
    assert found["shop/cart", "shop/cart"].sources == ("observed by Envoy", "configured")
    silent = edges(mesh())
    assert silent["shop/cart", "shop/cart"].requests is None
    assert ("shop/front", "shop/cart") not in silent
    assert blind_spots(mesh()) == {("shop", "cart"): "was not asked"}


def test_what_nobody_registered_is_outside() -> None:
    graph = graph_of(mesh(line("PassthroughCluster", authority="api.example.com")))
    assert [str(n) for n in graph.nodes if n.kind is Kind.OUTSIDE] == ["api.example.com"]


def test_around_a_node() -> None:
    graph = graph_of(mesh(line(CART), line("PassthroughCluster", authority="api.example.com")))
    front = next(n for n in graph.nodes if n.name == "front")
    workload = next(n for n in graph.nodes if n.name == "cart" and n.kind is Kind.WORKLOAD)
    assert {n.kind for n in around(graph, workload).nodes} == {Kind.SERVICE, Kind.WORKLOAD}
    assert len(around(graph, front, 2).nodes) == len(graph.nodes)


@pytest.mark.parametrize("write", [graph_drawn.dot, graph_drawn.mermaid])
def test_hostile_names_are_quoted(write: Callable[[list[Edge]], str]) -> None:
    evil = Node(Kind.OUTSIDE, "", 'x"] ; click n0 "javascript:alert(1)"\n--> y\\')
    traffic = Traffic(source=ENVOY, how="access log", window_s=10.0, per_second=0.3, requests=3, failed=1, flags={"UC": 1})
    edge = Edge(client=evil, server=Node(Kind.SERVICE, "shop", "cart"), sources=(ENVOY,), traffic=(traffic,))
    text = write([edge])
    drawn = ElementTree.fromstring(graph_drawn.svg([edge], {evil: (0, 0), edge.server: (1, 0)}))
    assert {each.tag.rpartition("}")[2] for each in drawn.iter()} <= {"svg", "g", "rect", "text", "title", "path"}
    assert len(text.splitlines()) <= 6
    assert all(re.sub(r"\\.", "", each).count('"') % 2 == 0 for each in text.splitlines())  # none ends early
    assert 'x"]' not in text
    assert "\n-->" not in text


@pytest.mark.parametrize("scenario", scenarios())
def test_recorded_meshes(capsys: pytest.CaptureFixture[str], scenario: str) -> None:
    assert main(["graph", "--demo", scenario, "-o", "json"]) in (0, 2)
    found = json.loads(capsys.readouterr().out)
    names = {n["id"]: f"{n['namespace']}/{n['name']}" for n in found["nodes"]}
    calls = {(names[e["client"]], names[e["server"]]) for e in found["edges"]}
    assert ("shop/cart-v1", "bank/payment") in calls or scenario != "healthy"
    assert all((e["requests"] is None) == (e["requests_per_s"] is None) for e in found["edges"])


def test_connections_have_no_code_and_clients_may_leave() -> None:
    healthy = [line(CART, 0), line(CART, 0, "DC"), line(CART, 200, "DC")]
    assert edges(mesh(*healthy))["shop/front", "shop/cart"].failed == 0
    assert edges(mesh(*healthy, line(CART, 0, "UF")))["shop/front", "shop/cart"].failed == 1


def test_a_busy_log_tells_its_own_span() -> None:
    found = edges(mesh(*(line(CART, ago=5 - i / 5) for i in range(20))))["shop/front", "shop/cart"]
    assert (found.window_s, found.per_second) == (5.0, 4.0)


def test_a_silence_longer_than_usual_is_an_end() -> None:
    assert ("shop/front", "shop/cart") not in edges(mesh(*(line(CART, ago=30 - i / 5) for i in range(20))))


def test_what_comes_in_is_no_call_of_ours() -> None:
    assert not [n for n in graph_of(mesh(line("InboundPassthroughCluster"))).nodes if n.kind is Kind.OUTSIDE]


def test_a_gateway_behind_its_own_service_is_a_root() -> None:
    front = Node(Kind.SERVICE, "edge", "ingress")
    gateway, shop = Node(Kind.GATEWAY, "edge", "ingress"), Node(Kind.SERVICE, "shop", "web")
    written = [Edge(client=a, server=b, sources=(CONFIGURED,)) for a, b in ((front, gateway), (gateway, shop))]
    assert roots_of(written) == [gateway]


def test_a_recorded_mesh_carries_what_it_carried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--demo", "healthy", "--traffic", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {n["id"]: n["name"] for n in found["nodes"]}
    rates = {(names[e["client"]], names[e["server"]]): e["requests_per_s"] for e in found["edges"]}
    assert len(rates) == 11
    assert rates["catalog", "catalog-v1"] / rates["storefront-v1", "catalog"] == pytest.approx(0.8, abs=0.05)
    assert rates["teller-v1", "ledger"] == pytest.approx(2.0, abs=0.2)
    assert all(e["mtls_share"] == 1.0 for e in found["edges"])
