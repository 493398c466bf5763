"""What controllers say in a status, what Gateways share, and webhooks that lead nowhere."""

from __future__ import annotations

import pytest

from tests.conftest import build, judge, subjects

ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: x, namespace: a}
spec: {hosts: [x.example.com]}
status: {conditions: [{type: %s, status: "%s", reason: WaypointIsNotReady}]}
"""


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [("istio.io/WaypointBound", "False", 1), ("istio.io/WaypointBound", "True", 0), ("argoproj.io/Synced", "False", 0)],
)
def test_conditions(kind: str, status: str, told: int) -> None:
    found = judge(build(ENTRY % (kind, status)), "MD5250")
    assert [(f.path, f.severity) for f in found] == [("status.conditions[0]", "info")] * told


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %s.gateway.networking.k8s.io, annotations: {gateway.networking.k8s.io/bundle-version: %s}}
"""


@pytest.mark.parametrize(
    ("kind", "version", "old"),
    [
        ("tlsroutes", "v1.4.9", 1),
        ("tlsroutes", "v1.5.0", 0),
        ("tlsroutes", "v1.5.0-rc.1", 0),
        ("gateways", "v0.1.0", 0),
        ("tlsroutes", "x", 0),
    ],
)
def test_definitions(kind: str, version: str, old: int) -> None:
    assert len(judge(build(DEFINITION % (kind, version)), "GA-005")) == old


WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-x}
webhooks: [{name: one, clientConfig: {%s}}]
"""


@pytest.mark.parametrize(
    ("client", "codes"),
    [
        ('url: "https://istiod.example.com:15017/inject"', []),
        ("service: {name: istiod, namespace: istio-system}", []),
        ('url: "https://192.0.2.7:15017/inject"', [("IST0164",)]),
        ('url: "https://[bad"', [("IST0163",)]),
        ("", [("IST0163",)]),
    ],
)
def test_webhooks_outside(client: str, codes: list[tuple[str, ...]]) -> None:
    assert [f.codes for f in judge(build(WEBHOOK % client), "MD5252")] == codes


GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s, namespace: a}
spec:
  selector: {%s}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [%s], tls: {mode: SIMPLE, credentialName: %s}}]
---
"""


@pytest.mark.parametrize(
    ("other", "hosts", "certificates"),
    [
        (("istio: edge", "shop", "cert"), ["one", "two"], ["one", "two"]),
        (("istio: edge", "bank", "cert"), [], ["one", "two"]),
        (("istio: edge", "shop", "other"), ["one", "two"], []),
        (("istio: elsewhere", "shop", "cert"), [], []),
        (("istio: edge, tier: front", "shop", "cert"), ["one", "two"], ["one"]),
    ],
)
def test_what_gateways_share(other: tuple[str, str, str], hosts: list[str], certificates: list[str]) -> None:
    mesh = build(GATEWAY % ("one", "istio: edge", "shop", "cert") + GATEWAY % ("two", *other))
    assert [f.subject.name for f in judge(mesh, "MD5206")] == hosts
    assert [f.subject.name for f in judge(mesh, "GW-013")] == certificates


def test_templates_with_the_proxys_user() -> None:
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec: {template: {spec: {securityContext: {runAsUser: 1337}, containers: [{name: app}]}}}
"""
    found = judge(build(deployment), "MD5254")
    assert subjects(found) == ["Deployment a/web"]
    assert found[0].path == "spec.template.spec.securityContext.runAsUser"
    assert judge(build(deployment.replace("1337", "1000")), "MD5254") == []


AUTO = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: a}
spec: {template: {metadata: {labels: {%s}}, spec: {containers: [{name: istio-proxy, image: auto}]}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector, labels: {app: sidecar-injector}}
webhooks:
- name: object.sidecar-injector.istio.io
  clientConfig: {service: {name: istiod, namespace: istio-system, path: /inject}}
  objectSelector: {matchLabels: {sidecar.istio.io/inject: "true"}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
"""


def test_images_that_nobody_fills_in() -> None:
    assert [f.path for f in judge(build(AUTO % "app: edge"), "MD5271")] == ["spec.template.spec.containers[0].image"]
    assert judge(build(AUTO % 'sidecar.istio.io/inject: "true"'), "MD5271") == []
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: x, namespace: a}, spec: {containers: [{name: istio-proxy, image: %s}]}}"
    assert subjects(judge(build(pod % "auto"), "MD5270")) == ["Pod a/x"]
    assert judge(build(pod % "proxyv2:1.32.0"), "MD5270") == []
