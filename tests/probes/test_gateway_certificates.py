"""CRT-005, CRT-006, CRT-007: the certificates of gateways."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.cluster import Secret
from meshdoctor.model.envoy import Envoy, LoadedCertificate, SecretState
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.workloads import Pod
from tests.conftest import NOW, build, judge, subjects
from tests.probes.things import all_of, gateway, pod, server, thing

TLS = server(443, "HTTPS", "a.example.com", mode="SIMPLE", credentialName="web-tls")
EDGE = pod("edge/ingress-1", {"istio": "ingress"}, gateway=True)
GW = gateway("shop/gw", TLS)
THERE = thing("v1", "Secret", "edge/web-tls")
ASIDE = thing("v1", "Secret", "shop/web-tls")


def leaf(days: float = 90, life: float = 90, *sans: str) -> Envoy:
    made = LoadedCertificate(
        name="kubernetes://web-tls",
        sans=sans or ("a.example.com",),
        valid_from=NOW + timedelta(days=days - life),
        expires=NOW + timedelta(days=days),
    )
    return Envoy(namespace="edge", name="ingress-1", parts={"secret_certs": (made,), "secrets": ()})


def holding(warming: bool) -> Envoy:
    secret = SecretState(name="kubernetes://web-tls", warming=warming)
    return Envoy(namespace="edge", name="ingress-1", parts={"secrets": (secret,), "secret_certs": ()})


@pytest.mark.parametrize(
    ("line", "age", "is_fault"),
    [
        ('invalid certificates: "kubernetes://web-tls": pem decode failed', 30, True),
        ("failed to fetch key and certificate for kubernetes://web-tls: found secret, but without tls.crt", 30, True),
        ("failed to fetch key and certificate for kubernetes://web-tls: secret edge/web-tls not found", 30, False),
        ('invalid certificates: "kubernetes://web-tls": certificate is expired or not yet valid', 30, False),  # sent and taken
        ('invalid certificates: "kubernetes://other": pem decode failed', 30, False),
        ('invalid certificates: "kubernetes://web-tls": pem decode failed', 5, False),  # written anew since
    ],
)
def test_a_secret_whose_content_istiod_refuses(line: str, age: float, is_fault: bool) -> None:
    there = thing("v1", "Secret", "edge/web-tls", created=f"{NOW - timedelta(seconds=age):%Y-%m-%dT%H:%M:%SZ}")
    said = Istiod(namespace="istio-system", name="istiod-1", parts={"log": ((NOW - timedelta(seconds=10), line),)})
    mesh = build(all_of(EDGE, GW, there), envoys=[leaf()], istiods=[said])
    assert [f.evidence[1].quote for f in judge(mesh, "CRT-006")] == [line] * is_fault
    namesake = build(all_of(EDGE, GW, there, thing("v1", "Secret", "shop/web-tls")), envoys=[leaf()], istiods=[said])
    assert judge(namesake, "CRT-006") == [], "istiod does not say whose it is"


@pytest.mark.parametrize("problem", ["CRT-005", "CRT-006", "CRT-007"])
def test_a_fine_certificate_gives_nothing(problem: str) -> None:
    assert judge(build(all_of(EDGE, GW, THERE), envoys=[leaf()]), problem) == []


def test_the_secret_must_be_where_the_pods_are() -> None:
    (finding,) = judge(build(all_of(EDGE, GW, ASIDE)), "CRT-005")
    assert str(finding.subject) == "Gateway shop/gw"
    assert "Secret edge/web-tls" in map(str, finding.also)
    assert "shop" in finding.why


def test_in_files_without_any_secret_it_may_exist_elsewhere() -> None:
    assert [f.status for f in judge(mesh_of(all_of(EDGE, GW), only_given=True), "CRT-005")] == ["UNKNOWN"]
    assert [f.status for f in judge(mesh_of(all_of(EDGE, GW, ASIDE), only_given=True), "CRT-005")] == ["FAIL"]


@pytest.mark.parametrize(
    "tls",
    [
        server(443, "TLS", "a", mode="PASSTHROUGH"),
        server(443, "HTTPS", "a", mode="ISTIO_MUTUAL"),
        server(443, "HTTPS", "a", mode="SIMPLE", serverCertificate="/etc/x.pem"),
        server(80, "HTTP", "a"),
    ],
)
def test_servers_without_a_secret(tls: dict[str, object]) -> None:
    assert judge(build(all_of(EDGE, gateway("shop/gw", tls))), "CRT-005") == []


def test_where_secrets_are_denied_a_waiting_envoy_is_proof() -> None:
    text = all_of(EDGE, GW)
    assert subjects(judge(build(text, unseen=[Secret], envoys=[holding(True)]), "CRT-005")) == ["Gateway shop/gw"]
    assert judge(build(text, unseen=[Secret], envoys=[holding(False)]), "CRT-005") == []
    assert {f.status for f in judge(build(text, unseen=[Secret]), "CRT-005")} == {"UNKNOWN"}
    assert {f.status for f in judge(build(text, unseen=[Pod]), "CRT-007")} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("days", "life", "severity"),
    [(-1, 90, "critical"), (5, 90, "high"), (15, 90, None), (3, 7, "high"), (1, 7, "high")],
)
def test_expiry(days: float, life: float, severity: str | None) -> None:
    findings = judge(build(all_of(EDGE, GW, THERE), envoys=[leaf(days, life)]), "CRT-006")
    assert [f.severity for f in findings] == ([severity] if severity else [])


def test_a_secret_that_istiod_cannot_use() -> None:
    (finding,) = judge(build(all_of(EDGE, GW, THERE), envoys=[holding(True)]), "CRT-006")
    assert "is not given its certificate" in finding.summary


@pytest.mark.parametrize(
    ("host", "sans", "found"),
    [
        ("a.example.com", ["*.example.com"], False),
        ("a.b.example.com", ["*.example.com"], True),
        ("*.example.com", ["*.example.com"], False),
        ("*.example.com", ["a.example.com"], True),
        ("example.com", ["*.example.com"], True),
        ("*", ["a.example.com"], False),
        ("bank/a.example.com", ["A.example.com"], False),
        ("./b.example.com", ["a.example.com"], True),
        ("b.example.com", ["a.example.com", "b.example.com"], False),
    ],
)
def test_names(host: str, sans: list[str], found: bool) -> None:
    gw = gateway("shop/gw", server(443, "HTTPS", host, mode="SIMPLE", credentialName="web-tls"))
    findings = judge(build(all_of(EDGE, gw, THERE), envoys=[leaf(90, 90, *sans)]), "CRT-007")
    assert subjects(findings) == (["Gateway shop/gw"] if found else [])
