"""Protocols that are read otherwise than they are spoken, and what the mesh does not carry."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.envoy import AccessLogEntry
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, line, logged, pod, service, thing

TO_CART = "outbound|8080||cart.shop.svc.cluster.local"
SHOP = all_of(pod("shop/web-1", ip="10.1.0.5"), pod("shop/cart-1"), service("shop/cart"))


@pytest.mark.parametrize(("protocol", "code", "is_fault"), [("HTTP/1.0", 426, True), ("HTTP/1.1", 200, False)])
def test_a_client_of_http_1_0(protocol: str, code: int, is_fault: bool) -> None:
    call = line("", "-", code, protocol=protocol, downstream_remote="10.1.0.5:4711")
    assert subjects(judge(build(SHOP, envoys=[logged("shop/web-1", call)]), "PR-001")) == ["Deployment shop/web"] * is_fault


@pytest.mark.parametrize(("port", "image", "is_fault"), [
    ("x:587:8080", "", True),
    ("smtp:587:8080", "", True),
    ("tcp-smtp:587:8080", "", False),
    ("db:8080:8080", "docker.io/library/mysql:8.4", True),
    ("tcp-db:8080:8080", "docker.io/library/mysql:8.4", False),
    ("x:8080:8080", "example.com/mysqlish:1", False),
])  # fmt: skip
def test_a_server_that_speaks_first(port: str, image: str, is_fault: bool) -> None:
    containers = [{"name": "app", "image": image or "app:1"}, {"name": "istio-proxy"}]
    mesh = build(all_of(pod("shop/cart-1", spec={"containers": containers}), service("shop/cart", port)))
    assert subjects(judge(mesh, "PR-002")) == ["Service shop/cart"] * is_fault


@pytest.mark.parametrize(
    ("cluster_ip", "flags", "is_fault"), [("None", "UC", True), ("None", "-", False), ("10.0.0.1", "UC", False)]
)
def test_pods_called_by_address(cluster_ip: str, flags: str, is_fault: bool) -> None:
    headless = all_of(pod("shop/cart-1"), pod("shop/web-1", ip="10.1.0.5"), service("shop/cart", spec={"clusterIP": cluster_ip}))
    call = line("PassthroughCluster", flags, upstream_host="10.1.0.9:8080")
    assert bool(judge(build(headless, envoys=[logged("shop/web-1", call)]), "PR-003")) == is_fault


@pytest.mark.parametrize(("args", "is_fault"), [
    (["serve", "-http-port", "127.0.0.1:8080"], True),
    (["serve", "--bind=127.0.0.1"], True),
    (["serve", "--bind=0.0.0.0"], False),
    (["serve", "--db-host=localhost"], False),
    (["serve", "--upstream=127.0.0.1:8080"], False),
    (["serve", "127.0.0.1:9000"], False),
])  # fmt: skip
def test_an_application_that_listens_on_loopback(args: list[str], is_fault: bool) -> None:
    container = {"name": "app", "args": args, "ports": [{"containerPort": 8080}]}
    spec = {"selector": {}, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]}}}
    mesh = build(all_of(SHOP, thing("apps/v1", "Deployment", "shop/cart", spec)))
    assert subjects(judge(mesh, "PR-004")) == ["Deployment shop/cart"] * is_fault


def test_a_sidecar_that_hands_over_to_localhost_heals_that() -> None:
    container = {"name": "app", "args": ["--bind=127.0.0.1"], "ports": [{"containerPort": 8080}]}
    spec = {"selector": {}, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]}}}
    listener = {"port": {"number": 8080, "protocol": "HTTP", "name": "http"}, "defaultEndpoint": "127.0.0.1:8080"}
    sidecar = {"workloadSelector": {"labels": {"app": "cart"}}, "ingress": [listener]}
    workload = thing("apps/v1", "Deployment", "shop/cart", spec)
    healed = thing("networking.istio.io/v1", "Sidecar", "shop/cart", sidecar)
    assert subjects(judge(build(all_of(SHOP, workload, healed)), "PR-004")) == []


@pytest.mark.parametrize(("name", "path", "protocol", "is_fault"), [
    ("http", "/shop.v1.Cart/AddItem", "HTTP/2", True),
    ("grpc", "/shop.v1.Cart/AddItem", "HTTP/2", False),
    ("http", "/api/cart", "HTTP/2", False),
    ("http", "/shop.v1.Cart/AddItem", "HTTP/1.1", False),
])  # fmt: skip
def test_grpc_on_a_port_of_http(name: str, path: str, protocol: str, is_fault: bool) -> None:
    mesh_text = all_of(pod("shop/cart-1"), pod("shop/web-1", ip="10.1.0.5"), service("shop/cart", f"{name}:8080:8080"))
    call = AccessLogEntry(**_fields(path, protocol))
    assert bool(judge(build(mesh_text, envoys=[logged("shop/web-1", call)]), "PR-005")) == is_fault


def _fields(path: str, protocol: str) -> dict[str, Any]:
    made = line(TO_CART, code=200)
    return {"time": made.time, "code": 200, "upstream_cluster": TO_CART, "method": "POST", "path": path, "protocol": protocol}


def test_what_goes_past_the_mesh_is_a_remark() -> None:
    left_out = pod("shop/cart-1", annotations={"traffic.sidecar.istio.io/excludeOutboundPorts": "5432"})
    udp = thing("v1", "Service", "shop/dns", {"selector": {"app": "cart"}, "ports": [{"port": 53, "protocol": "UDP"}]})
    found = judge(build(all_of(left_out, udp)), "PR-006")
    assert {(str(f.subject), f.severity) for f in found} == {("Deployment shop/cart", "info"), ("Service shop/dns", "info")}
    assert judge(build(SHOP), "PR-006") == []


@pytest.mark.parametrize(("address", "is_fault"), [("240.240.0.7:443", True), ("93.184.216.34:443", False)])
def test_an_address_that_was_made_up_and_forgotten(address: str, is_fault: bool) -> None:
    call = line("PassthroughCluster", "UF", upstream_host=address)
    assert subjects(judge(build(SHOP, envoys=[logged("shop/web-1", call)]), "DNS-002")) == ["Deployment shop/web"] * is_fault
