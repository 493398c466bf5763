"""GW-001..004, GW-010, GW-012: Gateways and what they must agree with."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.networking import Gateway, VirtualService
from meshdoctor.model.workloads import Pod
from tests.conftest import build, judge, subjects
from tests.probes.things import (
    all_of,
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

EDGE = all_of(
    pod("edge/ingress-1", {"istio": "ingress"}, gateway=True),
    service(
        "edge/ingress",
        "http:80:80,https:443:8443",
        spec={"type": "LoadBalancer"},
        status={"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
    ),
    service("shop/web"),
    pod("shop/web-1"),
)
GW = gateway("edge/gw", server(80, "HTTP", "shop.example.com"), server(443, "HTTPS", "shop.example.com", mode="SIMPLE"))
VS = virtual_service("shop/web", hosts=["shop.example.com"], gateways=["edge/gw"], http=[to("web")])
FINE = all_of(EDGE, GW, VS)
RULES = ["GW-001", "GW-002", "GW-003", "GW-004", "GW-010", "GW-012"]


@pytest.mark.parametrize("problem", RULES)
def test_a_fine_gateway_gives_nothing(problem: str) -> None:
    assert judge(build(FINE), problem) == []


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("GW-001", Pod),
        ("GW-002", Pod),
        ("GW-003", Gateway),
        ("GW-010", VirtualService),
        ("GW-012", Gateway),
    ],
)
def test_what_was_not_seen_is_unknown(problem: str, kind: type[KubernetesObject]) -> None:
    assert {f.status for f in judge(build(FINE, unseen=[kind]), problem)} == {"UNKNOWN"}


def test_a_pending_address_needs_its_pods() -> None:
    text = FINE.replace("ip: 1.2.3.4", "{}").replace("- {}", "- ip: ''")
    assert {f.status for f in judge(build(text, unseen=[Pod]), "GW-004")} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (server(8443, "HTTP", "a.org"), False),  # a targetPort
        (server(443, "HTTP", "a.org"), False),
        (server(9443, "HTTP", "a.org"), True),
        (server(9443, "HTTP", "a.org") | {"bind": "127.0.0.1"}, False),
    ],
)
def test_ports_that_no_service_has(one: dict[str, Any], found: bool) -> None:
    findings = judge(build(all_of(EDGE, gateway("shop/admin", one))), "GW-001")
    assert subjects(findings) == (["Gateway shop/admin"] if found else [])
    assert all("Service edge/ingress" in map(str, f.also) for f in findings)


@pytest.mark.parametrize(
    ("more", "is_fault"),
    [
        ("", False),
        (service("edge/ingress", "x:80:80", "typo"), False),
        (all_of(service("edge/other"), pod("edge/other-1")), True),
    ],
)
def test_no_service_leads_to_the_gateway(more: str, is_fault: bool) -> None:
    text = all_of(pod("edge/ingress-1", {"istio": "ingress"}), gateway("edge/gw", server(80, "HTTP", "*")), more)
    assert [f.path for f in judge(build(text), "GW-001")] == ["spec.selector"] * is_fault


def test_a_named_target_port_and_the_hosts_network() -> None:
    named = service("edge/ingress", "x:1:web")
    carrier = pod("edge/ingress-1", {"istio": "ingress"})  # its container port `web` is 8080
    text = all_of(named, carrier, gateway("edge/gw", server(8080, "HTTP", "*"), server(8081, "HTTP", "*")))
    assert [f.path for f in judge(build(text), "GW-001")] == ["spec.servers[1].port.number"]
    on_host = pod("edge/ingress-1", {"istio": "ingress"}, spec={"hostNetwork": True})
    text = all_of(named, on_host, gateway("edge/gw", server(8081, "HTTP", "*")))
    assert judge(build(text), "GW-001") == []


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({"istio": "ingress"}, False),
        ({"istio": "ingressgateway"}, True),
        ({"istio": "ingress", "app": "other"}, True),
        ({"app": "web"}, False),
    ],
)
def test_selectors_are_mesh_wide(selector: dict[str, str], found: bool) -> None:
    text = all_of(EDGE, gateway("shop/gw", server(80, "HTTP", "*"), selector=selector))
    findings = judge(build(text), "GW-002")
    assert subjects(findings) == (["Gateway shop/gw"] if found else [])
    assert all("istio=ingress" in f.why or "app=ingress" in f.why for f in findings)


def test_a_manifest_that_leaves_containers_out_may_be_a_gateway() -> None:
    bare = thing("v1", "Pod", "edge/ingress-1", {}, labels={"app": "ingress", "istio": "ingress"})
    text = all_of(bare, service("edge/ingress"), gateway("shop/gw", server(8080, "HTTP", "*"), server(81, "HTTP", "*")))
    assert judge(build(text), "GW-002") == []
    assert [f.path for f in judge(build(text), "GW-001")] == ["spec.servers[1].port.number"]


def test_a_pod_without_a_proxy_carries_no_gateway() -> None:
    text = all_of(pod("shop/db-1", proxy=False), gateway("shop/gw", server(80, "HTTP", "*"), selector={"app": "db"}))
    assert subjects(judge(build(text), "GW-002")) == ["Gateway shop/gw"]


@pytest.mark.parametrize(
    ("one", "other", "severities"),
    [
        (server(443, "HTTPS", "a.org", mode="SIMPLE"), server(443, "HTTPS", "a.org", mode="SIMPLE"), ["high"]),
        (server(443, "HTTPS", "a.org", mode="SIMPLE"), server(443, "HTTPS", "x/a.org", mode="SIMPLE"), ["high"]),
        (server(443, "HTTPS", "a.org", mode="SIMPLE"), server(443, "HTTPS", "b.org", mode="SIMPLE"), []),
        (server(443, "HTTPS", "a.org", mode="SIMPLE"), server(443, "HTTPS", "*.org", mode="SIMPLE"), []),
        (server(443, "HTTPS", "a.org", mode="SIMPLE"), server(443, "TLS", "b.org", mode="PASSTHROUGH"), []),
        (server(80, "HTTP", "a.org"), server(80, "HTTPS", "b.org", mode="SIMPLE"), ["high"]),
        (server(80, "HTTP", "a.org"), server(80, "TCP", "*"), ["high"]),
        (server(80, "HTTP", "a.org"), server(80, "HTTP2", "b.org"), []),
        (server(80, "HTTP", "a.org"), server(80, "HTTP", "a.org"), ["medium"]),  # merged: both answer
        (server(80, "HTTP", "a.org"), server(81, "TCP", "*"), []),
        (server(80, "HTTP", "a.org"), server(80, "TCP", "*") | {"bind": "10.0.0.9"}, []),
    ],
)
def test_servers_that_cannot_share_a_port(one: dict[str, Any], other: dict[str, Any], severities: list[str]) -> None:
    older = gateway("edge/z", one, created="2026-07-01T00:00:00Z")
    younger = gateway("edge/a", other, created="2026-07-02T00:00:00Z")
    findings = judge(build(all_of(EDGE, older, younger)), "GW-003")
    assert [f.severity for f in findings] == severities
    assert subjects(findings) == ["Gateway edge/a"] * len(severities)


def test_gateways_on_other_pods_never_meet() -> None:
    tls = server(443, "HTTPS", "a.org", mode="SIMPLE")
    text = all_of(EDGE, pod("edge/other-1", {"istio": "other"}, gateway=True), gateway("edge/a", tls))
    text = all_of(text, gateway("edge/b", tls, selector={"istio": "other"}))
    assert judge(build(text), "GW-003") == []


@pytest.mark.parametrize(
    ("where", "spec", "created", "events", "found"),
    [
        ("edge/ingress", {"type": "LoadBalancer"}, "2026-08-01T10:00:00Z", False, True),
        ("edge/ingress", {"type": "LoadBalancer"}, "2026-08-01T11:59:00Z", False, False),
        ("edge/ingress", {"type": "LoadBalancer"}, "2026-08-01T11:59:00Z", True, True),
        ("edge/ingress", {"type": "LoadBalancer", "externalIPs": ["1.1.1.1"]}, "2026-08-01T10:00:00Z", False, False),
        ("edge/ingress", {"type": "NodePort"}, "2026-08-01T10:00:00Z", False, False),
        ("shop/web", {"type": "LoadBalancer"}, "2026-08-01T10:00:00Z", False, False),  # not a gateway's
    ],
)
def test_addresses(where: str, spec: dict[str, Any], created: str, events: bool, found: bool) -> None:
    namespace, name = where.split("/")
    pods = all_of(pod("edge/ingress-1", {"istio": "ingress"}, gateway=True), pod("shop/web-1"))
    event = thing(
        "v1",
        "Event",
        f"{namespace}/e",
        reason="SyncLoadBalancerFailed",
        message="quota",
        involvedObject={"kind": "Service", "namespace": namespace, "name": name},
    )
    text = all_of(pods, service(where, spec=spec, created=created), event if events else "")
    findings = judge(build(text), "GW-004")
    assert subjects(findings) == ([f"Service {where}"] if found else [])
    assert all(f.why == "quota" for f in findings if events)


def test_what_others_say_is_told_without_their_secrets() -> None:
    about = {"kind": "Service", "namespace": "edge", "name": "ingress"}
    told: dict[str, Any] = {
        "reason": "SyncLoadBalancerFailed",
        "message": "403: Authorization: Bearer c4n4ryc4n4ry",
        "involvedObject": about,
    }
    carrier = pod("edge/ingress-1", {"istio": "ingress"}, gateway=True)
    text = all_of(carrier, service("edge/ingress", spec={"type": "LoadBalancer"}), thing("v1", "Event", "edge/e", **told))
    (finding,) = judge(build(text), "GW-004")
    assert finding.why.startswith("403: ")
    assert "c4n4ry" not in str(finding)


def rules(kind: str) -> dict[str, Any]:
    if kind == "http":
        return {"http": [to("web")]}
    return {kind: [{"match": [{"port": 443, "sniHosts": ["a.org"]}] if kind == "tls" else [{"port": 443}], **to("web")}]}


@pytest.mark.parametrize(
    ("mode", "kinds", "found"),
    [
        ("PASSTHROUGH", ["http"], "VirtualService shop/r0"),
        ("PASSTHROUGH", ["tls"], None),
        ("PASSTHROUGH", ["tcp"], None),
        ("PASSTHROUGH", ["http", "tls"], None),
        ("SIMPLE", ["tls"], "VirtualService shop/r0"),
        ("SIMPLE", ["http"], None),
        ("MUTUAL", ["tls"], "VirtualService shop/r0"),
        ("AUTO_PASSTHROUGH", ["http"], None),
        ("PASSTHROUGH", [], None),
    ],
)
def test_tls_mode_and_routes(mode: str, kinds: list[str], found: str | None) -> None:
    protocol = "TLS" if "PASS" in mode else "HTTPS"
    text = all_of(
        EDGE,
        gateway("edge/gw", server(443, protocol, "a.org", mode=mode)),
        (virtual_service(f"shop/r{i}", hosts=["a.org"], gateways=["edge/gw"], **rules(k)) for i, k in enumerate(kinds)),
    )
    assert subjects(judge(build(text), "GW-010")) == ([found] if found else [])


def test_the_server_is_at_fault_where_its_routes_work_elsewhere() -> None:
    odd = gateway("edge/gw", server(80, "HTTP", "a.org"), server(443, "HTTPS", "a.org", mode="PASSTHROUGH"))
    text = all_of(EDGE, odd, virtual_service("shop/r", hosts=["a.org"], gateways=["edge/gw"], **rules("http")))
    assert subjects(judge(build(text), "GW-010")) == ["Gateway edge/gw"]


@pytest.mark.parametrize(
    ("hosts", "gateways", "offered", "found"),
    [
        (["shop.example.com"], ["edge/gw"], "shop.example.com", False),
        (["shop.example.com"], ["gw"], "shop.example.com", True),  # a short name is in its own namespace
        (["shop.example.com"], ["edge/none"], "shop.example.com", True),
        (["shop.example.com"], ["gw.edge.svc.cluster.local"], "shop.example.com", False),
        (["www.example.com"], ["edge/gw"], "shop.example.com", True),
        (["www.example.com"], ["edge/gw"], "*.example.com", False),
        (["*.example.com"], ["edge/gw"], "www.example.com", False),
        (["www.example.com"], ["edge/gw"], "*", False),
        (["www.example.com"], ["edge/gw"], "shop/*", False),
        (["www.example.com"], ["edge/gw"], "bank/*", True),
        (["www.example.com"], ["edge/gw"], "./*", True),
        (["web"], ["edge/gw", "mesh"], "shop.example.com", False),  # its host is for the mesh
        (["web", "www.example.com"], ["edge/gw", "mesh"], "shop.example.com", True),
        (["shop.example.com"], [], "shop.example.com", True),  # for sidecars only, and the gateway has nothing
        (["shop.example.com"], [], "*", False),
        (["web"], [], "shop.example.com", False),
    ],
)
def test_bound_or_not(hosts: list[str], gateways: list[str], offered: str, found: bool) -> None:
    text = all_of(
        EDGE,
        gateway("edge/gw", server(80, "HTTP", offered)),
        virtual_service("shop/r", hosts=hosts, gateways=gateways, http=[to("web")]),
    )
    told = [f for f in judge(build(text), "GW-012") if f.severity != "info"]
    assert subjects(told) == (["VirtualService shop/r"] if found else [])


def test_the_404_of_the_gateway_is_the_harm() -> None:
    text = all_of(EDGE, GW, VS.replace("edge/gw", "edge/gone"))
    log = logged("edge/ingress-1", line("", "NR", 404, authority="shop.example.com", details="route_not_found"))
    (finding,) = judge(build(text, envoys=[log]), "GW-012")
    assert finding.harm is not None
    assert finding.harm.workloads == ("edge/ingress",)
    assert "route_not_found" in finding.evidence[-1].quote
