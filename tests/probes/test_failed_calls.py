"""Calls that fail by what access logs tell, inside the mesh and out of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from meshdoctor.model.envoy import ClusterStatus, HostStatus
from tests.conftest import NOW, build, judge, subjects
from tests.probes.things import (
    all_of,
    destination_rule,
    entry,
    gateway,
    line,
    logged,
    pod,
    server,
    service,
    thing,
    to,
    virtual_service,
)

CART = "cart.shop.svc.cluster.local"
TO_CART = f"outbound|8080||{CART}"
WEB = pod("shop/web-1", ip="10.1.0.5")
SHOP = all_of(WEB, pod("shop/cart-1"), service("shop/cart"))
BANK = all_of(pod("bank/pay-1", ip="10.2.0.1"), service("bank/pay"))


def sidecar(*hosts: str, **spec: Any) -> str:
    return thing("networking.istio.io/v1", "Sidecar", "shop/default", {"egress": [{"hosts": list(hosts)}]} | spec)


@pytest.mark.parametrize(("hosts", "cluster", "is_fault"), [
    (["./*"], "PassthroughCluster", True),
    (["./*"], "BlackHoleCluster", True),
    (["./*", "bank/*"], "PassthroughCluster", False),
    (["./*"], "outbound|8080||pay.bank.svc.cluster.local", False),
])  # fmt: skip
def test_a_callee_that_the_sidecar_does_not_import(hosts: list[str], cluster: str, is_fault: bool) -> None:
    call = line(cluster, "UC", authority="pay.bank:8080")
    mesh = build(all_of(SHOP, BANK, sidecar(*hosts)), envoys=[logged("shop/web-1", call)])
    assert subjects(judge(mesh, "RT-009")) == ["Sidecar shop/default"] * is_fault


def test_a_callee_is_known_by_its_address_too() -> None:
    call = line("PassthroughCluster", "UC", downstream_local="10.2.0.1:8080")
    mesh = build(all_of(SHOP, BANK, sidecar("./*")), envoys=[logged("shop/web-1", call)])
    assert subjects(judge(mesh, "RT-009")) == ["Sidecar shop/default"]


LATE = [line(TO_CART, "UT", 504, duration_ms=1003) for _ in range(3)]


@pytest.mark.parametrize(
    ("timeout", "subject"), [("1s", "VirtualService shop/cart"), ("9s", "Deployment shop/cart"), ("", "Deployment shop/cart")]
)
def test_requests_that_end_at_their_timeout(timeout: str, subject: str) -> None:
    route = virtual_service("shop/cart", hosts=["cart"], http=[to("cart") | ({"timeout": timeout} if timeout else {})])
    assert subjects(judge(build(all_of(SHOP, route), envoys=[logged("shop/web-1", *LATE)]), "RT-016")) == [subject]
    assert judge(build(all_of(SHOP, route), envoys=[logged("shop/web-1", LATE[0])]), "RT-016") == []


CUT = line(
    TO_CART,
    "UC",
    duration_ms=2,
    details="upstream_reset_before_response_started{connection_termination}",
    upstream_host="10.1.0.9:8080",
)
FINE = line(TO_CART, code=200)


@pytest.mark.parametrize(("cut", "fine", "is_fault"), [(2, 20, True), (1, 20, False), (10, 10, False)])
def test_kept_connections_that_were_closed(cut: int, fine: int, is_fault: bool) -> None:
    mesh = build(SHOP, envoys=[logged("shop/web-1", *[CUT] * cut, *[FINE] * fine)])
    assert subjects(judge(mesh, "RT-018")) == ["Deployment shop/cart"] * is_fault


def test_connections_cut_by_a_fault_that_is_over_stand_together() -> None:
    cut = [msgspec.structs.replace(CUT, time=NOW - timedelta(seconds=s)) for s in (20, 21, 22)]
    fine = [msgspec.structs.replace(FINE, time=NOW - timedelta(seconds=s / 4)) for s in range(60)]
    assert judge(build(SHOP, envoys=[logged("shop/web-1", *cut, *fine)]), "RT-018") == []


@pytest.mark.parametrize(("rule_after", "is_fault"), [(20, True), (-20, False)])
def test_a_route_before_its_subset(rule_after: float, is_fault: bool) -> None:
    changed = NOW - timedelta(seconds=60)
    route = virtual_service("shop/cart", hosts=["cart"], http=[to("cart", "v2")], created=changed.isoformat())
    rule = destination_rule("shop/cart", "cart", "v2").replace(
        "2026-08-01T10:00:00Z", (changed + timedelta(seconds=rule_after)).isoformat()
    )
    lost = line(f"outbound|8080|v2|{CART}", "NC", ago_s=50)
    mesh = build(all_of(SHOP, route, rule), envoys=[logged("shop/web-1", lost)])
    assert subjects(judge(mesh, "RT-020")) == ["VirtualService shop/cart"] * is_fault


SHUT = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}


@pytest.mark.parametrize(("mode", "known", "subject"), [
    (SHUT, "", "Deployment shop/web"),
    (SHUT, entry("shop/rates", "rates.example", exportTo=["."]), ""),
    (SHUT, entry("bank/rates", "rates.example", exportTo=["."]), "ServiceEntry bank/rates"),
    ({}, "", ""),
])  # fmt: skip
def test_a_host_that_the_mesh_does_not_know(mode: dict[str, Any], known: str, subject: str) -> None:
    call = line("BlackHoleCluster", "UH", 502, authority="rates.example")
    mesh = build(all_of(SHOP, known, sidecar("*/*", **mode)), envoys=[logged("shop/web-1", call)])
    assert subjects(judge(mesh, "EG-001")) == [subject] * bool(subject)


@pytest.mark.parametrize(("hosts", "is_fault"), [((), True), ((HostStatus(address="1.2.3.4", port=443),), False)])
def test_a_name_that_does_not_resolve(hosts: tuple[HostStatus, ...], is_fault: bool) -> None:
    cluster = ClusterStatus(name="outbound|443||rates.example", hosts=hosts)
    mesh = build(all_of(SHOP, entry("shop/rates", "rates.example")), envoys=[logged("shop/web-1", clusters=(cluster,))])
    assert subjects(judge(mesh, "EG-002")) == ["ServiceEntry shop/rates"] * is_fault


@pytest.mark.parametrize(("host", "spec", "is_fault"), [
    ("*.example", {}, True),
    ("rates.example", {"resolution": "STATIC"}, True),
    ("rates.example", {"resolution": "STATIC", "endpoints": [{"address": "1.2.3.4"}]}, False),
    ("*.example", {"resolution": "NONE"}, False),
    ("rates.example", {"resolution": "STATIC", "workloadSelector": {"labels": {"app": "rates"}}}, True),
    ("rates.example", {"resolution": "STATIC", "workloadSelector": {"labels": {"app": "web"}}}, False),
])  # fmt: skip
def test_a_resolution_that_does_not_fit(host: str, spec: dict[str, Any], is_fault: bool) -> None:
    assert bool(judge(build(all_of(SHOP, entry("shop/rates", host, **spec))), "EG-002")) == is_fault


@pytest.mark.parametrize(
    ("protocol", "mode", "is_fault"), [("HTTPS", "SIMPLE", True), ("HTTP", "SIMPLE", False), ("TLS", "DISABLE", False)]
)
def test_encrypted_twice(protocol: str, mode: str, is_fault: bool) -> None:
    port = [{"number": 443, "name": "p", "protocol": protocol}]
    rule = destination_rule("shop/rates", "rates.example", trafficPolicy={"tls": {"mode": mode}})
    mesh = build(all_of(entry("shop/rates", "rates.example", ports=port), rule))
    assert subjects(judge(mesh, "EG-004")) == ["DestinationRule shop/rates"] * is_fault


@pytest.mark.parametrize(("protocol", "tls", "is_fault"), [("HTTP", False, True), ("HTTP", True, False), ("HTTPS", False, False)])
def test_https_on_a_port_declared_http(protocol: str, tls: bool, is_fault: bool) -> None:
    port = [{"number": 443, "name": "p", "protocol": protocol}]
    rule = destination_rule("shop/rates", "rates.example", trafficPolicy={"tls": {"mode": "SIMPLE"}}) if tls else ""
    assert (
        subjects(judge(build(all_of(entry("shop/rates", "rates.example", ports=port), rule)), "EG-005"))
        == ["ServiceEntry shop/rates"] * is_fault
    )


@pytest.mark.parametrize(("arrives", "leaves", "is_fault"), [(True, True, False), (True, False, True), (False, True, True)])
def test_an_egress_gateway_with_half_a_way(arrives: bool, leaves: bool, is_fault: bool) -> None:
    rules = []
    if arrives:
        rules.append(to("out.edge.svc.cluster.local") | {"match": [{"gateways": ["mesh"]}]})
    if leaves:
        rules.append(to("rates.example") | {"match": [{"gateways": ["edge/g"]}]})
    route = virtual_service("shop/rates", hosts=["rates.example"], gateways=["mesh", "edge/g"], http=rules)
    door = all_of(pod("edge/out-1", {"istio": "egress"}, gateway=True), service("edge/out"))
    way_out = gateway("edge/g", server(80, "HTTP", "rates.example"), selector={"istio": "egress"})
    mesh = build(all_of(door, way_out, route, entry("shop/rates", "rates.example")))
    assert subjects(judge(mesh, "EG-006")) == ["VirtualService shop/rates"] * is_fault


@pytest.mark.parametrize(("where", "is_fault"), [("legacy", True), ("shop", False), ("istio-system", False), ("bank", False)])
def test_a_rule_that_nobody_looks_for(where: str, is_fault: bool) -> None:
    mesh = build(all_of(SHOP, BANK, destination_rule(f"{where}/cart", CART)))
    assert bool(judge(mesh, "RT-011")) == is_fault


@pytest.mark.parametrize(("policy", "is_fault"), [
    ({"loadBalancer": {"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}}, True),
    ({"loadBalancer": {"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}, "outlierDetection": {}}, False),
    ({"loadBalancer": {"localityLbSetting": {"enabled": False, "failover": [{"from": "a", "to": "b"}]}}}, False),
    ({"loadBalancer": {"simple": "RANDOM"}}, False),
])  # fmt: skip
def test_failover_without_outlier_detection(policy: dict[str, Any], is_fault: bool) -> None:
    assert bool(judge(build(destination_rule("shop/cart", "cart", trafficPolicy=policy)), "RT-021")) == is_fault


@pytest.mark.parametrize(("younger", "is_fault"), [
    ({"trafficPolicy": {"tls": {"mode": "DISABLE"}}}, True),
    ({"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}, False),
    ({"subsets": [{"name": "v1", "labels": {"version": "v2"}}]}, True),
    ({"subsets": [{"name": "v2", "labels": {"version": "v2"}}]}, False),
])  # fmt: skip
def test_two_rules_for_a_host_that_disagree(younger: dict[str, Any], is_fault: bool) -> None:
    older = destination_rule("shop/a", "cart", "v1", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    assert (
        subjects(judge(build(all_of(older, destination_rule("shop/b", CART, **younger))), "RT-012"))
        == ["DestinationRule shop/b"] * is_fault
    )
