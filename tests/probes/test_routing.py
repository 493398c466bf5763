"""RT-001..005, RT-010, RT-019: routes, subsets, visibility."""

from __future__ import annotations

import difflib
import random
from typing import Any

import pytest

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.istiod import Istiod, MeshConfig
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.workloads import Pod
from probes.routing import _nearest
from tests.conftest import build, judge, subjects
from tests.probes.things import (
    all_of,
    deployment,
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
SHOP = all_of(
    service("shop/cart"),
    pod("shop/cart-1", {"version": "v1"}),
    pod("shop/web-1"),
    service("bank/payment"),
    pod("bank/payment-1"),
    pod("edge/ingress-1", {"istio": "ingress"}, gateway=True),
    gateway("shop/gw", server(80, "HTTP", "shop.example.com")),
    destination_rule("shop/cart", CART, "v1"),
)
FINE = all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[to("cart", "v1")]))


@pytest.mark.parametrize("problem", ["RT-001", "RT-002", "RT-003", "RT-004", "RT-005", "RT-010", "RT-019"])
def test_a_fine_mesh_gives_nothing(problem: str) -> None:
    assert judge(build(FINE), problem) == []


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("RT-001", Service),
        ("RT-002", DestinationRule),
        ("RT-003", Pod),
        ("RT-003", Service),
        ("RT-004", VirtualService),
        ("RT-005", VirtualService),
        ("RT-010", Service),
        ("RT-019", VirtualService),
    ],
)
def test_what_was_not_seen_is_unknown(problem: str, kind: type[KubernetesObject]) -> None:
    assert {f.status for f in judge(build(FINE, unseen=[kind]), problem)} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("host", "namespace", "found"),
    [
        ("cart", "shop", False),
        ("cart", "bank", True),  # a short name means the rule's own namespace
        ("cart.shop.svc.cluster.local", "bank", False),
        ("Cart.shop.svc.cluster.local", "bank", False),
        ("cart.shop", "bank", True),  # Istio completes names without a dot only
        ("api.example.com", "shop", True),
        ("api.example.org", "shop", False),
        ("www.wild.org", "shop", False),
        ("cart.shop.svc.clusterset.local", "shop", False),
    ],
)
@pytest.mark.parametrize("kind", ["http", "mirror", "tcp", "tls"])
def test_routes_to_hosts(host: str, namespace: str, found: bool, kind: str) -> None:
    rules: dict[str, Any] = {
        "http": {"http": [to(host)]},
        "mirror": {"http": [to("cart.shop.svc.cluster.local", mirror={"host": host})]},
        "tcp": {"tcp": [{"match": [{"port": 1}], **to(host)}]},
        "tls": {"tls": [{"match": [{"port": 443, "sniHosts": ["x.org"]}], **to(host)}]},
    }
    entries = entry("shop/e", "api.example.org"), entry("shop/w", "*.wild.org")
    text = all_of(SHOP, *entries, virtual_service(f"{namespace}/r", hosts=["x.org"], **rules[kind]))
    findings = judge(build(text), "RT-001")
    assert subjects(findings) == ([f"VirtualService {namespace}/r"] if found else [])


def test_a_missing_host_names_the_head_its_likeness_and_the_harm() -> None:
    text = all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[to("carts")]))
    log = logged("shop/web-1", *(line("outbound|8080||carts.shop.svc.cluster.local", "NC") for _ in range(6)))
    (finding,) = judge(build(text, envoys=[log]), "RT-001")
    assert finding.path == "spec.http[0].route[0].destination.host"
    assert CART in finding.why
    assert finding.harm
    assert finding.harm.requests_failed_per_s == 0.6
    assert finding.harm.workloads == ("shop/web",)
    assert "Service shop/cart" in [str(s) for s in finding.also]
    assert finding.severity == "high"


def test_a_missing_host_without_weight_is_minor_and_beside_other_clusters_a_hint() -> None:
    rule = {"route": [{"destination": {"host": "cart"}, "weight": 100}, {"destination": {"host": "no"}, "weight": 0}]}
    text = all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[rule]))
    assert [f.severity for f in judge(build(text), "RT-001")] == ["low"]
    other = thing("v1", "Secret", "istio-system/far", labels={"istio/multiCluster": "true"})
    assert [f.confidence for f in judge(build(all_of(text, other)), "RT-001")] == [0.4]


