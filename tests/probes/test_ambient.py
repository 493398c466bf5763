"""Ambient mode: what needs a waypoint and has none, and workloads between two modes."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.cluster import Namespace
from tests.conftest import build, judge
from tests.probes.test_policies import operation, policy, source
from tests.probes.things import all_of, deployment, destination_rule, pod, service, thing, to, virtual_service

MODE, USE = "istio.io/dataplane-mode", "istio.io/use-waypoint"
AMBIENT = {MODE: "ambient"}
ENROLLED = AMBIENT | {USE: "way"}
HTTP = operation(methods=["GET"])
TO_WEB: dict[str, Any] = {"targetRefs": [{"kind": "Service", "group": "", "name": "web"}]}
CAPTURED = {"ambient.istio.io/redirection": "enabled"}


def shop(**labels: str) -> str:
    return thing("v1", "Namespace", "shop", labels=labels)


def codes(code: str, *texts: str) -> list[tuple[str, ...]]:
    return [f.codes for f in judge(build(all_of(*texts)), code)]


@pytest.mark.parametrize(
    ("labels", "spec", "found"),
    [
        (AMBIENT, HTTP, [("KIA0110",)]),
        (ENROLLED, HTTP, [("KIA0110",)]),
        (AMBIENT, HTTP | TO_WEB, []),
        (AMBIENT, source(namespaces=["shop"]), []),
        (AMBIENT, source(requestPrincipals=["*"]), [("KIA0110",)]),
        ({}, HTTP, []),
    ],
)
def test_http_policies_at_ztunnel(labels: dict[str, str], spec: dict[str, Any], found: list[tuple[str, ...]]) -> None:
    assert codes("AM-004", shop(**labels), policy(**spec)) == found


@pytest.mark.parametrize(
    ("namespace", "workload", "spec", "found"),
    [
        (AMBIENT, {}, HTTP, True),
        (ENROLLED, {}, HTTP, False),
        (AMBIENT, {USE: "way"}, HTTP | {"selector": {"matchLabels": {"app": "web"}}}, False),
        (ENROLLED, {USE: "none"}, HTTP | {"selector": {"matchLabels": {"app": "web"}}}, True),
        (AMBIENT, {MODE: "none"}, HTTP | {"selector": {"matchLabels": {"app": "web"}}}, False),
        (ENROLLED, {}, HTTP | TO_WEB, False),
        (AMBIENT, {}, HTTP | TO_WEB, True),
        (AMBIENT, {}, HTTP | {"targetRefs": [{"kind": "Gateway", "name": "way"}]}, False),
    ],
)
def test_policies_whose_traffic_meets_no_waypoint(
    namespace: dict[str, str], workload: dict[str, str], spec: dict[str, Any], found: bool
) -> None:
    texts = (shop(**namespace), deployment("shop/web", {"app": "web"} | workload), service("shop/web"), policy(**spec))
    assert codes("MD5023", *texts) == ([("KIA0109",)] if found else [])


def test_a_service_may_opt_out() -> None:
    texts = (shop(**ENROLLED), service("shop/web", labels={USE: "none"}), policy(**HTTP, **TO_WEB))
    assert codes("MD5023", *texts) == [("KIA0109",)]


OTHERS: dict[str, tuple[str, dict[str, Any], str, str, str, str]] = {
    "RequestAuthentication": ("security.istio.io/v1", {}, "MD5020", "KIA1115", "MD5024", "KIA1110"),
    "WasmPlugin": ("extensions.istio.io/v1alpha1", {}, "MD5021", "KIA1116", "MD5025", "KIA1111"),
    "Telemetry": ("telemetry.istio.io/v1", {"tracing": [{}]}, "MD5022", "KIA1117", "MD5026", "KIA1112"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_that_need_a_waypoint(kind: str) -> None:
    api, spec, ignored, ignored_code, bypassed, bypassed_code = OTHERS[kind]
    bad, good = thing(api, kind, "shop/p", spec), thing(api, kind, "shop/p", spec | TO_WEB)
    assert codes(ignored, shop(**AMBIENT), bad) == [(ignored_code,)]
    assert codes(bypassed, shop(**AMBIENT), bad) == [(bypassed_code,)]
    assert codes(ignored, shop(**ENROLLED), service("shop/web"), good) == []
    assert codes(bypassed, shop(**ENROLLED), service("shop/web"), good) == []
    assert {f.status for f in judge(build(bad, unseen=[Namespace]), ignored)} == {"UNKNOWN"}


def test_telemetry_of_connections_needs_no_waypoint() -> None:
    plain = thing("telemetry.istio.io/v1", "Telemetry", "shop/p", {"metrics": [{"providers": [{"name": "prometheus"}]}]})
    assert codes("MD5026", shop(**AMBIENT), plain) == []


ROUTE: dict[str, Any] = {"http": [to("web")]}


@pytest.mark.parametrize(
    ("labels", "route", "found"),
    [
        (ENROLLED, virtual_service("shop/v", hosts=["web"], **ROUTE), []),
        (AMBIENT, virtual_service("shop/v", hosts=["web"], **ROUTE), [("KIA1113",)]),
        (ENROLLED, virtual_service("bank/v", hosts=["web.shop.svc.cluster.local"], **ROUTE), [("KIA1114",)]),
        (AMBIENT, virtual_service("bank/v", hosts=["web.shop.svc.cluster.local"], **ROUTE), [("KIA1114", "KIA1113")]),
        (AMBIENT, virtual_service("shop/v", hosts=["nobody"], **ROUTE), [("KIA1109",)]),
        (AMBIENT, virtual_service("shop/v", hosts=["web"], gateways=["gw"], **ROUTE), []),
        (AMBIENT, virtual_service("shop/v", hosts=["web"], tcp=[to("web")]), []),
    ],
)
def test_virtual_services(labels: dict[str, str], route: str, found: list[tuple[str, ...]]) -> None:
    assert codes("MD5027", shop(**labels), service("shop/web"), route) == found


POOL = {"trafficPolicy": {"connectionPool": {"http": {"maxRetries": 1}}}}
HASH = {"trafficPolicy": {"loadBalancer": {"consistentHash": {"httpHeaderName": "x"}}}}


@pytest.mark.parametrize(
    ("labels", "rule", "found"),
    [
        (ENROLLED, destination_rule("shop/r", "web", **POOL), []),
        (AMBIENT, destination_rule("shop/r", "web", **POOL), [("KIA0211",)]),
        (ENROLLED, destination_rule("bank/r", "web.shop.svc.cluster.local", **HASH), [("KIA0212",)]),
        (AMBIENT, destination_rule("shop/r", "nobody", **POOL), [("KIA0210",)]),
        (AMBIENT, destination_rule("shop/r", "web", trafficPolicy={"loadBalancer": {"simple": "RANDOM"}}), []),
    ],
)
def test_destination_rules(labels: dict[str, str], rule: str, found: list[tuple[str, ...]]) -> None:
    assert codes("MD5028", shop(**labels), service("shop/web"), rule) == found


def web(labels: dict[str, str] | None = None, **more: Any) -> str:
    """A Deployment and a pod of it."""
    return all_of(deployment("shop/web", {"app": "web"} | (labels or {})), pod("shop/web-1", labels, **more))


@pytest.mark.parametrize(
    ("namespace", "workload", "found"),
    [
        (AMBIENT, web(proxy=False, annotations=CAPTURED), []),
        (AMBIENT | {"istio-injection": "enabled"}, web(proxy=False), [("KIA1311",)]),
        ({"istio-injection": "enabled"}, web(proxy=False, annotations=CAPTURED), [("KIA1314",)]),
        ({}, web(AMBIENT), [("KIA1315",)]),
        (AMBIENT, web(), [("KIA1316",)]),
        ({"istio-injection": "enabled"}, web(), []),
    ],
)
def test_two_modes_at_once(namespace: dict[str, str], workload: str, found: list[tuple[str, ...]]) -> None:
    assert codes("AM-008", shop(**namespace), workload) == found


def test_gateways_and_waypoints_are_no_sidecars() -> None:
    waypoint_pod = pod("shop/way-1", {"gateway.networking.k8s.io/gateway-name": "way"}, gateway=True)
    assert codes("AM-008", shop(**AMBIENT), waypoint_pod, pod("shop/ingress-1", gateway=True)) == []


def waypoint(programmed: str = "True") -> str:
    status = {"conditions": [{"type": "Programmed", "status": programmed}]}
    return thing("gateway.networking.k8s.io/v1", "Gateway", "shop/way", {"gatewayClassName": "istio-waypoint"}, status=status)


@pytest.mark.parametrize(
    ("namespace", "labels", "gateway", "found"),
    [
        ({}, {USE: "way"}, "", [("Deployment", "high")]),
        ({}, {USE: "way"}, waypoint(), []),
        ({}, {USE: "way"}, waypoint("False"), [("Deployment", "high")]),
        (ENROLLED, {}, "", [("Namespace", "high"), ("Deployment", "info")]),
        (ENROLLED, {USE: "none"}, "", []),
    ],
)
def test_the_waypoint_asked_for(namespace: dict[str, str], labels: dict[str, str], gateway: str, found: list[Any]) -> None:
    findings = judge(build(all_of(shop(**namespace), web(labels, proxy=False), gateway)), "AM-003")
    assert [(f.subject.kind, f.severity) for f in findings] == found


@pytest.mark.parametrize(("gateway", "is_fault"), [("", True), (waypoint(), False)])
def test_the_waypoint_that_a_service_asks_for(gateway: str, is_fault: bool) -> None:
    text = all_of(shop(**AMBIENT), thing("v1", "Service", "shop/web", {"ports": [{"port": 80}]}, labels={USE: "way"}), gateway)
    assert [str(f.subject) for f in judge(build(text), "AM-003")] == ["Service shop/web"] * is_fault


def test_a_waypoint_without_ambient_mode() -> None:
    assert codes("MD5029", shop(**{USE: "way"}), web()) == [("KIA1312",)]
    assert codes("MD5029", shop(**ENROLLED), web(proxy=False)) == []


@pytest.mark.parametrize(
    ("namespace", "others", "found"),
    [
        (AMBIENT, policy(**HTTP), True),
        (AMBIENT, policy(**source(namespaces=["shop"])), False),
        (AMBIENT, all_of(policy(**HTTP, **TO_WEB), service("shop/web")), True),
        (AMBIENT, all_of(policy(**HTTP, **TO_WEB), service("shop/web", app="cart")), False),
        (AMBIENT, all_of(policy(**HTTP, **TO_WEB), service("shop/web", labels={USE: "way"}), waypoint()), False),
        (ENROLLED, all_of(policy(**HTTP), waypoint()), False),
        ({}, policy(**HTTP), False),
    ],
)
def test_http_policies_for_a_workload_without_waypoint(namespace: dict[str, str], others: str, found: bool) -> None:
    assert codes("MD5030", shop(**namespace), web(proxy=False), others) == ([("KIA1317",)] if found else [])
