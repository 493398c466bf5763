"""What Gateways claim twice, and grants for nobody."""

from __future__ import annotations

import pytest

from tests.conftest import build, judge

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s, namespace: %s}
spec: {selector: {istio: %s}, servers: [{port: {number: %d, name: http, protocol: HTTP}, hosts: [%s]}]}
---
"""


def gw(name: str, hosts: str, *, namespace: str = "a", selector: str = "edge", port: int = 80) -> str:
    return GATEWAY % (name, namespace, selector, port, hosts)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (gw("two", '"*.example.com"'), ["one", "two"]),
        (gw("two", "shop.example.com", port=81), []),
        (gw("two", "shop.example.com", selector="other"), []),
        (gw("two", '"b/shop.example.com"', namespace="b"), ["one", "two"]),
        (gw("two", "other.example.com"), []),
        (gw("two", '"*"'), ["one", "two"]),
    ],
)
def test_hosts_that_two_gateways_take(other: str, told: list[str]) -> None:
    found = judge(build(gw("one", "shop.example.com") + other), "MD5205")
    assert [f.subject.name for f in found] == told
    assert {f.severity for f in found} <= {"info"}


def test_hosts_for_routes_of_different_namespaces_do_not_meet() -> None:
    assert judge(build(gw("one", '"a/shop.example.com"') + gw("two", '"b/shop.example.com"')), "MD5205") == []


def test_within_one_gateway_the_pair_is_told_once() -> None:
    found = judge(build(gw("one", '"*.example.com", shop.example.com')), "MD5205")
    assert [f.path for f in found] == ["spec.servers[0].hosts[0]"]


K8S = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %s, namespace: a}
spec:
  gatewayClassName: istio
  addresses: [{type: IPAddress, value: 192.0.2.1}]
  listeners: [{name: x, hostname: shop.example.com, port: 80, protocol: HTTP}%s]
---
"""


@pytest.mark.parametrize(("code", "path"), [("MD5200", "spec.listeners[0].hostname"), ("MD5201", "spec.addresses.value")])
def test_two_gateways_of_the_gateway_api(code: str, path: str) -> None:
    found = judge(build(K8S % ("one", "") + K8S % ("two", "")), code)
    assert [(f.subject.name, f.path) for f in found] == [("one", path), ("two", path)]
    assert judge(build(K8S % ("one", "")), code) == []


def test_listeners_that_are_not_told_apart() -> None:
    again = ", {name: y, hostname: shop.example.com, port: 80, protocol: HTTP}"
    assert [f.path for f in judge(build(K8S % ("one", again)), "MD5202")] == ["spec.listeners[0].name", "spec.listeners[1].name"]
    assert judge(build(K8S % ("one", again.replace("80", "81"))), "MD5202") == []


def test_a_grant_for_a_namespace_that_is_not_there() -> None:
    grant = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: a}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: b}], to: [{group: "", kind: Service}]}
"""
    assert [f.path for f in judge(build(grant), "MD5203")] == ["spec.from[0].namespace"]
    assert judge(build(grant + "---\n{apiVersion: v1, kind: Namespace, metadata: {name: b}}"), "MD5203") == []


def test_what_a_controller_says_of_a_gateway() -> None:
    status = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: one, namespace: a}
status: {conditions: [{type: Accepted, status: "False", reason: %s, message: why}]}
"""
    assert [f.path for f in judge(build(status % "Invalid"), "MD5204")] == ["status.conditions[0].reason.Invalid"]
    assert judge(build(status % "Pending"), "MD5204") == []