@pytest.mark.parametrize(
    ("rules", "where", "gateways", "found"),
    [
        (["shop"], "shop", [], False),
        (["shop"], "bank", [], False),  # the service's own namespace
        (["bank"], "bank", [], False),  # the client's
        (["bank"], "shop", [], True),  # a third one
        (["istio-system"], "shop", [], True),  # the root is asked last: the service's own rule shadows it
        (["bank"], "bank", ["shop/gw"], True),  # the gateway is the client, and runs elsewhere
        (["edge"], "bank", ["shop/gw"], False),
        (["shop"], "bank", ["shop/none"], False),  # nobody follows it
        ([], "shop", [], True),
    ],
)
def test_subsets_are_looked_up_where_clients_look(rules: list[str], where: str, gateways: list[str], found: bool) -> None:
    text = all_of(
        SHOP,
        (destination_rule(f"{ns}/v2", CART, "v1", "v2") for ns in rules),
        virtual_service(f"{where}/r", hosts=["x.org"], http=[to(CART, "v2")], gateways=gateways),
    )
    assert bool(subjects(judge(build(text), "RT-002"), "FAIL")) is found


def test_a_clients_own_rule_shadows_the_services() -> None:
    text = all_of(
        SHOP,
        destination_rule("bank/mine", "*.shop.svc.cluster.local"),
        virtual_service("bank/r", hosts=[CART], http=[to(CART, "v1")]),
    )
    assert subjects(judge(build(text), "RT-002")) == ["VirtualService bank/r"]


def test_subsets_of_a_delegate_are_looked_up_for_its_roots_clients() -> None:
    root = virtual_service(
        "edge/root",
        hosts=["shop.example.com"],
        gateways=["shop/gw"],
        http=[{"delegate": {"name": "part", "namespace": "bank"}}],
    )
    part = virtual_service("bank/part", http=[to(CART, "v9")])
    assert subjects(judge(build(all_of(SHOP, root, part)), "RT-002")) == ["VirtualService bank/part"]
    assert [f.severity for f in judge(build(all_of(SHOP, part)), "RT-002")] == ["info"]  # nobody delegates to it


def test_an_empty_subset() -> None:
    rule = destination_rule("shop/cart2", CART, "v1", "v2")
    routed = virtual_service("shop/cart", hosts=["cart"], http=[to(CART, "v2")])
    text = all_of(SHOP.replace("name: v1", "name: v0"), rule, routed)
    log = logged("shop/web-1", line(f"outbound|8080|v2|{CART}", "UH"))
    found = [f for f in judge(build(text, envoys=[log]), "RT-003") if f.subject.name == "cart2"]
    assert [(f.severity, f.confidence, f.path) for f in found] == [("high", 0.95, "spec.subsets[1]")]
    assert {"Service shop/cart", "VirtualService shop/cart"} <= {str(s) for s in found[0].also}
    assert found[0].harm
    assert found[0].harm.workloads == ("shop/web",)


