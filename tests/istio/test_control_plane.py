"""Control planes by label, in any namespace, of any revision; what is left of one that is gone."""

from __future__ import annotations

from meshdoctor.istio.controlplane import cluster_domain, control_plane_namespaces, control_planes, injectors, istiod_pods
from meshdoctor.istio.sync import proxy_rows
from meshdoctor.model.istiod import Istiod, ProxySync, TypeSync
from tests.conftest import build

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: %(ns)s, labels: {app: istiod, istio.io/rev: %(rev)s}}
spec:
  selector: {matchLabels: {app: istiod, istio.io/rev: %(rev)s}}
  template: {metadata: {labels: {app: istiod, istio.io/rev: %(rev)s}}}
---
apiVersion: v1
kind: Pod
metadata: {name: %(name)s-1, namespace: %(ns)s, labels: {app: istiod, istio.io/rev: %(rev)s}}
spec: {containers: [{name: discovery}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
---
"""
WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector, labels: {app: sidecar-injector}}
webhooks: [{name: rev.namespace.sidecar-injector.istio.io, clientConfig: {service: {name: istiod, namespace: mesh-b}}}]
"""


def plane(name: str, ns: str, rev: str) -> str:
    return DEPLOYMENT % {"name": name, "ns": ns, "rev": rev}


def test_every_revision_in_every_namespace() -> None:
    mesh = build(
        plane("istiod", "mesh-a", "default") + plane("istiod-canary", "mesh-a", "canary") + plane("istiod", "mesh-b", "default")
    )
    found = {(p.namespace, p.revision, p.ready) for p in control_planes(mesh)}
    assert found == {("mesh-a", "default", 1), ("mesh-a", "canary", 1), ("mesh-b", "default", 1)}
    assert len(istiod_pods(mesh)) == 3


def test_a_control_plane_that_is_gone_is_known_by_its_webhooks() -> None:
    mesh = build(WEBHOOK)
    assert control_planes(mesh) == ()
    assert control_plane_namespaces(mesh) == {"mesh-b"}
    assert len(injectors(mesh)) == 1


PROXIES = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: shop}
spec: {containers: [{name: app}, {name: istio-proxy}]}
status: {phase: Running, containerStatuses: [{name: istio-proxy, state: {running: {startedAt: "2020-01-01T00:00:00Z"}}}]}
---
"""


def told(name: str, *proxies: ProxySync) -> Istiod:
    return Istiod(namespace="istio-system", name=name, parts={"syncz": proxies})


def sync(name: str, istiod: str, **types: TypeSync) -> ProxySync:
    return ProxySync(namespace="shop", name=name, istiod=istiod, types=types)


def test_every_proxy_over_all_replicas_the_worst_first() -> None:
    synced, stale = TypeSync(sent="1", acked="1"), TypeSync(sent="2", acked="1")
    refused = TypeSync(sent="2", acked="1", error="no")
    istiods = [
        told("a", sync("fine", "a", CDS=synced), sync("late", "a", CDS=synced, EDS=stale)),
        told("b", sync("refusing", "b", CDS=refused)),
    ]
    text = "".join(PROXIES % name for name in ("fine", "late", "refusing", "lost"))
    rows = proxy_rows(build(text, istiods=istiods))
    assert [(r.name, r.state) for r in rows] == [
        ("refusing", "NACK"),
        ("lost", "DISCONNECTED"),
        ("late", "STALE"),
        ("fine", "SYNCED"),
    ]
    silent = [*istiods, Istiod(namespace="istio-system", name="c")]
    assert next(r.state for r in proxy_rows(build(text, istiods=silent)) if r.name == "lost") == "UNKNOWN"


def test_the_domain_is_what_istiod_was_told() -> None:
    told_so = plane("istiod", "mesh-a", "default").replace("{name: discovery}", "{name: discovery, args: [discovery, %s]}")
    assert cluster_domain(build(told_so % "--domain, corp.internal")) == "corp.internal"
    assert cluster_domain(build(told_so % "--domain=corp.internal")) == "corp.internal"
    assert cluster_domain(build(plane("istiod", "mesh-a", "default"))) == "cluster.local"
