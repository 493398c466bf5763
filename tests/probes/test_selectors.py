"""Selectors: what they find, and objects that compete for one workload."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.findings import Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import CronJob, Pod
from probes.registry import all_probes
from probes.runner import run
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, deployment, pod, thing

SECURITY, EXTENSIONS = "security.istio.io/v1", "extensions.istio.io/v1alpha1"
KINDS = {
    "MD5035": (SECURITY, "PeerAuthentication"),
    "MD5002": (SECURITY, "RequestAuthentication"),
    "MD5003": ("networking.istio.io/v1", "Sidecar"),
    "MD5004": ("telemetry.istio.io/v1", "Telemetry"),
    "MD5005": (EXTENSIONS, "WasmPlugin"),
    "MD5006": (EXTENSIONS, "TrafficExtension"),
}


def selecting(api: str, kind: str, where: str, **labels: str) -> str:
    selector = {"workloadSelector": {"labels": labels}} if kind == "Sidecar" else {"selector": {"matchLabels": labels}}
    return thing(api, kind, where, selector if labels else {})


@pytest.mark.parametrize("code", KINDS)
def test_a_selector_that_finds_nothing(code: str) -> None:
    api, kind = KINDS[code]
    both = selecting(api, kind, "shop/bad", app="nobody"), selecting(api, kind, "shop/good", app="web")
    assert subjects(judge(build(all_of(pod("shop/web-1"), *both)), code)) == [f"{kind} shop/bad"]
    assert {f.status for f in judge(build(all_of(both), unseen=[Pod]), code)} == {"UNKNOWN"}


def test_a_workload_without_pods_counts() -> None:
    text = all_of(deployment("shop/web", {"app": "web"}, replicas=0), selecting(*KINDS["MD5035"], "shop/p", app="web"))
    assert judge(build(text), "MD5035") == []


def test_a_machine_counts() -> None:
    machine = thing("networking.istio.io/v1", "WorkloadEntry", "shop/vm", {"labels": {"app": "vm"}})
    assert judge(build(all_of(machine, selecting(*KINDS["MD5003"], "shop/s", app="vm"))), "MD5003") == []


@pytest.mark.parametrize(("code", "found"), [("MD5035", True), ("MD5002", False), ("MD5004", False)])
def test_what_the_root_namespace_selects_in_others(code: str, found: bool) -> None:
    api, kind = KINDS[code]
    text = all_of(pod("shop/web-1"), selecting(api, kind, "istio-system/p", app="web"))
    assert bool(judge(build(text), code)) == found


GATEWAY_POD = pod("shop/gw-1", {"gateway.networking.k8s.io/gateway-name": "gw"})


@pytest.mark.parametrize(
    ("code", "api", "kind"),
    [
        ("MD5007", SECURITY, "AuthorizationPolicy"),
        ("MD5008", SECURITY, "RequestAuthentication"),
        ("MD5009", "telemetry.istio.io/v1", "Telemetry"),
        ("MD5010", EXTENSIONS, "WasmPlugin"),
    ],
)
def test_a_managed_gateway_takes_no_selector(code: str, api: str, kind: str) -> None:
    text = all_of(
        GATEWAY_POD, pod("shop/web-1"), selecting(api, kind, "shop/p", app="gw"), selecting(api, kind, "shop/q", app="web")
    )
    findings = judge(build(text), code)
    assert (subjects(findings), findings[0].codes) == ([f"{kind} shop/p"], ("IST0166",))


def sidecars(*objects: str, namespace_labels: dict[str, str] | None = None) -> Mesh:
    space = thing("v1", "Namespace", "shop", labels=namespace_labels or {})
    return build(all_of(space, pod("shop/web-1"), *objects))


def told(findings: list[Finding]) -> list[tuple[str, tuple[str, ...], str]]:
    return [(f.subject.name, f.codes, f.severity) for f in findings]


def sidecar(name: str, **labels: str) -> str:
    return selecting(*KINDS["MD5003"], f"shop/{name}", **labels)


def test_sidecars_that_compete() -> None:
    whole = judge(sidecars(sidecar("a"), sidecar("b"), sidecar("c", app="web")), "RT-012")
    assert told(whole) == [("b", ("IST0111", "KIA0002"), "medium"), ("a", ("IST0111", "KIA0002"), "info")]
    narrow = judge(sidecars(sidecar("a", app="web"), sidecar("b", app="web"), sidecar("c", app="x")), "RT-012")
    assert told(narrow) == [("b", ("IST0110", "KIA0003"), "medium"), ("a", ("IST0110", "KIA0003"), "info")]


def test_one_sidecar_a_scope_is_sound() -> None:
    assert judge(sidecars(sidecar("a"), sidecar("b", app="web")), "RT-012") == []


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"istio.io/dataplane-mode": "ambient"}, True),
        ({"istio.io/dataplane-mode": "ambient", "istio-injection": "enabled"}, False),
        ({}, False),
    ],
)
def test_a_sidecar_for_an_ambient_namespace(labels: dict[str, str], found: bool) -> None:
    assert bool(judge(sidecars(sidecar("a"), namespace_labels=labels), "MD5012")) == found


def only_manifests(text: str, code: str) -> list[Any]:
    from meshdoctor.collect.files import mesh_of

    return list(run(mesh_of(text, only_given=True), [p for p in all_probes() if p.code == code])[0])


def test_manifests_without_workloads_prove_nothing() -> None:
    policy = selecting(*KINDS["MD5035"], "shop/p", app="web")
    assert [f.status for f in only_manifests(policy, "MD5035")] == ["UNKNOWN"]
    assert [f.status for f in only_manifests(all_of(policy, deployment("shop/x", {"app": "x"})), "MD5035")] == ["WARN"]


def test_competitors_are_told_as_far_as_can_be_seen() -> None:
    objects = all_of(sidecar("a"), sidecar("b"), sidecar("c", app="web"), sidecar("d", app="web"), thing("v1", "Namespace", "shop"))
    few = judge(build(all_of(pod("shop/web-1"), objects), unseen=[CronJob]), "RT-012")
    assert sorted(subjects(few)) == [f"Sidecar shop/{name}" for name in "abcd"]
    fewer = judge(build(objects, unseen=[Pod]), "RT-012")
    assert (sorted(subjects(fewer)), "UNKNOWN" in {f.status for f in fewer}) == (["Sidecar shop/a", "Sidecar shop/b"], True)