def test_an_empty_subset_that_nobody_uses_is_information_and_wanted_pods_are_a_hint() -> None:
    rule = destination_rule("shop/cart2", CART, "v2")
    idle = virtual_service("shop/cart", hosts=["cart"], http=[to(CART, "v2")])
    idle = idle.replace("weight: 0", "weight: 0\n    - destination: {host: cart}\n      weight: 100")
    assert [f.severity for f in judge(build(all_of(SHOP, rule)), "RT-003")] == ["info"]
    assert [f.severity for f in judge(build(all_of(SHOP, rule, idle)), "RT-003")] == ["info"]
    routed = virtual_service("shop/cart", hosts=["cart"], http=[to(CART, "v2")])
    wanted = deployment("shop/cart-v2", {"app": "cart", "version": "v2"}, 1)
    zero = deployment("shop/cart-v2", {"app": "cart", "version": "v2"}, 0)
    assert [f.confidence for f in judge(build(all_of(SHOP, rule, routed, wanted)), "RT-003")] == [0.4]
    assert [f.confidence for f in judge(build(all_of(SHOP, rule, routed, zero)), "RT-003")] == [0.95]
    pods_elsewhere = pod("bank/cart-2", {"version": "v2"})
    assert len(judge(build(all_of(SHOP, rule, routed, pods_elsewhere)), "RT-003")) == 1


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({"hosts": ["cart"]}, {"hosts": [CART]}, True),
        ({"hosts": ["cart"]}, {"hosts": ["other"]}, False),
        ({"hosts": ["cart"]}, {"hosts": ["*.shop.svc.cluster.local"]}, False),  # the exact one wins, rightly
        ({"hosts": ["cart"]}, {"hosts": ["cart"], "gateways": ["gw"]}, False),
        ({"hosts": ["cart"]}, {"hosts": ["cart"], "gateways": ["gw", "mesh"]}, True),
        ({"hosts": ["cart"], "exportTo": ["bank"]}, {"hosts": ["cart"], "exportTo": ["edge"]}, False),
        ({"hosts": ["cart"], "exportTo": ["bank"]}, {"hosts": ["cart"]}, True),
        ({"hosts": ["cart"], "exportTo": ["~"]}, {"hosts": ["cart"]}, False),
    ],
)
def test_two_rules_for_one_host(first: dict[str, Any], second: dict[str, Any], found: bool) -> None:
    older = virtual_service("shop/z", created="2026-07-01T00:00:00Z", http=[to(CART)], **first)
    younger = virtual_service("shop/a", created="2026-07-02T00:00:00Z", http=[to(CART)], **second)
    told = judge(build(all_of(SHOP, older, younger)), "RT-004")
    assert subjects(f for f in told if f.severity != "info") == (["VirtualService shop/a"] if found else [])


def test_a_private_override_is_no_conflict_nor_is_another_protocol() -> None:
    theirs = virtual_service("shop/cart", hosts=[CART], http=[to(CART)])
    mine = virtual_service("bank/cart", hosts=[CART], http=[to(CART)], exportTo=["."])
    tcp = virtual_service("shop/cart-tcp", hosts=[CART], tcp=[to(CART)])
    found = judge(build(all_of(SHOP, theirs, mine, tcp)), "RT-004")
    assert {f.severity for f in found} == {"info"}


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (None, [{"uri": {"prefix": "/v2"}}], True),
        ([{"uri": {"prefix": "/"}}], [{"headers": {"a": {"exact": "b"}}}], True),
        ([{"uri": {"prefix": "/v2"}}], None, False),
        ([{"uri": {"prefix": "/v2"}}], [{"uri": {"exact": "/v2/x"}}], True),
        ([{"uri": {"exact": "/v2"}}], [{"uri": {"prefix": "/v2"}}], False),
        ([{"uri": {"prefix": "/v2"}}], [{"uri": {"prefix": "/v2"}}, {"uri": {"prefix": "/v3"}}], False),
        ([{"headers": {"a": {"exact": "b"}}}], [{"headers": {"a": {"exact": "c"}}}], False),
        ([{"uri": {"prefix": "/"}, "gateways": ["gw"]}], [{"uri": {"prefix": "/a"}}], False),
        ([{"uri": {"prefix": "/"}, "sourceLabels": {"app": "x"}}], [{"uri": {"prefix": "/a"}}], False),
        ([{"uri": {"prefix": "/"}, "port": 80}], [{"uri": {"prefix": "/a"}, "port": 81}], False),
        ([{"name": "a", "uri": {"regex": "/x.*"}}], [{"name": "b", "uri": {"regex": "/x.*"}}], True),
    ],
)
def test_rules_that_are_never_reached(first: Any, second: Any, found: bool) -> None:
    rules = [to(CART) | ({"match": m} if m else {}) for m in (first, second)]
    findings = judge(build(all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=rules))), "RT-005")
    assert [f.path for f in findings if f.severity != "info"] == (["spec.http[1]"] if found else [])


