"""Several clusters and networks, and ambient mode on the nodes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshdoctor.model.envoy import Envoy, Logs
from meshdoctor.model.istiod import Istiod, Sample
from tests.conftest import NOW, build, judge, subjects
from tests.probes.test_control_plane_load import ISTIOD
from tests.probes.things import all_of, gateway, pod, service, thing

NETWORK = "topology.istio.io/network"
REMOTE = thing(
    "v1",
    "Secret",
    "istio-system/istio-remote-secret-west",
    labels={"istio/multiCluster": "true"},
    annotations={"networking.istio.io/cluster": "west"},
)


@pytest.mark.parametrize(("state", "is_fault"), [("timeout", True), ("synced", False)])
def test_a_cluster_that_istiod_does_not_read(state: str, is_fault: bool) -> None:
    sample = Sample("istiod_remote_cluster_sync_status", {"cluster": "west", "status": state}, 1.0)
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"metrics": (sample,)})
    found = judge(build(all_of(ISTIOD, REMOTE), istiods=[told]), "MC-001")
    assert subjects(found) == ["Secret istio-system/istio-remote-secret-west"] * is_fault


@pytest.mark.parametrize(("renewed", "is_fault"), [("2026-08-01T11:00:00Z", True), ("2026-07-01T10:00:00Z", False)])
def test_a_credential_that_was_renewed(renewed: str, is_fault: bool) -> None:
    secret = REMOTE.replace("2026-08-01T10:00:00Z", renewed)
    line = "remote cluster west: the server has asked for the client to provide credentials"
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"log": ((NOW, line),)})
    assert subjects(judge(build(all_of(ISTIOD, secret), istiods=[told]), "MC-002")) == ["Deployment istio-system/istiod"] * is_fault


def test_a_time_that_holds_401_is_no_refusal() -> None:
    line = "2026-08-01T11:59:53.313401Z info waiting for sync... name=cluster[west] synced attempt=150"
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"log": ((NOW, line),)})
    assert judge(build(all_of(ISTIOD, REMOTE.replace("2026-08-01T10", "2026-08-01T11")), istiods=[told]), "MC-002") == []


def east_west(labels: dict[str, str], address: str) -> str:
    status = {"loadBalancer": {"ingress": [{"ip": address}] if address else []}}
    return service(
        "edge/eastwest",
        "tls:15443:15443",
        spec={"type": "LoadBalancer"},
        labels={"istio": "eastwestgateway"} | labels,
        status=status,
    )


@pytest.mark.parametrize(
    ("labels", "address", "is_fault"), [({NETWORK: "n1"}, "1.2.3.4", False), ({NETWORK: "n1"}, "", True), ({}, "1.2.3.4", True)]
)
def test_an_east_west_gateway_that_nobody_reaches(labels: dict[str, str], address: str, is_fault: bool) -> None:
    assert subjects(judge(build(east_west(labels, address)), "MC-003")) == ["Service edge/eastwest"] * is_fault


@pytest.mark.parametrize(
    ("root", "networks", "is_fault"), [({}, ("n1", "n2"), True), ({NETWORK: "n1"}, ("n1", "n2"), False), ({}, ("n1", "n1"), False)]
)
def test_a_network_that_nobody_named(root: dict[str, str], networks: tuple[str, ...], is_fault: bool) -> None:
    pods = [pod(f"shop/cart-{i}", {NETWORK: n}) for i, n in enumerate(networks)]
    mesh = build(all_of(thing("v1", "Namespace", "/istio-system", labels=root), *pods))
    assert subjects(judge(mesh, "MC-004")) == ["Namespace istio-system"] * is_fault


@pytest.mark.parametrize(("port", "is_fault"), [(15443, False), (443, True)])
def test_nothing_on_15443(port: int, is_fault: bool) -> None:
    door = pod("edge/ew-1", {"istio": "eastwestgateway"}, gateway=True)
    tls = {"port": {"number": port, "name": "tls", "protocol": "TLS"}, "hosts": ["*.local"], "tls": {"mode": "AUTO_PASSTHROUGH"}}
    across = gateway("edge/across", tls, selector={"istio": "eastwestgateway"})
    assert subjects(judge(build(all_of(door, across)), "MC-007")) == ["Deployment edge/ew"] * is_fault


SPACE = thing("v1", "Namespace", "/shop", labels={"istio.io/dataplane-mode": "ambient"})
CAPTURED = {"ambient.istio.io/redirection": "enabled"}


def on(node: str, where: str, labels: dict[str, str] | None = None, **more: Any) -> str:
    return pod(where, labels, proxy=False, spec={"nodeName": node}, **more)


@pytest.mark.parametrize(("ready", "is_fault"), [(True, False), (False, True)])
def test_a_node_without_ztunnel(ready: bool, is_fault: bool) -> None:
    ztunnel = on("n1", "istio-system/ztunnel-1", {"app": "ztunnel"}, ready=ready)
    mesh = build(all_of(SPACE, ztunnel, on("n1", "shop/cart-1", annotations=CAPTURED)))
    assert [f.harm is not None for f in judge(mesh, "AM-001")] == [True] * is_fault


@pytest.mark.parametrize(
    ("annotations", "is_fault"), [(CAPTURED, False), ({"ambient.istio.io/redirection": "pending"}, True), ({}, True)]
)
def test_a_pod_that_is_not_captured(annotations: dict[str, str], is_fault: bool) -> None:
    assert bool(judge(build(all_of(SPACE, on("n1", "shop/cart-1", annotations=annotations))), "AM-002")) == is_fault


@pytest.mark.parametrize(("kind", "is_fault"), [("service", False), ("all", False), ("workload", True), ("none", True)])
def test_a_waypoint_for_other_traffic(kind: str, is_fault: bool) -> None:
    spec = {"gatewayClassName": "istio-waypoint"}
    waypoint = thing("gateway.networking.k8s.io/v1", "Gateway", "shop/way", spec, labels={"istio.io/waypoint-for": kind})
    asking = service("shop/cart", labels={"istio.io/use-waypoint": "way"})
    assert subjects(judge(build(all_of(SPACE, waypoint, asking)), "AM-005")) == ["Gateway shop/way"] * is_fault


@pytest.mark.parametrize(("line", "is_fault"), [("access error=CertificateExpired", True), ("access complete", False)])
def test_ztunnel_with_expired_certificates(line: str, is_fault: bool) -> None:
    ztunnel = on("n1", "istio-system/ztunnel-1", {"app": "ztunnel"})
    said = Envoy(namespace="istio-system", name="ztunnel-1", parts={"logs": Logs(lines=((NOW - timedelta(seconds=5), line),))})
    assert bool(judge(build(ztunnel, envoys=[said]), "AM-006")) == is_fault
