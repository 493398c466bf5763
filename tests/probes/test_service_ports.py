"""RT-008, RT-013, MD5109..MD5111: ports of Services and what they declare."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.istio.protocols import declared
from meshdoctor.model.cluster import Service
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, entry, gateway, pod, server, service, thing

IN_MESH = pod("shop/cart-1")
OUTSIDE = pod("shop/cart-1", proxy=False)
AMBIENT = pod("shop/cart-1", proxy=False, annotations={"ambient.istio.io/redirection": "enabled"})
ENROLLED = thing("v1", "Namespace", "shop", labels={"istio-injection": "enabled"})


def with_port(labels: dict[str, str] | None = None, **port: Any) -> str:
    spec = {"selector": {"app": "cart"}, "ports": [{"port": 8080} | port]}
    return thing("v1", "Service", "shop/cart", spec, labels=labels or {})


@pytest.mark.parametrize(
    ("port", "protocol", "codes"),
    [
        ({"name": "http"}, "http", None),
        ({"name": "http-web"}, "http", None),
        ({"name": "grpc-web-x"}, "grpc-web", None),
        ({"name": "httpweb"}, "", ("IST0118", "KIA0601")),
        ({}, "", ("IST0118", "KIA0601")),
        ({"name": "x", "protocol": "UDP"}, "udp", None),
        ({"name": "db", "port": 3306}, "tcp", ("KIA0601",)),  # istiod knows the port
        ({"name": "x", "appProtocol": "mysql"}, "mysql", None),
        ({"name": "x", "appProtocol": "kubernetes.io/ws"}, "http", None),
        ({"name": "http", "appProtocol": "soap"}, "", ("IST0118", "KIA0602")),
    ],
)
def test_what_a_port_declares(port: dict[str, Any], protocol: str, codes: tuple[str, ...] | None) -> None:
    mesh = build(all_of(with_port(**port), IN_MESH))
    (thing_,) = mesh[Service]
    assert declared(thing_.spec.ports[0]) == protocol
    found = judge(mesh, "RT-008")
    assert [(f.path, f.severity, f.codes) for f in found] == ([("spec.ports[0]", "info", codes)] if codes else [])


@pytest.mark.parametrize(
    ("pods", "codes"),
    [(IN_MESH, ("IST0118", "KIA0601")), (AMBIENT, ("IST0118", "KIA0601")), (OUTSIDE, None), ("", ("IST0118",))],
)
def test_only_services_of_the_mesh_count(pods: str, codes: tuple[str, ...] | None) -> None:
    assert [f.codes for f in judge(build(all_of(with_port(name="x"), pods)), "RT-008")] == ([codes] if codes else [])


def test_http_rules_that_hold_by_guess_are_more_than_a_remark() -> None:
    (port,) = judge(build(all_of(with_port(name="web"), IN_MESH, virtual_service(hosts=["cart.shop.svc.cluster.local"]))), "RT-008")
    assert (port.severity, port.why) == ("low", "The HTTP rules of VirtualService shop/cart hold only where the guess is right.")


def virtual_service(**spec: Any) -> str:
    spec |= {"http": [{"route": [{"destination": {"host": "cart"}}]}]}
    return thing("networking.istio.io/v1", "VirtualService", "shop/cart", spec)


def test_the_control_plane_and_health_ports_are_left_out() -> None:
    assert judge(build(all_of(with_port(name="status-port", port=15021), IN_MESH)), "RT-008") == []
    (finding,) = judge(build(all_of(with_port({"istio": "pilot"}, name="x"), IN_MESH)), "RT-008")
    assert finding.codes == ("KIA0601",)
    assert judge(build(with_port({"istio": "pilot"}, name="x")), "RT-008") == []


@pytest.mark.parametrize(("port", "found"), [({"name": "tls"}, False), ({"name": "tcp"}, True), ({}, True), ({"name": "db"}, True)])
def test_external_names(port: dict[str, Any], found: bool) -> None:
    spec = {"type": "ExternalName", "externalName": "x.org", "ports": [{"port": 443} | port]}
    text = thing("v1", "Service", "shop/out", spec)
    assert [f.codes for f in judge(build(text), "MD5109")] == ([("IST0150",)] if found else [])
    assert judge(build(text), "RT-008") == []


def made(*ports: dict[str, Any], **meta: Any) -> str:
    template = {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "a", "ports": list(ports)}]}}
    return thing("apps/v1", "Deployment", "shop/cart", {"template": template}, **meta)


@pytest.mark.parametrize(
    ("target", "ports", "found"),
    [
        (8080, [{"containerPort": 8080}], False),
        (8080, [{"containerPort": 9090}], True),
        ("web", [{"containerPort": 9090, "name": "web"}], False),
        ("web", [{"containerPort": 9090, "name": "http"}], True),
        (8080, [], False),  # what a container declares is for information: none says nothing
    ],
)
def test_container_ports(target: int | str, ports: list[dict[str, Any]], found: bool) -> None:
    told = judge(build(all_of(with_port(name="http", targetPort=target), made(*ports))), "MD5110")
    assert [(f.path, f.codes) for f in told] == ([("spec.ports[0]", ("KIA0701",))] if found else [])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("http:80:8080", "http:80:8080", []),
        ("http:80:8080", "http:81:8080", [("info", ("IST0137",))]),
        ("http:80:8080", "tcp:81:8080", [("medium", ()), ("info", ("IST0137",))]),
        ("http:80:8080", "tcp:80:8080", [("medium", ())]),
        ("http:80:8080", "http:81:8081", []),
    ],
)
def test_services_that_disagree(first: str, second: str, said: list[Any]) -> None:
    both = service("shop/one", first, app="cart"), service("shop/two", second, app="cart")
    text = all_of(ENROLLED, *both, made({"containerPort": 8080}))
    found = judge(build(text), "RT-013")
    assert [(f.severity, f.codes) for f in found] == said
    about = {"info": "Deployment shop/cart", "medium": "Service shop/two"}  # of two in conflict the younger
    assert subjects(found) == [about[severity] for severity, _ in said]


def test_one_port_with_two_transports_counts_in_the_mesh_only() -> None:
    udp = thing("v1", "Service", "shop/two", {"selector": {"app": "cart"}, "ports": [{"port": 80, "protocol": "UDP"}]})
    text = all_of(service("shop/one", "http:80:8080", app="cart"), udp, made())
    assert [f.codes for f in judge(build(all_of(text, ENROLLED)), "RT-013")] == [("IST0116",)]
    assert judge(build(all_of(text, thing("v1", "Namespace", "shop"))), "RT-013") == []


def test_names_that_contradict_the_protocol() -> None:
    ports = [
        {"number": n, "name": name, "protocol": p} for n, name, p in ((1, "http-a", "GRPC"), (2, "https", "TLS"), (3, "x", "HTTP"))
    ]
    text = all_of(gateway("shop/g", server(80, "HTTP2", "x", name="http"), server(443, "HTTPS", "x", name="grpc")))
    assert [f.path for f in judge(build(text), "MD5111")] == ["spec.servers[0].port.name"]
    assert [f.path for f in judge(build(entry("shop/e", "x.org", ports=ports)), "MD5111")] == ["spec.ports[0].name"]