@pytest.mark.parametrize(
    ("first", "second", "paths", "codes"),
    [
        (None, [{"uri": {"prefix": "/a"}}, {"port": 80}], ["spec.http[1]"], ["IST0130"]),
        ([{"port": 80}], [{"port": 80}], ["spec.http[1]"], ["IST0130", "IST0131"]),
        ([{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/ab"}}], ["spec.http[1]"], ["IST0131"]),
        ([{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/ab"}}, {"port": 80}], ["spec.http[1].match[0]"], ["IST0131"]),
        ([{"uri": {"prefix": "/a"}}], [{"uri": {"exact": "/ab"}}, {"port": 80}], ["spec.http[1].match[0]"], []),
        ([{"port": 81}], [{"uri": {"prefix": "/a"}}, {"uri": {"exact": "/ab"}}], [], []),
        ([{"port": 81}], [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/ab"}}], ["spec.http[1].match[1]"], ["IST0131"]),
    ],
)
def test_matches_that_are_never_used(first: Any, second: Any, paths: list[str], codes: list[str]) -> None:
    rules = [to(CART) | ({"match": m} if m else {}) for m in (first, second)]
    findings = judge(build(all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=rules))), "RT-005")
    assert [f.path for f in findings] == paths
    assert [c for f in findings for c in f.codes] == codes


def test_what_a_delegate_leaves_falls_through() -> None:
    rules = [{"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "d"}}, to(CART, match=[{"uri": {"prefix": "/a/b"}}])]
    assert judge(build(virtual_service("shop/cart", hosts=["cart"], http=rules)), "RT-005") == []


def test_tcp_and_tls_rules_are_reached_in_order_too() -> None:
    tls = [
        {"match": [{"sniHosts": ["*.a.org"]}], **to(CART)},
        {"match": [{"sniHosts": ["b.org"]}], **to(CART)},
        {"match": [{"sniHosts": ["x.a.org"]}], **to(CART)},
    ]
    findings = judge(build(virtual_service("shop/r", hosts=["*.a.org", "b.org"], tls=tls)), "RT-005")
    assert [f.path for f in findings] == ["spec.tls[2]"]


POLICY = thing(
    "security.istio.io/v1",
    "AuthorizationPolicy",
    "bank/callers",
    {
        "selector": {"matchLabels": {"app": "payment"}},
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}],
    },
)
PRIVATE = service("bank/payment", annotations={"networking.istio.io/exportTo": "."})
BANK = all_of(PRIVATE, pod("bank/payment-1"), pod("shop/web-1"))


def test_a_hidden_service_is_found_by_policy_route_or_log() -> None:
    assert judge(build(BANK), "RT-010") == []
    (by_policy,) = judge(build(all_of(BANK, POLICY)), "RT-010")
    assert (str(by_policy.subject), by_policy.confidence) == ("Service bank/payment", 0.8)
    route = virtual_service("shop/r", hosts=["x.org"], http=[to("payment.bank.svc.cluster.local")])
    assert subjects(judge(build(all_of(BANK, route)), "RT-010")) == ["Service bank/payment"]
    for authority in ("payment.bank:8080", "payment.bank.svc.cluster.local"):
        log = logged("shop/web-1", line("PassthroughCluster", "UF", authority=authority))
        (by_log,) = judge(build(BANK, envoys=[log]), "RT-010")
        assert by_log.confidence == 0.95
        assert by_log.harm
        assert by_log.harm.workloads == ("shop/web",)
    raw = logged("shop/web-1", line("PassthroughCluster", "UF", 0, downstream_local="10.0.0.1:8080"))
    assert subjects(judge(build(BANK, envoys=[raw]), "RT-010")) == ["Service bank/payment"]


def test_a_service_that_is_hidden_beside_a_visible_twin_is_meant_so() -> None:
    assert judge(build(all_of(BANK, POLICY, service("bank/public", app="payment"))), "RT-010") == []


def test_exported_to_the_one_that_uses_it_or_hidden_by_the_mesh() -> None:
    named = service("bank/payment", annotations={"networking.istio.io/exportTo": "., shop"})
    pods = all_of(pod("bank/payment-1"), pod("shop/web-1"), POLICY)
    assert judge(build(all_of(named, pods)), "RT-010") == []
    istiod = Istiod(namespace="i", name="i", parts={"mesh": MeshConfig(default_service_export_to=(".",))})
    found = judge(build(all_of(service("bank/payment"), pods), istiods=[istiod]), "RT-010")
    assert subjects(found) == ["Service bank/payment"]


def test_a_hidden_rule_that_clients_need() -> None:
    rule = destination_rule("bank/payment", "payment", "v1", exportTo=["."])
    route = virtual_service("shop/r", hosts=["x.org"], http=[to("payment.bank.svc.cluster.local", "v1")])
    text = all_of(service("bank/payment"), pod("bank/payment-1"), pod("shop/web-1"), rule, route)
    assert subjects(judge(build(text), "RT-010")) == ["DestinationRule bank/payment"]
    assert [f.severity for f in judge(build(text), "RT-002")] == ["info"]  # RT-010 says so


def test_a_virtual_service_hidden_from_its_gateway_or_root() -> None:
    at_gateway = virtual_service("shop/r", hosts=["shop.example.com"], gateways=["gw"], http=[to("cart")], exportTo=["."])
    assert subjects(judge(build(all_of(SHOP, at_gateway)), "RT-010")) == ["VirtualService shop/r"]
    root = virtual_service("shop/root", hosts=["a.org"], http=[{"delegate": {"name": "d", "namespace": "bank"}}])
    delegate = virtual_service("bank/d", http=[to("payment")], exportTo=["."])
    assert subjects(judge(build(all_of(SHOP, root, delegate)), "RT-010")) == ["VirtualService bank/d"]


def test_a_rule_that_no_caller_sees() -> None:
    rule = virtual_service("bank/payment", hosts=["payment"], http=[to("payment", timeout="1s")], exportTo=["."])
    text = all_of(service("bank/payment"), pod("bank/payment-1"), pod("shop/web-1"), rule)
    assert judge(build(text), "RT-010") == []
    assert subjects(judge(build(all_of(text, POLICY)), "RT-010")) == ["VirtualService bank/payment"]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"abort": {"httpStatus": 503, "percentage": {"value": 40}}}, True),
        ({"abort": {"httpStatus": 503}}, True),
        ({"abort": {"httpStatus": 503, "percentage": {"value": 0}}}, False),
        ({"delay": {"fixedDelay": "5s", "percent": 10}}, True),
        ({"delay": {"fixedDelay": "5s", "percentage": {"value": 0}}}, False),
    ],
)
def test_faults_left_on(fault: dict[str, Any], found: bool) -> None:
    text = all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[to(CART, fault=fault)]))
    log = logged("shop/web-1", line("", "FI", authority="cart:8080"), line("", "FI", authority="cart:8080", ago_s=9999))
    findings = judge(build(text, envoys=[log]), "RT-019")
    assert subjects(findings) == (["VirtualService shop/cart"] if found else [])
    assert all(f.harm and f.harm.requests_failed_per_s == 0.1 for f in findings)


