"""RT-003, MD5103, MD5104: hosts and subsets of DestinationRules."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.cluster import Service
from tests.conftest import build, judge
from tests.probes.things import all_of, deployment, destination_rule, entry, pod, service, thing

SHOP = all_of(service("shop/cart"), deployment("shop/cart-v1", {"app": "cart", "version": "v1"}))
ZONE = "topology.kubernetes.io/zone"
NODE = thing("v1", "Node", "n1", {}, labels={ZONE: "a"})


def codes(text: str, code: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.path, f.codes) for f in judge(build(text), code)]


@pytest.mark.parametrize("code", ["MD5103", "MD5104"])
def test_a_sound_rule_gives_nothing(code: str) -> None:
    assert codes(all_of(SHOP, destination_rule("shop/r", "cart", "v1")), code) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"version": "v1"}, [()]),  # a controller makes such pods; there is none yet
        ({"version": "v2"}, [("KIA0203",)]),
        ({"version": "v1", ZONE: "b"}, [()]),
    ],
)
def test_labels_that_no_workload_carries(labels: dict[str, str], said: list[tuple[str, ...]]) -> None:
    rule = destination_rule("shop/r", "cart", subsets=[{"name": "s", "labels": labels}])
    assert [c for _, c in codes(all_of(SHOP, rule), "RT-003")] == said


@pytest.mark.parametrize(("zone", "found"), [("a", False), ("b", True), ("", True)])
def test_pods_have_the_topology_of_their_node(zone: str, found: bool) -> None:
    rule = destination_rule("shop/r", "cart", subsets=[{"name": "s", "labels": {ZONE: zone}}])
    text = all_of(SHOP, rule, NODE, pod("shop/cart-1", {"version": "v1"}, spec={"nodeName": "n1"}))
    assert codes(text, "RT-003") == ([("spec.subsets[0]", ("IST0173",))] if found else [])


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"endpoints": [{"address": "1.1.1.1", "labels": {"version": "v1"}}]}, False),
        ({"endpoints": [{"address": "1.1.1.1"}]}, True),
        ({"workloadSelector": {"labels": {"app": "vm"}}}, False),
        ({"workloadSelector": {"labels": {"app": "no"}}}, True),
    ],
)
def test_subsets_of_an_entry(spec: dict[str, Any], found: bool) -> None:
    machine = thing(
        "networking.istio.io/v1", "WorkloadEntry", "shop/vm", {"address": "2.2.2.2", "labels": {"app": "vm", "version": "v1"}}
    )
    text = all_of(entry("shop/e", "db.org", **spec), machine, destination_rule("shop/r", "db.org", "v1"))
    assert codes(text, "RT-003") == ([("spec.subsets[0]", ("IST0173", "KIA0203"))] if found else [])


def test_a_service_whose_endpoints_are_not_known_may_stand_for_any_pod_of_its_namespace() -> None:
    bare = thing("v1", "Service", "shop/cart", {})
    rule = destination_rule("shop/r", "cart", "v1", "v2")
    made = deployment("shop/x", {"version": "v1"})
    assert [p for p, _ in codes(all_of(bare, made, rule), "RT-003")] == ["spec.subsets[1]"]


def test_a_subset_without_labels() -> None:
    rule = destination_rule("shop/r", "cart", subsets=[{"name": "all"}])
    assert codes(all_of(SHOP, rule), "MD5103") == [("spec.subsets[0]", ("KIA0209",))]
    assert codes(rule, "MD5103") == []  # its host is not there at all


@pytest.mark.parametrize(
    ("host", "namespace", "said"),
    [
        ("cart", "shop", None),
        ("cart.shop", "bank", None),
        ("cart", "bank", ("IST0174", "KIA0202")),
        ("*.bank.svc.cluster.local", "shop", None),
        ("api.example.org", "shop", None),
        ("api.example.org", "bank", ("IST0174", "KIA0202")),  # exported to shop only
        ("catalog", "shop", ("IST0174",)),  # what a workload there is called
    ],
)
def test_a_rule_for_a_host_that_nobody_has(host: str, namespace: str, said: tuple[str, ...] | None) -> None:
    api = entry("edge/e", "api.example.org", exportTo=["shop"])
    text = all_of(SHOP, api, deployment("shop/c", {"app": "catalog"}), destination_rule(f"{namespace}/r", host))
    assert codes(text, "MD5104") == ([("spec.host", said)] if said else [])


def test_controllers_of_manifests_stand_for_their_pods() -> None:
    text = all_of(SHOP, destination_rule("shop/r", "cart", "v1", "v2"))
    found = judge(mesh_of(text, only_given=True), "RT-003")
    assert [(f.path, f.status, f.codes) for f in found] == [("spec.subsets[1]", "UNKNOWN", ("KIA0203",))]


def test_manifests_without_services_cannot_tell() -> None:
    (finding,) = judge(mesh_of(destination_rule("shop/r", "cart"), only_given=True), "MD5104")
    assert (finding.status, finding.codes) == ("UNKNOWN", ("IST0174", "KIA0202"))
    assert {f.status for f in judge(build(SHOP + destination_rule("shop/r", "cart"), unseen=[Service]), "MD5104")} == {"UNKNOWN"}
