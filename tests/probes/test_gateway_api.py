"""GA-001..004: classes, gateways and routes of the Gateway API."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.gatewayapi import Gateway, GatewayClass, HTTPRoute
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, service, thing

API = "gateway.networking.k8s.io/v1"


def condition(kind: str, status: str, reason: str = "R", generation: int = 2) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "m", "observedGeneration": generation}


def klass(name: str = "istio", controller: str = "istio.io/gateway-controller", accepted: str = "True") -> str:
    status = {"conditions": [condition("Accepted", accepted)]}
    return thing(API, "GatewayClass", name, {"controllerName": controller}, status=status, generation=2)


def gw(*conditions: dict[str, Any], name: str = "gw", cls: str = "istio", listeners: Any = ()) -> str:
    status = {"conditions": list(conditions), "listeners": list(listeners)}
    return thing(API, "Gateway", f"shop/{name}", {"gatewayClassName": cls}, status=status, generation=2)


def route(*backends: dict[str, Any], parents: Any = (), to: dict[str, Any] | None = None, kind: str = "HTTPRoute") -> str:
    spec = {"parentRefs": [to or {"name": "gw"}], "rules": [{"backendRefs": list(backends)}]}
    return thing(API, kind, "shop/web", spec, status={"parents": list(parents)}, generation=2)


def said(*conditions: dict[str, Any], by: str = "istio.io/gateway-controller") -> dict[str, Any]:
    return {"parentRef": {"name": "gw"}, "controllerName": by, "conditions": list(conditions)}


GOOD = all_of(klass(), gw(condition("Programmed", "True"), condition("Accepted", "True")), service("shop/web", "h:80:80"))
FINE = all_of(GOOD, route({"name": "web", "port": 80}, parents=[said(condition("ResolvedRefs", "True"))]))


@pytest.mark.parametrize("problem", ["GA-001", "GA-002", "GA-003", "GA-004"])
def test_a_fine_gateway_gives_nothing(problem: str) -> None:
    assert judge(build(FINE), problem) == []


@pytest.mark.parametrize(
    ("problem", "kind"),
    [("GA-001", GatewayClass), ("GA-002", Gateway), ("GA-002", GatewayClass), ("GA-003", HTTPRoute), ("GA-004", Service)],
)
def test_what_was_not_seen_is_unknown(problem: str, kind: type[KubernetesObject]) -> None:
    text = all_of(GOOD, route({"name": "web"}))
    assert {f.status for f in judge(build(text, unseen=[kind]), problem)} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (all_of(klass(), gw(cls="isto")), ["Gateway shop/gw"]),
        (klass(accepted="False"), ["GatewayClass istio"]),
        (klass(accepted="Unknown"), ["GatewayClass istio"]),
        (klass(accepted="False", controller="nginx.org/x"), []),
    ],
)
def test_classes(text: str, found: list[str]) -> None:
    assert subjects(judge(build(text), "GA-001")) == found


@pytest.mark.parametrize(
    ("gateway", "severity"),
    [
        (gw(condition("Programmed", "False", "AddressNotAssigned")), "critical"),
        (gw(condition("Programmed", "False", generation=1)), None),  # said of an older one
        (gw(condition("Programmed", "True"), condition("Accepted", "False")), "critical"),
        (gw(listeners=[{"name": "https", "conditions": [condition("ResolvedRefs", "False")]}]), "high"),
        (gw(condition("Programmed", "False"), cls="nginx"), None),
    ],
)
def test_gateways(gateway: str, severity: str | None) -> None:
    text = all_of(klass(), klass("nginx", "nginx.org/x"), gateway)
    assert [f.severity for f in judge(build(text), "GA-002")] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (route(parents=[said(condition("Accepted", "False", "NotAllowedByListeners"))]), True),
        (route(parents=[said(condition("Accepted", "False", generation=1))]), False),
        (route(parents=[said(condition("Accepted", "False"), by="nginx.org/x")]), False),
        (route(to={"name": "gone"}), True),
        (route(to={"name": "gw", "namespace": "bank"}), True),
        (route(to={"group": "", "kind": "Service", "name": "web"}), False),
        (route(to={"group": "", "kind": "Service", "name": "wep"}), True),
        (route(to={"name": "gone"}, kind="GRPCRoute"), True),
    ],
)
def test_routes(text: str, found: bool) -> None:
    findings = judge(build(all_of(GOOD, text)), "GA-003")
    assert [f.subject.name for f in findings] == (["web"] if found else [])


def grant(namespace: str = "shop", kind: str = "HTTPRoute", name: str = "") -> str:
    to = {"group": "", "kind": "Service"} | ({"name": name} if name else {})
    spec = {"from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": namespace}], "to": [to]}
    return thing("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "bank/g", spec)


FAR = {"name": "pay", "namespace": "bank", "port": 80}
NO = said(condition("ResolvedRefs", "False", "BackendNotFound"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (route({"name": "gone"}), "spec.rules[0].backendRefs[0].name"),
        (route({"name": "web"}, {"name": "gone"}), "spec.rules[0].backendRefs[1].name"),
        (route({"name": "gone"}, to={"group": "", "kind": "Service", "name": "web"}), "spec.rules[0].backendRefs[0].name"),
        (route({"name": "web", "port": 81}), "spec.rules[0].backendRefs[0].port"),
        (route({"name": "gone"}, parents=[NO]), "spec.rules[0].backendRefs[0].name"),
        (route({"name": "x", "kind": "Bucket"}, parents=[NO]), "status.parents.conditions.ResolvedRefs"),
        (route({"name": "x", "kind": "Hostname", "group": "networking.istio.io"}), None),
        (route(FAR), "spec.rules[0].backendRefs[0].name"),
        (route(FAR, to={"group": "", "kind": "Service", "name": "web"}), None),  # sidecars ask for no grant
        (all_of(route(FAR), grant()), None),
        (all_of(route(FAR), grant(name="pay")), None),
        (all_of(route(FAR), grant(name="other")), "spec.rules[0].backendRefs[0].name"),
        (all_of(route(FAR), grant(namespace="edge")), "spec.rules[0].backendRefs[0].name"),
        (all_of(route(FAR), grant(kind="GRPCRoute")), "spec.rules[0].backendRefs[0].name"),
        (route({"name": "gone"}, to={"name": "other"}), None),  # not Istio's
    ],
)
def test_references(text: str, path: str | None) -> None:
    base = all_of(GOOD, service("bank/pay", "h:80:80"), klass("nginx", "nginx.org/x"), gw(name="other", cls="nginx"))
    findings = judge(build(all_of(base, text)), "GA-004")
    assert [f.path for f in findings] == ([path] if path else [])
    assert all(f.also[0].kind in ("Service", "Bucket") for f in findings)