def test_a_fault_for_testers_only_is_less() -> None:
    rule = to(CART, fault={"abort": {"httpStatus": 500}}, match=[{"headers": {"tester": {"exact": "me"}}}])
    text = all_of(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[rule]))
    assert [f.severity for f in judge(build(text), "RT-019")] == ["medium"]


def test_the_nearest_host_is_that_of_difflib() -> None:
    chance = random.Random(3)
    hosts = [f"{''.join(chance.choices('abc', k=4))}.{''.join(chance.choices('xy', k=3))}.svc.cluster.local" for _ in range(60)]
    for host in ("abca.xyx.svc.cluster.local", "cart", "aaaa.yyy.svc", ""):
        assert _nearest(host, hosts) == "".join(difflib.get_close_matches(host, hosts, n=1, cutoff=0.75))


@pytest.mark.parametrize(("name", "is_fault"), [("front", True), ("back", False)])
def test_a_rule_left_to_a_virtual_service_that_is_not_there(name: str, is_fault: bool) -> None:
    rule = {"match": [{"uri": {"prefix": "/"}}], "delegate": {"name": name}}
    text = all_of(virtual_service("shop/root", hosts=["a.example.com"], http=[rule]), virtual_service("shop/back"))
    assert [f.path for f in judge(build(text), "RT-001")] == ["spec.http[0].delegate"] * is_fault
