"""What lies before a gateway, and what it listens on."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.istiod import Istiod, ProxySync, TypeSync
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, gateway, line, logged, pod, server, service, thing

DOOR = pod("edge/door-1", {"istio": "ingress", "app": "door"}, gateway=True, spec={"nodeName": "n1"})
HTTP = gateway("edge/g", server(80, "HTTP", "a.example"))
NODES = all_of(
    *(thing("v1", "Node", f"/n{i}", labels={"kubernetes.io/hostname": f"n{i}"}, status={"conditions": []}) for i in (1, 2))
)


def front(ports: str = "status:15021:15021,http:80:80", annotations: dict[str, str] | None = None, **spec: Any) -> str:
    return service("edge/door", ports, spec={"type": "LoadBalancer"} | spec, annotations=annotations or {})


CLOUD = "service.beta.kubernetes.io/"


@pytest.mark.parametrize(("body", "is_fault"), [
    (front(), False),
    (front("http:80:80"), True),
    (front("http:80:80", externalTrafficPolicy="Local"), False),
    (front(annotations={f"{CLOUD}aws-load-balancer-healthcheck-path": "/health"}), True),
    (front("http:80:80", type="ClusterIP"), False),
])  # fmt: skip
def test_what_the_load_balancer_asks(body: str, is_fault: bool) -> None:
    assert subjects(judge(build(all_of(DOOR, body)), "GW-005")) == ["Service edge/door"] * is_fault


@pytest.mark.parametrize(("spec", "severity"), [
    ({"externalTrafficPolicy": "Local", "type": "NodePort"}, "high"),
    ({"externalTrafficPolicy": "Local", "healthCheckNodePort": 31000}, "info"),
    ({}, ""),
])  # fmt: skip
def test_nodes_that_drop_what_they_get(spec: dict[str, Any], severity: str) -> None:
    found = judge(build(all_of(DOOR, NODES, front(**spec))), "GW-006")
    assert [f.severity for f in found] == [severity] * bool(severity)


@pytest.mark.parametrize(("host", "nodes", "is_fault"), [(True, NODES, True), (False, NODES, False)])
def test_host_ports_on_some_nodes_only(host: bool, nodes: str, is_fault: bool) -> None:
    door = pod("edge/door-1", {"istio": "ingress"}, gateway=True, spec={"nodeName": "n1", "hostNetwork": host})
    assert subjects(judge(build(all_of(door, nodes)), "GW-007")) == ["Deployment edge/door"] * is_fault


@pytest.mark.parametrize(("bound", "is_fault"), [(("0.0.0.0:15021", "0.0.0.0:80"), False), (("0.0.0.0:15021",), True), ((), False)])
def test_a_port_without_listener(bound: tuple[str, ...], is_fault: bool) -> None:
    mesh = build(all_of(DOOR, HTTP, front()), envoys=[logged("edge/door-1", listeners=bound)])
    assert subjects(judge(mesh, "GW-009")) == ["Gateway edge/g"] * is_fault


@pytest.mark.parametrize(("mode", "why"), [("PASSTHROUGH", "no VirtualService names it"), ("AUTO_PASSTHROUGH", ""), ("SIMPLE", "")])
def test_a_listener_that_a_route_would_make(mode: str, why: str) -> None:
    through = gateway(
        "edge/g", {"port": {"number": 443, "name": "tls", "protocol": "TLS"}, "tls": {"mode": mode}, "hosts": ["a.com"]}
    )
    mesh = build(all_of(DOOR, through, front("https:443:443")), envoys=[logged("edge/door-1", listeners=("0.0.0.0:80",))])
    found = judge(mesh, "GW-009")
    assert [f.why.startswith(why) for f in found] == [True] * (mode != "AUTO_PASSTHROUGH")


@pytest.mark.parametrize(("target", "redirect", "is_fault"), [(80, True, True), (443, True, False), (80, False, False)])
def test_redirected_again_and_again(target: int, redirect: bool, is_fault: bool) -> None:
    looped = gateway("edge/g", server(80, "HTTP", "a.example", httpsRedirect=redirect))
    mesh = build(all_of(DOOR, looped, front(f"http:80:80,https:443:{target}")))
    assert subjects(judge(mesh, "GW-011")) == ["Gateway edge/g"] * is_fault


@pytest.mark.parametrize(
    ("hosts", "sni", "is_fault"), [("a.example", "", True), ("*", "", False), ("a.example", "b.example", False)]
)
def test_a_client_without_server_name(hosts: str, sni: str, is_fault: bool) -> None:
    tls = gateway("edge/g", server(443, "HTTPS", hosts, mode="SIMPLE", credentialName="c"))
    reset = line("", "NR", 0, connection_details="filter_chain_not_found", sni=sni)
    assert (
        subjects(judge(build(all_of(DOOR, tls), envoys=[logged("edge/door-1", reset)]), "GW-014")) == ["Gateway edge/g"] * is_fault
    )


@pytest.mark.parametrize(
    ("sends", "expects", "is_fault"), [("*", False, True), ("*", True, False), ("", True, True), ("", False, False)]
)
def test_the_proxy_protocol_on_one_side(sends: str, expects: bool, is_fault: bool) -> None:
    said = {"proxy.istio.io/config": '{"gatewayTopology": {"proxyProtocol": {}}}'} if expects else {}
    door = pod("edge/door-1", {"app": "door"}, gateway=True, annotations=said)
    asked = front(annotations={f"{CLOUD}aws-load-balancer-proxy-protocol": sends} if sends else {})
    assert bool(judge(build(all_of(door, asked)), "GW-017")) == is_fault


@pytest.mark.parametrize(("port", "sysctls", "is_fault"), [
    (80, [], True),
    (8080, [], False),
    (80, [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}], False),
])  # fmt: skip
def test_a_port_that_may_not_be_bound(port: int, sysctls: list[dict[str, str]], is_fault: bool) -> None:
    error = f"Error adding/updating listener(s) 0.0.0.0_{port}: cannot bind '0.0.0.0:{port}': Permission denied"
    sync = ProxySync(namespace="edge", name="door-1", istiod="istiod-1", types={"LDS": TypeSync(sent="1", error=error)})
    istiod = Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": (sync,)})
    door = pod("edge/door-1", {"istio": "ingress"}, gateway=True, spec={"securityContext": {"sysctls": sysctls}})
    assert subjects(judge(build(door, istiods=[istiod]), "GW-018")) == ["Deployment edge/door"] * is_fault


@pytest.mark.parametrize(("reason", "is_fault"), [("InvalidCertificateRef", True), ("ResolvedRefs", False)])
def test_a_listener_without_certificate(reason: str, is_fault: bool) -> None:
    state = "False" if is_fault else "True"
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "nowhere"}]}}
    status = {"listeners": [{"name": "https", "conditions": [{"type": "ResolvedRefs", "status": state, "reason": reason}]}]}
    spec = {"gatewayClassName": "istio", "listeners": [listener]}
    body = thing("gateway.networking.k8s.io/v1", "Gateway", "shop/edge", spec, status=status)
    assert subjects(judge(build(body), "GA-006")) == ["Gateway shop/edge"] * is_fault
