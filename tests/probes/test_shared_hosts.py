"""RT-004, MD5100: VirtualServices and DestinationRules for one host, as istioctl and Kiali say it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, destination_rule, service, to, virtual_service

CART = "cart.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ({}, {}, ("IST0109", "KIA1106")),
        ({"gateways": ["gw"]}, {"gateways": ["shop/gw"]}, ("KIA1106",)),
        ({"gateways": ["gw"]}, {"gateways": ["other"]}, None),
        ({"gateways": ["gw"]}, {}, None),
        ({"hosts": ["*.shop.svc.cluster.local"]}, {}, ("KIA1106",)),
        ({"hosts": ["*.shop.svc.cluster.local"], "exportTo": ["."]}, {}, ("IST0109", "KIA1106")),
        ({"hosts": ["*.example.org"]}, {"hosts": ["www.example.org"]}, None),
        ({"hosts": ["cart.shop"]}, {}, ("KIA1106",)),  # for Istio another name
        ({"exportTo": ["bank"]}, {"exportTo": ["edge"]}, None),
    ],
)
def test_who_shares_a_host(first: dict[str, Any], second: dict[str, Any], codes: tuple[str, ...] | None) -> None:
    one = virtual_service("shop/a", **{"hosts": ["cart"], "http": [to(CART)]} | first)
    other = virtual_service("shop/b", **{"hosts": [CART], "http": [to(CART)]} | second)
    found = judge(build(all_of(service("shop/cart"), one, other)), "RT-004")
    assert sorted((str(f.subject), f.path, f.codes) for f in found) == (
        [(f"VirtualService shop/{n}", "spec.hosts", codes) for n in "ab"] if codes else []
    )


def test_one_that_names_a_host_twice() -> None:
    found = judge(build(all_of(service("shop/cart"), virtual_service("shop/a", hosts=["cart", "cart.shop"]))), "RT-004")
    assert [(f.codes, f.severity, f.also) for f in found] == [(("KIA1106",), "info", ())]


@pytest.mark.parametrize(
    ("host", "subsets", "spec", "found"),
    [
        ("cart", ["v1"], {}, True),
        (CART, ["v2"], {}, False),
        (CART, [], {}, True),  # no subsets: all of them
        ("*.shop.svc.cluster.local", ["v1"], {}, True),
        ("*.local", [], {}, True),
        ("*.local", [], {"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}, False),
        ("catalog", ["v1"], {}, False),
        (CART, ["v1"], {"exportTo": ["~"]}, False),
    ],
)
def test_two_rules_for_a_host(host: str, subsets: list[str], spec: dict[str, Any], found: bool) -> None:
    text = all_of(destination_rule("shop/a", CART, "v1"), destination_rule("shop/b", host, *subsets, **spec))
    told = judge(build(text), "MD5100")
    assert subjects(told) == (["DestinationRule shop/a", "DestinationRule shop/b"] if found else [])
    assert {(f.codes, f.path) for f in told} == ({(("KIA0201",), "spec.host")} if found else set())
