"""Versions that do not go together."""

from __future__ import annotations

import json

import pytest

from meshdoctor.model.findings import Cluster
from meshdoctor.model.istiod import Istiod, ProxySync
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, deployment, pod, thing, virtual_service

ISTIOD = all_of(
    deployment("istio-system/istiod", {"app": "istiod"}),
    pod("istio-system/istiod-1", {"app": "istiod"}, proxy=False),
)


def webhook(revision: str, tag: str = "") -> str:
    labels = {"app": "sidecar-injector", "istio.io/rev": revision} | ({"istio.io/tag": tag} if tag else {})
    hook = {
        "name": "namespace.sidecar-injector.istio.io",
        "clientConfig": {"service": {"namespace": "istio-system", "name": "istiod", "path": "/inject"}},
        "namespaceSelector": {"matchLabels": {"istio.io/rev": tag or revision} if revision != "default" else {"istio-injection": "enabled"}},
    }  # fmt: skip
    return thing(
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        f"/injector-{revision}{tag}",
        None,
        webhooks=[hook],
        labels=labels,
    )


def told(version: str, proxy: str) -> Istiod:
    sync = ProxySync(namespace="shop", name="cart-1", istiod="istiod-1", version=proxy)
    return Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": (sync,), "version": version})


@pytest.mark.parametrize(
    ("proxy", "is_fault"), [("1.30.1", False), ("1.29.0", False), ("1.28.3", True), ("1.31.0", True), ("", False)]
)
def test_a_proxy_too_old_or_too_new(proxy: str, is_fault: bool) -> None:
    mesh = build(all_of(ISTIOD, pod("shop/cart-1")), istiods=[told("1.30.3-0a1b-Clean", proxy)])
    assert subjects(judge(mesh, "XDS-005")) == ["Deployment shop/cart"] * is_fault


def test_kubernetes_too_old_for_istio() -> None:
    mesh = build(ISTIOD, istiods=[told("1.30.3", "")])
    for version, is_fault in (("v1.31.2", True), ("v1.32.0", False), ("", False)):
        mesh.cluster = Cluster(kubernetes=version)
        assert bool(judge(mesh, "UP-006")) == is_fault


@pytest.mark.parametrize(("revisions", "is_fault"), [(("default", "default"), False), (("default", "1-29"), True)])
def test_two_revisions_in_a_namespace(revisions: tuple[str, ...], is_fault: bool) -> None:
    pods = [pod(f"shop/cart-{i}", annotations={"istio.io/rev": r}) for i, r in enumerate(revisions)]
    space = thing("v1", "Namespace", "/shop", labels={"istio-injection": "enabled"})
    assert subjects(judge(build(all_of(space, webhook("default"), *pods)), "UP-001")) == ["Namespace shop"] * is_fault


@pytest.mark.parametrize(("revision", "is_fault"), [("default", False), ("1-28", True)])
def test_proxies_of_a_revision_that_is_gone(revision: str, is_fault: bool) -> None:
    mesh = build(all_of(ISTIOD, pod("shop/cart-1", annotations={"istio.io/rev": revision})))
    assert subjects(judge(mesh, "UP-002")) == ["Deployment shop/cart"] * is_fault


@pytest.mark.parametrize(("tag", "is_fault"), [("", True), ("default", False)])
def test_nobody_is_the_default(tag: str, is_fault: bool) -> None:
    space = thing("v1", "Namespace", "/shop", labels={"istio-injection": "enabled"})
    assert bool(judge(build(all_of(space, webhook("1-30", tag))), "UP-005")) == is_fault


def test_an_injector_that_is_switched_off_is_no_default() -> None:
    space = thing("v1", "Namespace", "/shop", labels={"istio-injection": "enabled"})
    off = webhook("default").replace("istio-injection: enabled", "istio.io/deactivated: never-match")
    assert "never-match" in off
    assert len(judge(build(all_of(space, off)), "UP-005")) == 1


def test_no_webhook_injects_at_all() -> None:
    space = thing("v1", "Namespace", "/shop", labels={"istio-injection": "enabled"})
    (found,) = judge(build(all_of(space, ISTIOD)), "UP-005")
    assert (str(found.subject), found.status) == ("MutatingWebhookConfiguration istio-sidecar-injector", "FAIL")
    assert judge(build(space), "UP-005") == []


@pytest.mark.parametrize(("version", "is_fault"), [("v1alpha3", True), ("v1", False)])
def test_applied_in_an_old_version(version: str, is_fault: bool) -> None:
    written = json.dumps({"apiVersion": f"networking.istio.io/{version}", "kind": "Gateway"})
    note = {"kubectl.kubernetes.io/last-applied-configuration": written}
    old = thing("networking.istio.io/v1", "Gateway", "shop/g", {"selector": {}}, annotations=note)
    assert bool(judge(build(old), "UP-004")) == is_fault
    assert judge(build(virtual_service("shop/v", hosts=["a"])), "UP-004") == []


@pytest.mark.parametrize(("stored", "is_fault"), [(["v1beta1"], True), (["v1"], False)])
def test_stored_in_a_version_that_is_not_served(stored: list[str], is_fault: bool) -> None:
    spec = {"versions": [{"name": "v1", "served": True}, {"name": "v1beta1", "served": False}]}
    name = "/gateways.networking.istio.io"
    crd = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", name, spec, status={"storedVersions": stored})
    assert bool(judge(build(crd), "UP-003")) == is_fault


@pytest.mark.parametrize(("name", "is_fault"), [("gateways.networking.istio.io", True), ("telemetries.telemetry.istio.io", False)])
def test_stored_in_several_versions_is_normal_for_telemetry_alone(name: str, is_fault: bool) -> None:
    spec = {"versions": [{"name": "v1", "served": True}, {"name": "v1alpha1", "served": True}]}
    status = {"storedVersions": ["v1alpha1", "v1"]}
    crd = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"/{name}", spec, status=status)
    assert bool(judge(build(crd), "UP-003")) == is_fault
