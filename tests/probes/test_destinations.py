"""MD5101, MD5102, MD5105, MD5106, RT-006, RT-007: what routes say of their destinations."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.cluster import Service
from tests.conftest import build, judge
from tests.probes.things import all_of, entry, gateway, server, service, to, virtual_service

SHOP = all_of(service("shop/cart", "http:80:8080,admin:81:8081"), service("shop/web", "http:80:8080"))
HIDDEN = service("bank/payment", annotations={"networking.istio.io/exportTo": "edge"})


def routed(*rules: dict[str, Any], where: str = "shop/r", more: str = "", **spec: Any) -> str:
    return all_of(SHOP, HIDDEN, more, virtual_service(where, **{"hosts": ["web"], "http": list(rules)} | spec))


def at_port(host: str, port: int) -> dict[str, Any]:
    return {"route": [{"destination": {"host": host, "port": {"number": port}}}]}


@pytest.mark.parametrize("code", ["MD5101", "MD5102", "MD5105", "MD5106", "RT-006", "RT-007"])
def test_a_sound_route_gives_nothing(code: str) -> None:
    assert judge(build(routed(at_port("cart", 80), to("web"))), code) == []


@pytest.mark.parametrize(
    ("where", "export_to", "codes"),
    [
        ("shop/r", [], [("IST0101", "KIA1101")]),
        ("shop/r", ["edge"], [("KIA1101",)]),  # it is for edge, which sees the Service
        ("edge/r", [], []),
        ("edge/r", ["bank"], [("IST0101",)]),
    ],
)
def test_a_destination_that_is_not_exported(where: str, export_to: list[str], codes: list[tuple[str, ...]]) -> None:
    found = judge(build(routed(to("payment.bank.svc.cluster.local"), where=where, exportTo=export_to)), "MD5101")
    assert [f.codes for f in found] == codes
    assert not judge(build(routed(to("payment.bank.svc.cluster.local"), where=where, exportTo=export_to)), "RT-001")


def test_a_hidden_wildcard_is_not_meant() -> None:
    wild = entry("bank/all", "*", exportTo=["."])
    (finding,) = judge(build(routed(to("nowhere.org"), more=wild)), "RT-001")
    assert finding.codes == ("IST0101", "KIA1101")


def test_a_route_without_a_host_and_a_mirror_to_nowhere() -> None:
    mirrored = to("web", mirror={"host": "none"})
    found = judge(build(routed({"route": [{}]}, mirrored)), "RT-001")
    assert [(f.path, f.codes) for f in found] == [
        ("spec.http[0].route[0]", ("IST0101",)),
        ("spec.http[1].mirror.host", ("IST0101",)),
    ]


def test_a_port_that_the_service_lacks() -> None:
    (finding,) = judge(build(routed(at_port("cart", 99))), "MD5102")
    assert (finding.path, finding.codes) == ("spec.http[0].route[0].destination.port.number", ("IST0101",))
    assert {f.status for f in judge(build(routed(at_port("cart", 99)), unseen=[Service]), "MD5102")} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("spec", "severity"),
    [
        ({}, "low"),  # requests for web come in on 80, which the cart has
        ({"hosts": ["other.org"], "gateways": ["gw"]}, "medium"),
        ({"hosts": ["other.org"], "gateways": ["none"]}, "low"),
    ],
)
def test_a_destination_without_a_port(spec: dict[str, Any], severity: str) -> None:
    more = gateway("shop/gw", server(443, "HTTPS", "other.org"))
    (finding,) = judge(build(routed(to("cart"), more=more, **spec)), "RT-006")
    assert (finding.severity, finding.codes) == (severity, ("IST0112",))


@pytest.mark.parametrize(("weights", "found"), [([55], True), ([100], False), ([0], False), ([50, 50], False)])
@pytest.mark.parametrize("kind", ["http", "tcp", "tls"])
def test_the_weight_of_a_single_destination(weights: list[int], found: bool, kind: str) -> None:
    rule = {"route": [{"destination": {"host": f"h{i}"}, "weight": w} for i, w in enumerate(weights)]}
    told = judge(build(virtual_service("shop/r", **{kind: [rule]})), "MD5105")
    assert [f.path for f in told] == ([f"spec.{kind}[0].route[0].weight"] if found else [])


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ({"host": "cart", "subset": "v1"}, {"host": "cart.shop.svc.cluster.local", "subset": "v1"}, True),
        ({"host": "cart"}, {"host": "cart.shop"}, True),
        ({"host": "cart", "subset": "v1"}, {"host": "cart", "subset": "v2"}, False),
        ({"host": "cart", "port": {"number": 80}}, {"host": "cart", "port": {"number": 81}}, False),
    ],
)
def test_one_destination_twice(first: dict[str, Any], second: dict[str, Any], found: bool) -> None:
    rule = {"route": [{"destination": first, "weight": 50}, {"destination": second, "weight": 50}]}
    told = judge(build(routed(rule)), "MD5106")
    assert [f.path for f in told] == ([f"spec.http[0].route[{j}].host" for j in (0, 1)] if found else [])


def test_a_split_that_the_gateway_does_not_follow() -> None:
    split = virtual_service("shop/split", hosts=["cart"], http=[to("cart", "v1")])
    outside = routed(at_port("cart", 80), hosts=["shop.org"], gateways=["gw"], more=split)
    (finding,) = judge(build(outside), "RT-007")
    assert (str(finding.subject), finding.codes, finding.severity) == ("VirtualService shop/r", ("IST0140",), "low")
    assert judge(build(routed(at_port("cart", 80), more=split)), "RT-007") == []
