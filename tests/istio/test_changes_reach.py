"""Hosts at gateways, hosts that sidecars see, and what DestinationRules say."""

from __future__ import annotations

from typing import Any

from meshdoctor.collect.files import objects
from meshdoctor.istio.changes.every import effects
from meshdoctor.model.changes import DestinationChange, ExposureChange, MtlsChange, VisibilityChange
from meshdoctor.model.gatewayapi import HTTPRoute
from meshdoctor.model.networking import VirtualService
from tests.conftest import build
from tests.istio.changing import DOOR, SHOP, over, rule, said, security
from tests.probes.things import destination_rule, entry, gateway, pod, server, service, thing, virtual_service

EDGE: dict[str, Any] = {"gateways": ["edge/door"], "http": [rule("cart")]}
SHOWN = virtual_service("shop/edge", hosts=["shop.example.com"], **EDGE)


def exposed(mesh: str, manifests: str) -> list[tuple[str, int, str | None, str | None]]:
    return [(c.host, c.port, c.before, c.after) for c in over(mesh, manifests) if isinstance(c, ExposureChange)]


def test_a_host_is_exposed_when_a_gateway_takes_it_and_a_route_answers() -> None:
    assert exposed(SHOP + DOOR, SHOWN) == [("shop.example.com", 80, "HTTP, without a route: 404", "HTTP")]
    assert exposed(SHOP + SHOWN, DOOR) == [("shop.example.com", 80, None, "HTTP")]
    assert exposed(SHOP, DOOR) == [("*.example.com", 80, None, "HTTP, without a route: 404")]
    assert exposed(SHOP + DOOR, virtual_service("shop/edge", hosts=["shop.elsewhere.com"], **EDGE)) == []
    nobody = gateway("edge/door", server(80, "HTTP", "*.example.com"), selector={"istio": "nobody"})
    assert exposed(SHOP + SHOWN, nobody) == []


def test_a_host_is_no_longer_exposed() -> None:
    mesh = SHOP + DOOR + SHOWN
    narrow = gateway("edge/door", server(80, "HTTP", "other.example.com"))
    assert exposed(mesh, narrow) == [("shop.example.com", 80, "HTTP", None)]
    assert said(mesh, narrow) == [("loses", "shop.example.com at Gateway edge/door port 80", "is no longer exposed (was HTTP)")]
    assert exposed(mesh, virtual_service("shop/edge", hosts=["other.example.com"], **EDGE)) == [
        ("shop.example.com", 80, "HTTP", "HTTP, without a route: 404"),
        ("other.example.com", 80, "HTTP, without a route: 404", "HTTP"),
    ]


def test_tls_and_ports() -> None:
    tls = server(443, "HTTPS", "shop.example.com", mode="SIMPLE", credentialName="shop")
    both = gateway("edge/door", server(80, "HTTP", "*.example.com"), tls)
    assert exposed(SHOP + DOOR + SHOWN, both) == [("shop.example.com", 443, None, "HTTPS SIMPLE with shop")]
    other = gateway("edge/door", server(80, "HTTP", "*.example.com"), tls | {"tls": {"mode": "MUTUAL", "credentialName": "shop"}})
    assert exposed(SHOP + both + SHOWN, other) == [("shop.example.com", 443, "HTTPS SIMPLE with shop", "HTTPS MUTUAL with shop")]


def test_a_namespace_that_a_server_does_not_let_in() -> None:
    limited = gateway("edge/door", server(80, "HTTP", "bank/*.example.com"))
    assert exposed(SHOP + limited, SHOWN) == []


def test_http_routes_at_gateways_of_the_gateway_api() -> None:
    api = "gateway.networking.k8s.io/v1"
    listener = {
        "name": "web",
        "port": 80,
        "protocol": "HTTP",
        "hostname": "*.example.com",
        "allowedRoutes": {"namespaces": {"from": "Same"}},
    }
    door = thing(api, "Gateway", "shop/door", {"gatewayClassName": "istio", "listeners": [listener]})
    spec = {
        "parentRefs": [{"name": "door"}],
        "hostnames": ["shop.example.com"],
        "rules": [{"backendRefs": [{"name": "cart", "port": 8080}]}],
    }
    route = thing(api, "HTTPRoute", "shop/edge", spec)
    assert exposed(SHOP + door, route) == [("shop.example.com", 80, "HTTP, without a route: 404", "HTTP")]
    elsewhere = thing(api, "HTTPRoute", "bank/edge", spec | {"parentRefs": [{"name": "door", "namespace": "shop"}]})
    assert exposed(SHOP + door, elsewhere) == []


