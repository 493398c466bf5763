"""Which requests another rule would answer, or none."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.changes import RouteChange
from tests.istio.changing import DOOR, SHOP, over, rule, said
from tests.probes.things import destination_rule, service, thing, to, virtual_service

OLD = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", "/items"), rule("catalog")])
EDGE: dict[str, Any] = {"hosts": ["shop.example.com"], "gateways": ["edge/door"]}


def events(mesh: str, manifests: str) -> list[tuple[str, str, str | None, str | None]]:
    found = [c for c in over(mesh, manifests) if isinstance(c, RouteChange)]
    return [(c.event, c.match, c.before and c.before.partition(" (")[0], c.after and c.after.partition(" (")[0]) for c in found]


def test_the_same_routes_are_no_change_wherever_they_stand_in_the_file() -> None:
    assert over(SHOP + OLD, OLD) == ()
    spread = virtual_service(
        "shop/cart", hosts=["cart.shop.svc.cluster.local"], http=[rule("cart.shop.svc.cluster.local", "/items"), rule("catalog")]
    )
    assert over(SHOP + OLD, spread) == ()


def test_a_first_virtual_service_without_a_last_rule_loses_all_other_requests() -> None:
    new = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", "/items", timeout="2s")])
    assert events(SHOP, new) == [
        ("lost", "every request", "cart.shop, any pod", None),
        ("added", "/items*", "cart.shop, any pod", "cart.shop; timeout 2s"),
    ]
    assert said(SHOP, new)[0][:2] == ("loses", "cart.shop (all sidecars)")


@pytest.mark.parametrize(
    ("http", "wanted"),
    [
        ([rule("cart", "/items"), rule("cart")], [("changed", "every request", "catalog.shop", "cart.shop")]),
        ([rule("catalog")], [("lost", "/items*", "cart.shop", "catalog.shop")]),
        ([rule("cart", "/items")], [("lost", "every request", "catalog.shop", None)]),
        ([rule("cart", "/items"), rule("cart", "/new"), rule("catalog")], [("added", "/new*", "catalog.shop", "cart.shop")]),
        (
            [rule("cart", "/items", corsPolicy={"maxAge": "1h"}), rule("catalog")],
            [("changed", "/items*", "cart.shop", "cart.shop; cors maxAge 1h")],
        ),
        (
            [{"redirect": {"uri": "/x"}}],
            [("lost", "/items*", "cart.shop", "redirect uri /x"), ("changed", "every request", "catalog.shop", "redirect uri /x")],
        ),
        ([rule("catalog"), rule("cart", "/items")], [("shadowed", "/items*", "cart.shop", "catalog.shop")]),
        (
            [rule("cart", "/items"), rule("catalog"), rule("cart", "/late")],
            [("shadowed", "/late*", "catalog.shop", "catalog.shop")],
        ),
    ],
)
def test_each_event(http: list[dict[str, object]], wanted: list[tuple[str, str, str | None, str | None]]) -> None:
    assert events(SHOP + OLD, virtual_service("shop/cart", hosts=["cart"], http=http)) == wanted


def test_a_rule_that_was_never_reached_is_no_news() -> None:
    late = [rule("catalog"), rule("cart", "/late")]
    old = virtual_service("shop/cart", hosts=["cart"], http=late)
    new = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", "/a"), *late])
    assert events(SHOP + old, new) == [("added", "/a*", "catalog.shop", "cart.shop")]


def test_weights_subsets_and_faults_are_told() -> None:
    both = [{"destination": {"host": "cart", "subset": s}, "weight": w} for s, w in (("v1", 80), ("v2", 20))]
    fault = {"abort": {"httpStatus": 503, "percentage": {"value": 10}}}
    new = virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", "/items"), {"route": both, "fault": fault}])
    assert events(SHOP + OLD, new)[0][3] == "cart.shop v1 80 %, cart.shop v2 20 %; aborted with 503 for 10 %"


def test_a_younger_virtual_service_for_the_same_host_is_not_followed_by_sidecars() -> None:
    (found,) = over(SHOP + OLD, virtual_service("bank/cart", hosts=["cart.shop.svc.cluster.local"], http=[rule("catalog.shop")]))
    assert isinstance(found, RouteChange)
    assert (found.event, found.says) == (
        "shadowed",
        "VirtualService bank/cart is not followed: VirtualService shop/cart is older, and sidecars merge nothing",
    )


def test_export_and_source_namespace_limit_who_it_happens_to() -> None:
    mine = virtual_service("shop/cart", hosts=["cart"], exportTo=["."], http=[rule("catalog")])
    assert {c.about for c in over(SHOP, mine)} == {"cart.shop (sidecars of shop)"}
    one = to("catalog", match=[{"sourceNamespace": "bank"}])
    found = over(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[one, rule("cart")]))
    assert {(c.about, c.says.partition(" (")[0]) for c in found} == {
        ("cart.shop (sidecars of bank)", "every request: cart.shop"),
        ("cart.shop (sidecars of bank)", "from namespace bank: catalog.shop"),
        ("cart.shop (sidecars of shop)", "every request: cart.shop"),
    }


def test_a_port_without_http_asks_no_http_rules() -> None:
    tcp = virtual_service("bank/db", hosts=["db"], http=[rule("cart.shop.svc.cluster.local")])
    assert over(SHOP + service("bank/db", "tcp-db:5432:5432"), tcp) == ()


def test_a_delegate_is_told_of_where_its_root_is() -> None:
    root = virtual_service("shop/root", **EDGE, http=[{"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "part"}}])
    part = virtual_service("shop/part", http=[rule("cart", "/a/b"), rule("catalog", "/c")])
    new = virtual_service("shop/part", http=[rule("catalog", "/a/b")])
    (found,) = over(SHOP + DOOR + root + part, new)
    assert (found.about, found.says) == (
        "shop.example.com at Gateway edge/door port 80",
        "/a/b*: catalog.shop (VirtualService shop/part); before: cart.shop",
    )


def test_gateways_merge_virtual_services_and_ask_what_takes_everything_last() -> None:
    old = virtual_service("shop/a", **EDGE, http=[rule("catalog")])
    new = virtual_service("shop/b", **EDGE, http=[rule("cart", "/cart"), rule("cart")])
    assert events(SHOP + DOOR + old, new) == [
        ("shadowed", "every request", "catalog.shop", "catalog.shop"),
        ("added", "/cart*", "catalog.shop", "cart.shop"),
    ]


def test_a_narrower_host_takes_requests_from_a_wildcard() -> None:
    old = virtual_service("shop/a", hosts=["*.example.com"], gateways=["edge/door"], http=[rule("catalog")])
    assert events(SHOP + DOOR + old, virtual_service("shop/b", **EDGE, http=[rule("cart", "/cart")])) == [
        ("lost", "every request", "catalog.shop", None),
        ("added", "/cart*", "catalog.shop", "cart.shop"),
    ]


def k8s_route(where: str, *rules: dict[str, object], parent: dict[str, str]) -> str:
    return thing("gateway.networking.k8s.io/v1", "HTTPRoute", where, {"parentRefs": [parent], "rules": list(rules)})


def k8s(backend: str, path: str = "/", kind: str = "PathPrefix") -> dict[str, object]:
    return {"matches": [{"path": {"type": kind, "value": path}}], "backendRefs": [{"name": backend, "port": 8080}]}


def test_http_routes_go_by_precision_and_prefixes_by_segment() -> None:
    own = {"group": "", "kind": "Service", "name": "cart"}
    old = k8s_route("shop/cart", k8s("cart"), k8s("catalog", "/items"), parent=own)
    assert over(SHOP + old, k8s_route("shop/cart", k8s("catalog", "/items"), k8s("cart"), parent=own)) == ()
    assert events(
        SHOP + old, k8s_route("shop/cart", k8s("cart"), k8s("catalog", "/items"), k8s("cart", "/items", "Exact"), parent=own)
    ) == [("added", "/items", "catalog.shop:8080", "cart.shop:8080")]
    assert events(SHOP + old, k8s_route("shop/cart", k8s("cart"), k8s("catalog", "/item"), parent=own)) == [
        ("lost", "/items*", "catalog.shop:8080", "cart.shop:8080"),
        ("added", "/item*", "cart.shop:8080", "catalog.shop:8080"),
    ]


def test_a_credential_in_a_rule_is_not_shown() -> None:
    headers = {"request": {"set": {"authorization": "Bearer abcdefghijklmnop"}}}
    found = over(SHOP, virtual_service("shop/cart", hosts=["cart"], http=[rule("cart", headers=headers)]))
    assert found
    assert "abcdefghij" not in str(found)


def test_destination_rules_alone_change_no_route() -> None:
    assert not any(isinstance(c, RouteChange) for c in over(SHOP + OLD, destination_rule("shop/cart", "cart", "v1")))
