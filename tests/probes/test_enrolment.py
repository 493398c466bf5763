"""Injection, its webhooks, and what refuses injected pods."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Event, Namespace, Service
from meshdoctor.model.workloads import Deployment, Pod
from tests.conftest import NOW, build, judge, subjects
from tests.probes.things import thing


def authority(name: str) -> str:
    """A self-signed certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    signed = made.not_valid_before(start).not_valid_after(start + timedelta(days=3650)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


ROOT = authority("istiod")
OTHER = authority("somebody else")


def bundle(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


def injector(name: str = "injector", rev: str = "default", ca: str = ROOT, policy: str = "Fail", service: str = "istiod") -> str:
    """The webhooks that the chart renders for the default revision, as far as they matter here."""
    client = f'{{caBundle: "{bundle(ca)}", service: {{name: {service}, namespace: istio-d, path: /inject}}}}'
    enabled = "{matchExpressions: [{key: istio-injection, operator: In, values: [enabled]}]}"
    wanted = "{matchExpressions: [{key: sidecar.istio.io/inject, operator: NotIn, values: ['false']}]}"
    by_rev = f"{{matchExpressions: [{{key: istio.io/rev, operator: In, values: [{rev}]}}, {{key: istio-injection, operator: DoesNotExist}}]}}"
    return f"""
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {{name: {name}, labels: {{app: sidecar-injector, istio.io/rev: {rev}}}}}
webhooks:
- {{name: namespace.sidecar-injector.istio.io, failurePolicy: {policy}, clientConfig: {client}, namespaceSelector: {enabled}, objectSelector: {wanted}}}
- {{name: rev.namespace.sidecar-injector.istio.io, failurePolicy: {policy}, clientConfig: {client}, namespaceSelector: {by_rev}, objectSelector: {wanted}}}
"""


SWITCHED_OFF = """
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: switched-off, labels: {app: sidecar-injector, istio.io/rev: default}}
webhooks:
- name: namespace.sidecar-injector.istio.io
  clientConfig: {service: {name: nowhere, namespace: istio-d, path: /inject}}
  namespaceSelector: {matchLabels: {istio.io/deactivated: never-match}}
  objectSelector: {matchLabels: {istio.io/deactivated: never-match}}
"""


def validator(policy: str = "Fail", service: str = "istiod", ca: str = ROOT) -> str:
    return f"""
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: validator, labels: {{app: istiod}}}}
webhooks:
- {{name: validation.istio.io, failurePolicy: {policy}, clientConfig: {{caBundle: "{bundle(ca)}", service: {{name: {service}, namespace: istio-d, path: /validate}}}}}}
"""


def control_plane(ready: bool = True, selector: str = "istiod") -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: istiod, namespace: istio-d, labels: {{app: istiod}}}}
spec: {{replicas: 1, selector: {{matchLabels: {{app: istiod}}}}, template: {{metadata: {{labels: {{app: istiod}}}}}}}}
status: {{availableReplicas: {int(ready)}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: istiod-1, namespace: istio-d, labels: {{app: istiod}}}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "2026-08-01T10:00:00Z"}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: istiod, namespace: istio-d}}
spec: {{selector: {{app: {selector}}}, ports: [{{port: 443, targetPort: 15017}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: istiod-x, namespace: istio-d, labels: {{kubernetes.io/service-name: istiod}}}}
endpoints: [{{addresses: [10.0.0.1], conditions: {{ready: {str(ready and selector == "istiod").lower()}}}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: istio-ca-root-cert, namespace: istio-d}}
data: {{root-cert.pem: {json.dumps(ROOT)}}}
"""


def namespace(name: str, **labels: str) -> str:
    return f"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n"


def pod(name: str, space: str, containers: str = "[{name: app}]", extra: str = "", **labels: str) -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {space}, labels: {labels}}}
spec: {{containers: {containers}{extra}}}
status: {{phase: Running}}
"""


OWNED = "{apiVersion: apps/v1, kind: Deployment, name: web, controller: true}"
BOTH = "[{name: istio-proxy}, {name: app}]"
ENABLED = {"istio-injection": "enabled"}
SOUND = (
    control_plane()
    + injector()
    + SWITCHED_OFF
    + validator()
    + namespace("istio-d")
    + namespace("shop", **ENABLED)
    + pod("web", "shop", BOTH)
)
RULES = (
    "INJ-001 INJ-002 INJ-003 INJ-004 INJ-005 INJ-006 INJ-007 INJ-008 INJ-010 INJ-011 INJ-012 INJ-016 INJ-017 INJ-018 "
    "WH-001 WH-002 CP-001 CP-002 CP-008"
)


@pytest.mark.parametrize("problem", RULES.split())
def test_a_sound_mesh_gives_nothing(problem: str) -> None:
    assert judge(build(SOUND), problem) == []


FAULTS: list[tuple[str, str, list[str]]] = [
    ("INJ-001", namespace("old") + pod("a", "old", BOTH) + pod("b", "old"), ["Namespace old"]),
    ("INJ-001", namespace("left", **{"istio-injection": "disabled"}) + pod("a", "left"), []),
    ("INJ-002", pod("bare", "shop"), ["Pod shop/bare"]),
    ("INJ-004", namespace("two", **ENABLED, **{"istio.io/rev": "canary"}), ["Namespace two"]),
    ("INJ-005", namespace("lost", **{"istio.io/rev": "canary-9"}), ["Namespace lost"]),
    ("INJ-010", injector("open", rev="other", policy="Ignore"), ["MutatingWebhookConfiguration open"]),
    ("INJ-011", injector("twice"), ["MutatingWebhookConfiguration twice"]),
    ("INJ-016", pod("in", "shop", BOTH, ", securityContext: {runAsUser: 1337}"), ["Pod shop/in"]),
]


@pytest.mark.parametrize(("problem", "fault", "wanted"), FAULTS)
def test_the_fault_is_found_on_the_object_to_change(problem: str, fault: str, wanted: list[str]) -> None:
    assert subjects(judge(build(SOUND + fault), problem)) == wanted


BLIND: list[tuple[str, type[KubernetesObject]]] = [
    ("INJ-001", Pod),
    ("INJ-002", MutatingWebhookConfiguration),
    ("INJ-003", Deployment),
    ("INJ-004", MutatingWebhookConfiguration),
    ("INJ-005", MutatingWebhookConfiguration),
    ("INJ-006", Service),
    ("INJ-008", MutatingWebhookConfiguration),
    ("INJ-010", MutatingWebhookConfiguration),
    ("INJ-011", Namespace),
    ("INJ-012", Pod),
    ("INJ-016", Pod),
    ("INJ-018", Event),
    ("WH-001", ValidatingWebhookConfiguration),
    ("WH-002", ValidatingWebhookConfiguration),
    ("CP-001", Deployment),
    ("CP-002", Pod),
    ("CP-003", Deployment),
]


@pytest.mark.parametrize(("problem", "kind"), BLIND)
def test_what_is_not_seen_is_unknown(problem: str, kind: type[KubernetesObject]) -> None:
    psa = namespace("psa", **ENABLED, **{"pod-security.kubernetes.io/enforce": "baseline"}) + namespace("old") + pod("a", "old")
    psa += namespace("two", **ENABLED, **{"istio.io/rev": "x"}) + namespace("lost", **{"istio.io/rev": "y"})
    findings = judge(build(SOUND + psa, unseen=[kind]), problem)
    assert [f.status for f in findings] == ["UNKNOWN"]
    assert f"list {kind.resource()} is forbidden" in findings[0].summary


def test_a_webhook_whose_service_selects_nobody() -> None:
    mesh = build(control_plane(selector="istiod-old") + injector() + validator())
    assert subjects(judge(mesh, "INJ-006")) == ["Service istio-d/istiod"]
    assert subjects(judge(mesh, "WH-001")) == ["Service istio-d/istiod"]


def test_a_webhook_whose_service_is_gone_is_named_itself() -> None:
    mesh = build(control_plane() + injector("stale", service="istiod-1-20") + validator(service="istiod-1-20"))
    assert subjects(judge(mesh, "INJ-006")) == ["MutatingWebhookConfiguration stale"]
    assert subjects(judge(mesh, "WH-001")) == ["ValidatingWebhookConfiguration validator"]


@pytest.mark.parametrize("ca", [OTHER, ""])
def test_a_ca_bundle_that_is_not_istiod_s(ca: str) -> None:
    assert subjects(judge(build(control_plane() + injector(ca=ca)), "INJ-008")) == ["MutatingWebhookConfiguration injector"]


def test_validation_that_fails_open_after_five_minutes() -> None:
    assert subjects(judge(build(control_plane() + validator("Ignore")), "WH-002")) == ["ValidatingWebhookConfiguration validator"]


def test_validation_that_does_not_exist_is_named_by_istiod() -> None:
    assert subjects(judge(build(control_plane()), "WH-002")) == ["Deployment istio-d/istiod"]


def test_istiod_without_an_available_replica() -> None:
    assert subjects(judge(build(control_plane(ready=False)), "CP-001"), "FAIL") == ["Deployment istio-d/istiod"]


def deployment(name: str, meta: str = "", template: str = "{}", spec: str = "{}") -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop{meta}}}
spec: {{template: {{metadata: {template}, spec: {spec}}}}}
"""


def test_a_namespace_switched_off_under_its_sidecars() -> None:
    web = pod("web-1", "left", BOTH).replace("namespace: left", "namespace: left, ownerReferences: [" + OWNED + "]")
    workload = deployment("web").replace("shop", "left")
    (finding,) = judge(build(SOUND + namespace("left", **{"istio-injection": "disabled"}) + workload + web), "INJ-001")
    assert (str(finding.subject), finding.severity) == ("Namespace left", "medium")


@pytest.mark.parametrize(("made", "is_fault"), [(0, True), (1, False)])
def test_a_rollout_that_a_quota_stops(made: int, is_fault: bool) -> None:
    stopped = f"""
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: web-7, namespace: shop, ownerReferences: [{OWNED}]}}
spec: {{replicas: 1}}
status: {{replicas: {made}}}
---
apiVersion: v1
kind: Event
metadata: {{name: web-7.1, namespace: shop}}
involvedObject: {{apiVersion: apps/v1, kind: ReplicaSet, name: web-7, namespace: shop}}
reason: FailedCreate
message: 'pods "web-7-x" is forbidden: exceeded quota: few, requested: limits.cpu=2'
lastTimestamp: "{NOW - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
---
apiVersion: v1
kind: ResourceQuota
metadata: {{name: few, namespace: shop}}
"""
    old_pods_go_on = deployment("web").replace("spec: {template", "status: {replicas: 1}\nspec: {replicas: 1, template")
    found = judge(build(SOUND + old_pods_go_on + stopped), "INJ-018")
    assert subjects(found) == ["ResourceQuota shop/few"] * is_fault


@pytest.mark.parametrize(
    ("workload", "is_fault"),
    [
        (deployment("a", template='{labels: {sidecar.istio.io/inject: "false"}}'), True),
        (deployment("a", template='{annotations: {sidecar.istio.io/inject: "false"}}'), True),
        (deployment("a", template='{labels: {sidecar.istio.io/inject: "yes"}}'), True),
        (deployment("a", template='{labels: {sidecar.istio.io/inject: "true"}}'), False),
        (deployment("a", meta=', annotations: {sidecar.istio.io/inject: "false"}'), True),
        (deployment("a", spec="{hostNetwork: true}"), True),
        (deployment("a"), False),
        (deployment("a", template='{labels: {app: istiod, sidecar.istio.io/inject: "false"}}'), False),
        (deployment("a", template='{labels: {sidecar.istio.io/inject: "false"}}').replace("shop", "istio-d"), False),
    ],
)
def test_overrides(workload: str, is_fault: bool) -> None:
    assert bool(judge(build(SOUND + workload), "INJ-003")) == is_fault


@pytest.mark.parametrize(
    "extra",
    [
        pod("x", "shop", "[{name: app}]", ", hostNetwork: true"),
        pod("x", "shop", "[{name: app}]", **{"sidecar.istio.io/inject": "false"}),
        pod("x", "shop", "[{name: app}]", ", initContainers: [{name: istio-proxy, restartPolicy: Always}]"),
        pod("x", "kube-system", "[{name: app}]"),
        pod("x", "shop").replace("phase: Running", "phase: Succeeded"),
        pod("x", "shop").replace("name: x,", 'name: x, deletionTimestamp: "2026-08-01T11:00:00Z",'),
    ],
)
def test_pods_that_rightly_have_no_sidecar(extra: str) -> None:
    assert judge(build(SOUND + extra), "INJ-002") == []


REFUSED = """
---
apiVersion: v1
kind: Event
metadata: {name: e, namespace: psa}
reason: FailedCreate
message: 'pods "x" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "istio-init" must not include "NET_ADMIN")'
lastTimestamp: "%s"
involvedObject: {kind: ReplicaSet, name: web-5d, apiVersion: apps/v1}
"""


@pytest.mark.parametrize(("minutes", "confidence"), [(2, 0.95), (90, 0.8)])
def test_pod_security_refuses_istio_init(minutes: int, confidence: float) -> None:
    space = namespace("psa", **ENABLED, **{"pod-security.kubernetes.io/enforce": "baseline"})
    init = pod("i", "shop", BOTH, ", initContainers: [{name: istio-init}]")
    when = (NOW - timedelta(minutes=minutes)).isoformat()
    findings = judge(build(SOUND + space + init + REFUSED % when), "INJ-012")
    assert [(str(f.subject), f.confidence) for f in findings] == [("Namespace psa", confidence)]


def test_pod_security_with_the_cni_is_no_fault() -> None:
    space = namespace("psa", **ENABLED, **{"pod-security.kubernetes.io/enforce": "restricted"})
    assert judge(build(SOUND + space), "INJ-012") == []


@pytest.mark.parametrize(("words", "ago", "is_fault"), [
    ("tls: failed to verify certificate: x509: certificate is valid for example.org", 20, True),
    ("x509: certificate signed by unknown authority", 20, True),
    ("x509: certificate signed by unknown authority", 600, False),
    ("context deadline exceeded", 20, False),
])  # fmt: skip
def test_the_api_server_does_not_believe_whom_it_calls(words: str, ago: int, is_fault: bool) -> None:
    when = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    url = "https://istiod.istio-d.svc:443/inject?timeout=10s"
    told = f'failed calling webhook "namespace.sidecar-injector.istio.io": failed to call webhook: Post "{url}": {words}'
    event = thing("v1", "Event", "shop/web.1", reason="FailedCreate", message=told, lastTimestamp=when)
    assert len(judge(build(SOUND + "---\n" + event), "INJ-008")) == is_fault
