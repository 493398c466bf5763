"""NetworkPolicies that stand in the way of the mesh."""

from __future__ import annotations

import pytest

from meshdoctor.model.istiod import Istiod, ProxySync
from meshdoctor.model.networkpolicies import NetworkPolicy
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, gateway, pod, server, service, thing, to, virtual_service

ISTIOD = pod("istio-system/istiod-1", {"app": "istiod"}, proxy=False, ip="10.1.0.1")
SPACES = all_of(thing("v1", "Namespace", "/shop"), thing("v1", "Namespace", "/edge"), thing("v1", "Namespace", "/istio-system"))
SHOP = all_of(SPACES, ISTIOD, pod("shop/cart-1", ip="10.1.0.2"), service("shop/cart"))
DNS = {"ports": [{"port": 53, "protocol": "UDP"}]}


def policy(where: str, **spec: object) -> str:
    return thing("networking.k8s.io/v1", "NetworkPolicy", where, {"podSelector": {}, **spec})


def known(*names: str) -> Istiod:
    proxies = tuple(ProxySync(namespace=n.split("/")[0], name=n.split("/")[1], istiod="istiod-1") for n in names)
    return Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": proxies, "log": ()})


@pytest.mark.parametrize(
    ("closed", "is_fault"),
    [
        (policy("shop/out", policyTypes=["Egress"], egress=[DNS]), True),
        (policy("shop/out", policyTypes=["Egress"], egress=[DNS, {"ports": [{"port": 15000, "endPort": 15020}]}]), False),
        (policy("shop/out", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]), False),
        (policy("shop/out", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.0.1/32"]}}]}]), True),
        (policy("istio-system/in", ingress=[{"from": [{"podSelector": {}}]}]), True),
        (policy("istio-system/in", ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}]), False),
        (policy("shop/in", ingress=[]), False),
        (policy("shop/other", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Egress"]), False),
    ],
)  # fmt: skip
def test_the_port_of_istiod(closed: str, is_fault: bool) -> None:
    findings = judge(build(all_of(SHOP, closed), istiods=[known("shop/cart-1")]), "XDS-004")
    assert [(f.subject.kind, f.severity) for f in findings] == ([("NetworkPolicy", "medium")] if is_fault else [])


def test_a_proxy_that_is_cut_off_makes_it_critical() -> None:
    closed = policy("shop/out", policyTypes=["Egress"], egress=[DNS])
    (finding,) = judge(build(all_of(SHOP, closed), istiods=[known()]), "XDS-004")
    assert (finding.severity, finding.harm is not None) == ("critical", True)


def test_policies_that_may_not_be_read_are_unknown() -> None:
    for problem in ("XDS-004", "PS-001", "INJ-009", "AM-007"):
        found = judge(build(all_of(SHOP, gateway("edge/g", server(80, "HTTP", "*"))), unseen=[NetworkPolicy]), problem)
        assert {f.status for f in found} == {"UNKNOWN"}, problem


@pytest.mark.parametrize(("ports", "is_fault"), [([15012], True), ([15012, 15017], False)])
def test_the_port_of_the_webhook(ports: list[int], is_fault: bool) -> None:
    closed = policy("istio-system/istiod", ingress=[{"ports": [{"port": p} for p in ports]}])
    assert subjects(judge(build(all_of(SHOP, closed)), "INJ-009")) == ["NetworkPolicy istio-system/istiod"] * is_fault


@pytest.mark.parametrize(("allowed", "is_fault"), [("shop", True), ("edge", False)])
def test_the_way_from_a_gateway(allowed: str, is_fault: bool) -> None:
    door = pod("edge/gw-1", {"istio": "ingress"}, gateway=True, ip="10.1.0.7")
    route = virtual_service("shop/cart", hosts=["a.example"], gateways=["edge/g"], http=[to("cart")])
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": allowed}}}
    closed = policy("shop/in", ingress=[{"from": [peer]}])
    mesh = build(all_of(SHOP, door, gateway("edge/g", server(80, "HTTP", "*")), route, closed))
    assert subjects(judge(mesh, "PS-001")) == ["NetworkPolicy shop/in"] * is_fault


@pytest.mark.parametrize(("ports", "is_fault"), [([8080], True), ([8080, 15008], False)])
def test_the_port_of_ztunnel(ports: list[int], is_fault: bool) -> None:
    captured = {"ambient.istio.io/redirection": "enabled"}
    pods = [pod(f"shop/{n}", proxy=False, annotations=captured, ip=ip) for n, ip in (("web-1", "10.1.1.1"), ("web-2", "10.1.1.2"))]
    closed = policy("shop/in", ingress=[{"ports": [{"port": p} for p in ports]}])
    assert bool(judge(build(all_of(SPACES, *pods, closed)), "AM-007")) == is_fault


def test_the_way_to_an_egress_gateway() -> None:
    door = all_of(pod("edge/out-1", {"istio": "egress"}, gateway=True, ip="10.1.0.7"), service("edge/out"))
    route = virtual_service("shop/rates", hosts=["rates.example"], http=[to("out.edge.svc.cluster.local")])
    closed = policy("shop/out", policyTypes=["Egress"], egress=[DNS])
    assert subjects(judge(build(all_of(SHOP, door, route, closed)), "PS-001")) == ["NetworkPolicy shop/out"]
    assert judge(build(all_of(SHOP, door, route)), "PS-001") == []
