"""RT-022, RT-017, RT-014, RT-015: Services whose requests reach nobody."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Service
from meshdoctor.model.envoy import ClusterStatus, Envoy, HostStatus
from meshdoctor.model.networking import DestinationRule
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, deployment, destination_rule, line, logged, pod, service, thing, to, virtual_service

CART = "cart.shop.svc.cluster.local"
CLUSTER = f"outbound|8080||{CART}"
WEB = pod("shop/web-1")
REFUSED: dict[str, Any] = {"transport_failure": "delayed connect error: 111"}


def slices(where: str, *ready: bool) -> str:
    endpoints = [{"addresses": ["10.1.0.9"], "conditions": {"ready": r}} for r in ready]
    labels = {"kubernetes.io/service-name": where.rpartition("/")[2]}
    return thing("discovery.k8s.io/v1", "EndpointSlice", f"{where}-x", labels=labels, endpoints=endpoints or None)


FINE = all_of(WEB, service("shop/cart"), pod("shop/cart-1"), slices("shop/cart", True))


@pytest.mark.parametrize("problem", ["RT-022", "RT-017", "RT-014", "RT-015"])
def test_a_fine_service_gives_nothing(problem: str) -> None:
    rule = destination_rule("shop/cart", CART, trafficPolicy={"connectionPool": {"tcp": {"maxConnections": 1}}})
    hosts = (HostStatus(address="1", port=1, ejected=True), HostStatus(address="2", port=1))
    envoy = logged("shop/web-1", line(CLUSTER, "-", 200), clusters=(ClusterStatus(name=CLUSTER, hosts=hosts),))
    assert judge(build(all_of(FINE, rule), envoys=[envoy]), problem) == []


@pytest.mark.parametrize(
    ("problem", "kind"), [("RT-022", EndpointSlice), ("RT-017", Service), ("RT-014", DestinationRule), ("RT-015", Service)]
)
def test_what_was_not_seen_is_unknown(problem: str, kind: type[KubernetesObject]) -> None:
    ejected = (ClusterStatus(name=CLUSTER, hosts=(HostStatus(address="1", port=1, ejected=True),)),)
    envoy = logged("shop/web-1", clusters=ejected)
    assert {f.status for f in judge(build(FINE, unseen=[kind], envoys=[envoy]), problem)} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (all_of(WEB, service("shop/cart"), pod("shop/cart-1", ready=False), slices("shop/cart", False)), "critical"),
        (all_of(WEB, service("shop/cart"), slices("shop/cart")), "critical"),
        (all_of(WEB, service("shop/cart")), "critical"),
        (all_of(service("shop/cart")), "medium"),  # nothing of the mesh there
        (all_of(WEB, service("shop/cart"), deployment("shop/cart", {"app": "cart"}, 0)), "medium"),  # asleep, unused
        (all_of(WEB, service("shop/cart", spec={"clusterIP": "None"})), "critical"),
        (all_of(WEB, service("shop/cart", spec={"type": "ExternalName"})), None),
        (all_of(WEB, service("shop/cart", spec={"selector": {}})), None),
        (all_of(WEB, service("shop/cart", spec={"selector": {}}), slices("shop/cart", True)), None),
        (all_of(WEB, service("shop/cart", spec={"selector": {}}), slices("shop/cart", False)), "critical"),
    ],
)
def test_services_without_endpoints(text: str, severity: str | None) -> None:
    findings = [f for f in judge(build(text), "RT-022") if f.subject.name == "cart"]
    assert [f.severity for f in findings] == ([severity] if severity else [])


def test_a_sleeping_service_that_is_used_is_critical() -> None:
    asleep = all_of(WEB, service("shop/cart"), deployment("shop/cart", {"app": "cart"}, 0))
    routed = virtual_service("shop/r", hosts=["x.org"], http=[to("cart")])
    assert [f.severity for f in judge(build(all_of(asleep, routed)), "RT-022")] == ["critical"]
    (finding,) = judge(build(asleep, envoys=[logged("shop/web-1", line(CLUSTER, "UH"))]), "RT-022")
    assert finding.severity == "critical"
    assert finding.harm is not None
    assert {"Deployment shop/cart", "Deployment shop/web"} <= set(map(str, finding.also))


def test_a_target_port_that_no_pod_names() -> None:
    text = all_of(service("shop/cart", "a:80:web,b:81:wep"), pod("shop/cart-1"), slices("shop/cart", True))
    assert [f.path for f in judge(build(text), "RT-022")] == ["spec.ports[1].targetPort"]


@pytest.mark.parametrize(
    ("port", "envoys", "found"),
    [
        ("http:8080:8099", [logged("shop/cart-1", line("inbound|8099||", "UF", **REFUSED))], "Service shop/cart"),
        ("http:8080:8099", [logged("shop/web-1", line(CLUSTER, "UF,URX", **REFUSED))], "Service shop/cart"),
        ("http:8080:8080", [logged("shop/cart-1", line("inbound|8080||", "UF", **REFUSED))], "Deployment shop/cart"),
        ("http:8080:8099", [logged("shop/web-1", line(CLUSTER, "UF", transport_failure="TLS_error"))], None),
        ("http:8080:8099", [logged("shop/web-1", line(CLUSTER, "UH", **REFUSED))], None),
        ("http:8080:8099", [logged("shop/web-1", line(CLUSTER, "UF", ago_s=9999, **REFUSED))], None),
        (
            "http:8080:8080",  # it was refused, and is no more
            [logged("shop/web-1", line(CLUSTER, "UF", ago_s=30, **REFUSED), line(CLUSTER, "-", 200, ago_s=5))],
            None,
        ),
    ],
)
def test_refused_connections(port: str, envoys: list[Envoy], found: str | None) -> None:
    text = all_of(WEB, service("shop/cart", port), pod("shop/cart-1"), deployment("shop/cart", {"app": "cart"}))
    assert subjects(judge(build(text, envoys=envoys), "RT-017")) == ([found] if found else [])


@pytest.mark.parametrize(
    ("stats", "target", "found"),
    [
        ({"cx_connect_fail": 9, "cx_total": 9}, "8099", True),
        ({"cx_connect_fail": 9, "cx_total": 12}, "8099", False),
        ({"cx_connect_fail": 9, "cx_total": 9, "rq_success": 1}, "8099", False),
        ({"cx_connect_fail": 9, "cx_total": 9}, "8080", False),  # declared: a policy may drop it
        ({}, "8099", False),
    ],
)
def test_counters_of_an_undeclared_port(stats: dict[str, int], target: str, found: bool) -> None:
    cluster = ClusterStatus(name=CLUSTER, hosts=(HostStatus(address="10.1.0.9", port=int(target), stats=stats),))
    text = all_of(WEB, service("shop/cart", f"http:8080:{target}"), pod("shop/cart-1"))
    findings = judge(build(text, envoys=[logged("shop/web-1", clusters=(cluster,))]), "RT-017")
    assert subjects(findings) == (["Service shop/cart"] if found else [])


POOL = {"connectionPool": {"http": {"http1MaxPendingRequests": 1}}}


@pytest.mark.parametrize(
    ("host", "policy", "flags", "ago_s", "found"),
    [
        ("cart", POOL, "UO", 10, True),
        ("*.shop.svc.cluster.local", POOL, "UO", 10, True),
        ("cart", {"portLevelSettings": [{"port": {"number": 8080}, **POOL}]}, "UO", 10, True),
        ("cart", {}, "UO", 10, False),
        ("cart", POOL, "UH", 10, False),
        ("cart", POOL, "UO", 300, False),
        ("web", POOL, "UO", 10, False),
    ],
)
def test_full_pools(host: str, policy: dict[str, Any], flags: str, ago_s: float, found: bool) -> None:
    text = all_of(FINE, destination_rule("shop/rule", host, trafficPolicy=policy))
    findings = judge(build(text, envoys=[logged("shop/web-1", line(CLUSTER, flags, ago_s=ago_s))]), "RT-014")
    assert subjects(findings) == (["DestinationRule shop/rule"] if found else [])
    assert all(f.harm for f in findings)


def test_a_few_refused_of_many_are_a_hint() -> None:
    text = all_of(FINE, destination_rule("shop/rule", "cart", trafficPolicy=POOL))
    mixed = [line(CLUSTER, "UO"), *(line(CLUSTER, "-") for _ in range(60))]
    assert [f.confidence for f in judge(build(text, envoys=[logged("shop/web-1", *mixed)]), "RT-014")] == [0.4]
    many = [line(CLUSTER, "UO")] * 6 + mixed
    assert [f.confidence for f in judge(build(text, envoys=[logged("shop/web-1", *many)]), "RT-014")] == [0.95]


def test_all_endpoints_ejected() -> None:
    hosts = (HostStatus(address="10.1.0.9", port=8080, ejected=True),)
    envoy = logged("shop/web-1", line(CLUSTER, "UH"), clusters=(ClusterStatus(name=CLUSTER, hosts=hosts),))
    rule = destination_rule("shop/cart", "cart", trafficPolicy={"outlierDetection": {"consecutive5xxErrors": 1}})
    (finding,) = judge(build(all_of(FINE, rule), envoys=[envoy]), "RT-015")
    assert str(finding.subject) == "DestinationRule shop/cart"
    assert finding.harm is not None
    not_ready = all_of(WEB, service("shop/cart"), pod("shop/cart-1", ready=False), rule)
    assert judge(build(not_ready, envoys=[envoy]), "RT-015") == []


def test_pods_that_have_just_started_make_it_a_hint() -> None:
    young = pod("shop/cart-1", ready=False, created="2026-08-01T11:59:45Z")
    findings = judge(build(all_of(WEB, service("shop/cart"), young)), "RT-022")
    assert [f.confidence for f in findings] == [0.4]


@pytest.mark.parametrize(("count", "began", "confidence"), [(2, "11:59:50", 0.4), (3, "11:59:50", 0.95), (3, "11:50:00", 0.4)])
def test_pods_whose_probe_keeps_failing_are_not_starting(count: int, began: str, confidence: float) -> None:
    young = pod("shop/cart-1", ready=False, created="2026-08-01T11:59:45Z")
    told: dict[str, Any] = {"reason": "Unhealthy", "message": "Readiness probe failed: 500", "count": count}
    about: dict[str, Any] = {
        "involvedObject": {"kind": "Pod", "name": "cart-1", "namespace": "shop"},
        "firstTimestamp": f"2026-08-01T{began}Z",
    }
    event = thing("v1", "Event", "shop/cart-1.x", **told, **about)
    findings = judge(build(all_of(WEB, service("shop/cart"), young, event)), "RT-022")
    assert [f.confidence for f in findings] == [confidence]


def test_manifests_have_no_endpoints_yet() -> None:
    text = all_of(service("shop/cart"), deployment("shop/cart", {"app": "cart"}))
    assert len(judge(mesh_of(text), "RT-022")) == 1
    assert judge(mesh_of(text, only_given=True), "RT-022") == []
