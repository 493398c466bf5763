"""MD5273..MD5275 and INJ-004: what namespaces say of injection."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshdoctor.model.cluster import Namespace
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, pod, thing

INJECTED = {"istio-injection": "enabled"}
AMBIENT = {"istio.io/dataplane-mode": "ambient"}


def namespace(name: str, labels: dict[str, str] | None = None) -> str:
    return thing("v1", "Namespace", name, labels=labels or {})


def injector(name: str = "istio-sidecar-injector", **values: Any) -> str:
    return thing("v1", "ConfigMap", f"istio-system/{name}", data={"values": json.dumps(values)})


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (namespace("shop"), ("IST0102",)),
        (namespace("shop", {"istio-injection": ""}), ("IST0102",)),
        (namespace("shop", {"istio-injection": "disabled"}), None),
        (namespace("shop", {"istio.io/rev": "blue"}), None),
        (namespace("shop", AMBIENT), None),
        (namespace("istio-system"), None),
        (namespace("kube-system"), None),
        (all_of(namespace("shop"), injector(sidecarInjectorWebhook={"enableNamespacesByDefault": True})), ("IST0148",)),
        (all_of(namespace("shop"), injector(sidecarInjectorWebhook={"enableNamespacesByDefault": False})), ("IST0102",)),
        (all_of(namespace("shop"), injector()), ("IST0102",)),
    ],
)
def test_namespaces_that_do_not_say(text: str, codes: tuple[str, ...] | None) -> None:
    found = judge(build(text), "MD5273")
    assert [(f.codes, f.severity) for f in found] == ([(codes, "info")] if codes else [])


def test_the_control_planes_own_namespace_elsewhere_is_right_so() -> None:
    plane = thing("apps/v1", "Deployment", "istio-d/istiod", {"template": {"metadata": {"labels": {"app": "istiod"}}}})
    (found,) = judge(build(all_of(namespace("istio-d"), plane)), "MD5273")
    assert (found.codes, found.severity, "which is right" in found.summary) == (("IST0102",), "info", True)


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (INJECTED | AMBIENT, [("IST0123",)]),
        ({"istio.io/rev": "blue"} | AMBIENT, [("IST0123",)]),
        (INJECTED | {"istio.io/rev": "blue"} | AMBIENT, [()]),
        ({"istio-injection": "disabled", "istio.io/rev": "blue"} | AMBIENT, []),
        (AMBIENT, []),
        (INJECTED, []),
    ],
)
def test_two_modes(labels: dict[str, str], codes: list[tuple[str, ...]]) -> None:
    assert [f.codes for f in judge(build(namespace("shop", labels)), "MD5274")] == codes


@pytest.mark.parametrize(("value", "codes"), [("enabled", ("IST0123",)), ("disabled", ())])
def test_both_labels(value: str, codes: tuple[str, ...]) -> None:
    (found,) = judge(build(namespace("shop", {"istio-injection": value, "istio.io/rev": "blue"})), "INJ-004")
    assert found.codes == codes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (pod("shop/web-1", proxy=False), ["Deployment shop/web"]),
        (pod("shop/web-1"), []),
        (pod("shop/web-1", {"sidecar.istio.io/inject": "false"}, proxy=False), []),
        (pod("shop/web-1", proxy=False, spec={"hostNetwork": True}), []),
        (pod("other/web-1", proxy=False), []),
    ],
)
def test_pods_left_out(text: str, found: list[str]) -> None:
    mesh = build(all_of(namespace("shop", INJECTED), text))
    assert subjects(judge(mesh, "MD5275")) == found
    mesh.only_given = True  # manifests have no proxy yet
    assert judge(mesh, "MD5275") == []


@pytest.mark.parametrize("code", ["MD5273", "MD5275"])
def test_what_was_not_seen_is_unknown(code: str) -> None:
    assert {f.status for f in judge(build("", unseen=[Namespace]), code)} == {"UNKNOWN"}
