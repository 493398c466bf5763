"""What others import."""

from __future__ import annotations

import meshdoctor
from meshdoctor.model.workloads import Pod
from tests.conftest import BOTH_LABELS


def test_manifests_are_loaded_checked_and_diagnosed() -> None:
    mesh = meshdoctor.load(BOTH_LABELS)
    findings = meshdoctor.check(mesh)
    assert [f.problem for f in findings if f.status == "FAIL"] == ["INJ-004"]
    assert [c.problem for c in meshdoctor.diagnose(mesh).causes] == ["INJ-004"]
    assert len(mesh[Pod]) == 0


def test_a_namespace_limits_what_is_reported() -> None:
    findings = meshdoctor.check(meshdoctor.load(BOTH_LABELS), namespace="elsewhere")
    assert [f.problem for f in findings if f.subject.namespace == "shop"] == []


def test_a_cause_elsewhere_that_explains_something_here_is_reported() -> None:
    strict = """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: shop}
spec: {host: cart, trafficPolicy: {tls: {mode: DISABLE}}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: istio-proxy}, {name: app}]}
"""
    mesh = meshdoctor.load(strict)
    assert "MTL-002" in [c.problem for c in meshdoctor.diagnose(mesh, namespace="shop").causes]
    assert "MTL-002" not in [c.problem for c in meshdoctor.diagnose(mesh, namespace="bank").causes]
