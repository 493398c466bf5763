"""Istio's annotations: each fault on its object, and what Istio itself writes is left alone."""

from __future__ import annotations

import pytest

from meshdoctor.istio.annotations import fits, known
from tests.conftest import build, judge

THING = """
apiVersion: v1
kind: %s
metadata: {name: x, namespace: a, annotations: {%s: "%s"}}
"""


@pytest.mark.parametrize(
    ("code", "kind", "name", "value", "told"),
    [
        ("MD5260", "Service", "networking.istio.io/exportThree", "x", 1),
        ("MD5260", "Service", "networking.istio.io/exportTo", "x", 0),
        ("MD5260", "Service", "example.com/exportThree", "x", 0),
        ("MD5260", "Pod", "istio.io/rev", "x", 0),
        ("MD5261", "Namespace", "kubernetes.io/ingress.class", "x", 1),
        ("MD5261", "Pod", "proxy.istio.io/config", "{}", 0),
        ("MD5262", "Pod", "readiness.status.sidecar.istio.io/periodSeconds", "ten", 1),
        ("MD5262", "Pod", "readiness.status.sidecar.istio.io/periodSeconds", "10", 0),
        ("UP-004", "Pod", "sidecar.istio.io/inject", "true", 1),
        ("MD5264", "Pod", "sidecar.istio.io/interceptionMode", "REDIRECT", 0),
    ],
)
def test_annotations(code: str, kind: str, name: str, value: str, told: int) -> None:
    found = judge(build(THING % (kind, name, value)), code)
    assert [f.path for f in found] == [f"metadata.annotations.{name}"] * told


@pytest.mark.parametrize(
    ("what", "good", "bad"),
    [
        ("ValidateIncludeInboundPorts", "*", "http"),
        ("ValidateExcludeOutboundPorts", "80,443", "80,x"),
        ("ValidateExcludeIPRanges", "10.0.0.0/8, 192.0.2.1", "10.0.0.0/99"),
        ("validateResourceQuantity", "100m", "100 m"),
        ("validateInterceptionMode", "TPROXY", "tproxy"),
        ("validateBool", "True", "yes"),
    ],
)
def test_values(what: str, good: str, bad: str) -> None:
    assert (fits(what, good), fits(what, bad)) == (True, False)


def test_the_table_is_whole() -> None:
    assert len(known()) > 60
    assert all(a.kinds and a.status in ("alpha", "beta", "stable") for a in known().values())


def test_deprecated_fields() -> None:
    text = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x, namespace: a}
spec: {hosts: [x], http: [{fault: {delay: {percent: 50, fixedDelay: 1s}}}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: x, namespace: a}
spec: {outboundTrafficPolicy: {egressProxy: {host: x}}}
"""
    assert sorted(f.path for f in judge(build(text), "UP-004")) == [
        "spec.http[0].fault.delay.percent",
        "spec.outboundTrafficPolicy.egressProxy",
    ]
