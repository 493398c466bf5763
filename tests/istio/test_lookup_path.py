"""Destinations, and the DestinationRule that a client uses."""

from __future__ import annotations

import pytest

from meshdoctor.istio.accesslog_lookup import Upstream, upstream
from meshdoctor.istio.gateways import gateway_names
from meshdoctor.istio.routing import destination_rules, destinations
from meshdoctor.model.networking import VirtualService
from tests.conftest import build
from tests.probes.things import all_of, destination_rule, to, virtual_service

CART = "cart.shop.svc.cluster.local"


def test_every_destination_with_its_path() -> None:
    rule = {
        "route": [{"destination": {"host": "a"}, "weight": 100}, {"destination": {"host": "b"}, "weight": 0}],
        "mirror": {"host": "c"},
        "mirrors": [{"destination": {"host": "d"}}],
    }
    tls = {"match": [{"port": 443, "gateways": ["mesh", "edge/g"]}], **to("e.org")}
    (found,) = build(virtual_service("shop/r", hosts=["x"], gateways=["g"], http=[rule], tls=[tls]))[VirtualService]
    routes = {r.host.split(".")[0]: r for r in destinations(found)}
    assert routes["b"].path == "spec.http[0].route[1].destination"
    assert (routes["a"].is_idle, routes["b"].is_idle) == (False, True)
    assert routes["c"].is_mirror
    assert routes["d"].path == "spec.http[0].mirrors[0].destination"
    assert routes["a"].gateways == ("shop/g",)
    assert routes["e"].gateways == ("mesh", "edge/g")


@pytest.mark.parametrize(
    ("names", "full"),
    [([], ("mesh",)), (["g"], ("shop/g",)), (["a/g", "mesh"], ("a/g", "mesh")), (["g.a.svc.cluster.local"], ("a/g",))],
)
def test_gateway_names(names: list[str], full: tuple[str, ...]) -> None:
    (found,) = build(virtual_service("shop/r", hosts=["x"], gateways=names))[VirtualService]
    assert gateway_names(found) == full


@pytest.mark.parametrize(
    ("client", "name"), [("bank", "bank/mine"), ("edge", "shop/theirs"), ("shop", "shop/theirs"), ("istio-system", "shop/theirs")]
)
def test_the_lookup_path(client: str, name: str) -> None:
    mesh = build(
        all_of(
            destination_rule("bank/mine", "*.shop.svc.cluster.local"),
            destination_rule("shop/theirs", "cart"),
            destination_rule("shop/wide", "*.shop.svc.cluster.local"),
            destination_rule("shop/private", CART, exportTo=["nobody"]),
            destination_rule("istio-system/root", "*.cluster.local"),
            destination_rule("third/other", CART),
        )
    )
    found = destination_rules(mesh, CART, client, ("shop",))
    assert [f"{r.namespace}/{r.name}" for r in found] == [name]


def test_names_of_clusters() -> None:
    assert upstream(f"outbound|80|v1|{CART}") == Upstream("outbound", 80, "v1", CART)
    assert upstream("inbound|8080||").port == 8080
    assert upstream("PassthroughCluster") == Upstream()
