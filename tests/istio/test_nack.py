"""From the text of a refusal to the object that put the configuration there, or to nobody."""

from __future__ import annotations

from datetime import datetime

import pytest

from meshdoctor.istio.nack import culprit
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from tests.conftest import build

POD = """
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: istio-proxy}]}
"""
FILTER = """
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: %s, namespace: %s, creationTimestamp: "2026-0%s-01T00:00:00Z"}
spec:
  workloadSelector: {labels: {%s}}
  configPatches:
  - applyTo: %s
    patch: {operation: INSERT_FIRST, value: {name: envoy.filters.http.%s}}
"""
ERROR = "Error adding/updating listener(s) 0.0.0.0_8080: Didn't find a registered implementation for 'envoy.filters.http.luaa'"


def of(mesh: Mesh, kind: str = "LDS", error: str = ERROR) -> str | None:
    pod = mesh[Pod].get("shop", "cart-1")
    assert pod is not None
    found = culprit(mesh, pod, kind, error, datetime.now())
    return found.name if found else None


def made(
    name: str, namespace: str = "shop", month: int = 1, label: str = "app: cart", to: str = "HTTP_FILTER", what: str = "luaa"
) -> str:
    return FILTER % (name, namespace, month, label, to, what)


def test_the_filter_whose_words_stand_in_the_error() -> None:
    assert of(build(POD + made("right") + made("younger", month=3, what="cors"))) == "right"


def test_the_filter_whose_number_stands_in_the_error() -> None:
    times = {"right": "{connect_timeout: -3s}", "younger": "{connect_timeout: 3s}"}
    value = "{name: envoy.filters.http.luaa}"
    filters = [made(n, month=1 + i, to="CLUSTER").replace(value, times[n]) for i, n in enumerate(times)]
    assert of(build(POD + "".join(filters)), "CDS", "Invalid duration: Expected positive duration: seconds: -3") == "right"


def test_the_youngest_where_words_tell_nothing() -> None:
    assert of(build(POD + made("old") + made("new", month=3)), error="bad configuration") == "new"


@pytest.mark.parametrize(
    "other",
    [made("other", label="app: bank"), made("other", namespace="bank"), made("other", to="CLUSTER")],
    ids=["another workload", "another namespace", "another type"],
)
def test_a_filter_that_does_not_reach_the_pod_or_the_type_is_innocent(other: str) -> None:
    assert of(build(POD + other)) is None


def test_a_filter_of_the_root_namespace_reaches_all() -> None:
    assert of(build(POD + made("root", namespace="istio-system"))) == "root"


def test_keys_of_tokens_lead_to_the_policy_and_ports_to_the_gateway() -> None:
    policy = """
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, jwtRules: [{issuer: me, jwks: "{"}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: low, namespace: edge}
spec: {selector: {app: cart}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
"""
    mesh = build(POD + policy)
    assert of(mesh, error="Unable to convert local_jwks: JWKS is not valid") == "jwt"
    assert of(mesh, error="cannot bind '0.0.0.0:80': Permission denied") == "low"
    assert of(mesh, error="something else altogether") is None


def test_a_certificate_that_does_not_load_leads_to_the_secret() -> None:
    tls = "{port: {number: 443, name: %s, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: %s}, hosts: [a.example]}"
    gateway = """
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: shop}
spec: {selector: {app: cart}, servers: [%s]}
"""
    secrets = "".join(
        f"\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {n}, namespace: shop}}\n" for n in ("one-tls", "two-tls")
    )
    both = build(POD + gateway % ", ".join(tls % (n, f"{n}-tls") for n in ("one", "two")) + secrets)
    error = "Failed to load private key from <inline>"
    assert of(both, "SDS", f"kubernetes://two-tls: {error}") == "two-tls"
    assert of(both, "SDS", error) is None
    assert of(build(POD + gateway % tls % ("one", "one-tls") + secrets), "SDS", error) == "one-tls"
