"""Roots, verification of servers, certificates that others make, and how much is encrypted."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.envoy import LoadedCertificate, SecretState
from meshdoctor.model.findings import PROOF
from meshdoctor.model.istiod import Istiod, Sample
from tests.conftest import build, judge, subjects
from tests.probes.test_control_plane_load import prometheus
from tests.probes.things import all_of, destination_rule, gateway, line, logged, pod, service, thing

TLS_SERVER = {"port": {"number": 443, "protocol": "HTTPS"}, "tls": {"mode": "SIMPLE", "credentialName": "tls"}, "hosts": ["a.com"]}
TO_CART = "outbound|8080||cart.shop.svc.cluster.local"


def root(serial: str) -> tuple[LoadedCertificate, ...]:
    return (LoadedCertificate(name="ROOTCA", role="ca", serial=serial),)


@pytest.mark.parametrize(("serials", "subject"), [(("a", "a", "a"), ""), (("a", "a", "b"), "Secret istio-system/istio-ca-secret")])
def test_proxies_that_trust_no_common_root(serials: tuple[str, ...], subject: str) -> None:
    pods = [pod(f"shop/{n}-1", ip=f"10.1.0.{i}") for i, n in enumerate(("cart", "web", "pay"))]
    envoys = [logged(f"shop/{n}-1", certs=root(s)) for n, s in zip(("cart", "web", "pay"), serials, strict=True)]
    found = judge(build(all_of(*pods), envoys=envoys), "CRT-003")
    assert subjects(found) == [subject] * bool(subject)
    assert all("Deployment shop/pay" in map(str, f.also) for f in found)


@pytest.mark.parametrize(("status", "is_fault"), [
    ({"conditions": [{"type": "Ready", "status": "False", "message": "issuer not found"}]}, True),
    ({"conditions": [{"type": "Ready", "status": "True"}], "notAfter": "2026-08-03T00:00:00Z"}, True),
    ({"conditions": [{"type": "Ready", "status": "True"}], "notAfter": "2026-10-03T00:00:00Z", "renewalTime": "2026-08-01T08:00:00Z"}, True),
    ({"conditions": [{"type": "Ready", "status": "True"}], "notAfter": "2026-10-03T00:00:00Z"}, False),
])  # fmt: skip
def test_a_certificate_that_nobody_renews(status: dict[str, Any], is_fault: bool) -> None:
    body = thing("cert-manager.io/v1", "Certificate", "shop/tls", {"secretName": "tls"}, status=status)
    assert subjects(judge(build(body), "CRT-008")) == ["Certificate shop/tls"] * is_fault


REFUSED = line(TO_CART, "UF", transport_failure="TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED")
WEB = all_of(pod("shop/web-1", ip="10.1.0.5"), pod("shop/cart-1"), service("shop/cart"))


def test_a_rule_that_expects_other_names() -> None:
    rule = destination_rule("shop/cart", "cart", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL", "subjectAltNames": ["spiffe://x"]}})
    found = judge(build(all_of(WEB, rule), envoys=[logged("shop/web-1", REFUSED)]), "CRT-009")
    assert subjects(found) == ["DestinationRule shop/cart"]
    assert found[0].path == "spec.trafficPolicy.tls.subjectAltNames"


def test_without_a_rule_it_is_the_server_and_what_is_over_is_silent() -> None:
    assert subjects(judge(build(WEB, envoys=[logged("shop/web-1", REFUSED)]), "CRT-009")) == ["Deployment shop/cart"]
    fine = line(TO_CART, code=200, ago_s=1)
    assert judge(build(WEB, envoys=[logged("shop/web-1", REFUSED, fine)]), "CRT-009") == []


@pytest.mark.parametrize(
    ("warming", "there", "wanted", "is_fault"),
    [
        (True, True, True, True),
        (False, True, True, False),
        (True, False, True, False),
        (True, True, False, False),  # its Gateway is gone: the Envoy will stop asking
    ],
)
def test_a_secret_that_is_there_and_not_delivered(warming: bool, there: bool, wanted: bool, is_fault: bool) -> None:
    door = pod("edge/door-1", {"istio": "ingress"}, gateway=True) + (gateway("edge/g", TLS_SERVER) if wanted else "")
    secret = thing("v1", "Secret", "edge/tls") if there else ""
    waits = logged("edge/door-1", secrets=(SecretState(name="kubernetes://tls", warming=warming),))
    assert subjects(judge(build(all_of(door, secret), envoys=[waits]), "CRT-010")) == ["Deployment edge/door"] * is_fault


def test_a_gateway_that_may_not_read_its_secret() -> None:
    door = all_of(
        pod("edge/door-1", {"istio": "ingress"}, gateway=True), thing("v1", "Secret", "edge/tls"), gateway("edge/g", TLS_SERVER)
    )
    words = "proxy door-1.edge attempted to access unauthorized certificates tls: door/edge is not authorized to read secrets: "
    told = Istiod(namespace="istio-system", name="istiod-1", parts={"log": ((None, words),)})
    waits = logged("edge/door-1", secrets=(SecretState(name="kubernetes://tls", warming=True),))
    mesh = build(door, istiods=[told], envoys=[waits])
    (found,) = judge(mesh, "CRT-010")
    assert found.confidence == PROOF
    assert found.summary.endswith("door/edge is not authorized to read secrets")
    assert judge(mesh, "CRT-006") == []


@pytest.mark.parametrize(("mutual", "plain", "is_fault"), [(99.9, 0.1, False), (90, 10, True), (0, 0, False)])
def test_how_much_is_mutual_tls(mutual: float, plain: float, is_fault: bool) -> None:
    by = "connection_security_policy"
    counted = (Sample("", {by: "mutual_tls"}, mutual), Sample("", {by: "none"}, plain))
    edge = Sample(
        "", {"source_workload": "report", "destination_workload": "cart", "destination_workload_namespace": "shop"}, plain
    )
    found = judge(build(prometheus=prometheus(security=counted, plain=(edge,))), "MTL-006")
    assert subjects(found) == ["Namespace shop"] * is_fault