def seen(mesh: str, manifests: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (c.effect, c.host.removesuffix(".svc.cluster.local"), c.clients)
        for c in over(mesh, manifests)
        if isinstance(c, VisibilityChange)
    ]


def sidecar(where: str, *hosts: str) -> str:
    return thing("networking.istio.io/v1", "Sidecar", where, {"egress": [{"hosts": list(hosts)}]})


def test_sidecars_hide_hosts_and_show_them_again() -> None:
    narrow = sidecar("shop/default", "./*")
    assert seen(SHOP, narrow) == [("loses", "payment.bank", ("shop",))]
    assert seen(SHOP + narrow, sidecar("shop/default", "*/*")) == [("gains", "payment.bank", ("shop",))]
    assert seen(SHOP, sidecar("istio-system/default", "shop/*")) == [("loses", "payment.bank", ("bank", "shop"))]
    assert over(SHOP + narrow, sidecar("istio-system/default", "./*"))[0].about != "payment.bank"


def test_export_to_of_services_and_new_hosts() -> None:
    hidden = service("shop/cart", annotations={"networking.istio.io/exportTo": "."})
    assert seen(SHOP, hidden) == [("loses", "cart.shop", ("bank", "edge"))]
    assert seen(SHOP, entry("bank/rates", "rates.example.com", exportTo=["."])) == [("gains", "rates.example.com", ("bank",))]


def set_for(mesh: str, manifests: str) -> list[tuple[str, str, tuple[str, ...], str | None, str | None]]:
    found = [c for c in over(mesh, manifests) if isinstance(c, DestinationChange)]
    return [(c.effect, c.setting, c.clients, c.before, c.after) for c in found]


def test_subsets_come_go_and_change() -> None:
    rules = destination_rule("shop/cart", "cart", "v1")
    both = ("bank", "edge", "shop")  # that of the gateway too
    assert set_for(SHOP, rules) == [("gains", "subset v1", both, None, "version=v1")]
    assert set_for(SHOP + rules, rules.replace("version: v1", "version: v9")) == [
        ("changes", "subset v1", both, "version=v1", "version=v9")
    ]
    route = virtual_service("shop/cart", hosts=["cart"], http=[{"route": [{"destination": {"host": "cart", "subset": "v1"}}]}])
    (lost,) = over(SHOP + rules + route, destination_rule("shop/cart", "cart"))
    assert (lost.effect, "VirtualService shop/cart still routes to it: 503 NC" in lost.says) == ("loses", True)


def test_a_rule_of_the_clients_namespace_hides_the_subsets_of_the_services() -> None:
    rules = destination_rule("shop/cart", "cart", "v1")
    mine = destination_rule("bank/cart", "cart.shop.svc.cluster.local", trafficPolicy={"tls": {"mode": "DISABLE"}})
    assert set_for(SHOP + rules, mine) == [
        ("loses", "subset v1", ("bank",), "version=v1", None),
        ("loses", "tls", ("bank",), None, "mode DISABLE"),
    ]


def test_what_was_not_seen_is_told_as_such_and_the_rest_is_compared() -> None:
    before = build(SHOP + DOOR, unseen=[VirtualService])
    after = before.overlaid(objects(security("PeerAuthentication", "shop/x", mtls={"mode": "STRICT"})))
    found, blind = effects(before, after)
    assert {type(c) for c in found} == {MtlsChange}
    assert {b.about for b in blind} >= {"routes", "exposed hosts"}
    assert all("forbidden" in b.reason for b in blind)


def test_what_is_passed_over_is_said() -> None:
    for mesh, about in (
        (pod("shop/cart-5d-a", proxy=False), "routes, hosts and destinations of clients"),
        (SHOP + thing("v1", "Namespace", "bank", labels={"istio.io/dataplane-mode": "ambient"}), "ambient workloads"),
    ):
        before = build(mesh)
        assert [b.about for b in effects(before, before.overlaid(objects(SHOWN)))[1]] == [about]
    before = build(SHOP, unseen=[HTTPRoute])
    assert "HTTPRoutes" in str(effects(before, before.overlaid(objects(SHOWN)))[1])
