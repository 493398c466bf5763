"""EnvoyFilters: those that patch every proxy, and patches that do nothing."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.envoy import Envoy
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.istiod import Istiod, ProxySync
from meshdoctor.model.mesh import Mesh
from tests.conftest import build, judge
from tests.probes.test_running import synced
from tests.probes.things import all_of, pod, thing


@pytest.mark.parametrize(
    ("where", "spec", "created", "severity"),
    [
        ("istio-system/all", {}, "2026-07-01T00:00:00Z", "medium"),
        ("istio-system/all", {"workloadSelector": {}}, "2026-08-01T11:00:00Z", "high"),
        ("istio-system/some", {"workloadSelector": {"labels": {"app": "x"}}}, "2026-07-01T00:00:00Z", None),
        ("istio-system/some", {"targetRefs": [{"kind": "Gateway", "name": "x"}]}, "2026-07-01T00:00:00Z", None),
        ("shop/all", {}, "2026-07-01T00:00:00Z", None),
        ("istio-system/tcp-stats-filter-1.19", {}, "2026-07-01T00:00:00Z", None),
    ],
)
def test_filters_in_the_root_namespace(where: str, spec: dict[str, Any], created: str, severity: str | None) -> None:
    text = thing("networking.istio.io/v1alpha3", "EnvoyFilter", where, spec, created=created)
    assert [f.severity for f in judge(build(text), "EF-001")] == ([severity] if severity else [])
    assert {f.status for f in judge(build(text, unseen=[EnvoyFilter]), "EF-001")} == {"UNKNOWN"}


def patched(*patches: dict[str, Any], **spec: Any) -> Mesh:
    return build(thing("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/f", {"configPatches": list(patches)} | spec))


def patch(operation: str, apply_to: str = "HTTP_FILTER", name: str = "", version: str = "") -> dict[str, Any]:
    proxy = {"proxy": {"proxyVersion": version}} if version else {}
    value = {"value": {"name": name}} if name else {}
    return {"applyTo": apply_to, "match": proxy, "patch": {"operation": operation} | value}


@pytest.mark.parametrize(
    ("mesh", "codes"),
    [
        (patched(patch("INSERT_BEFORE")), ["IST0151"]),
        (patched(patch("INSERT_BEFORE"), priority=5), []),
        (patched(patch("INSERT_FIRST"), patch("MERGE"), patch("ADD")), []),
        (
            patched(patch("ADD", name="x", version="1.2"), patch("REPLACE", name="x"), patch("REMOVE", name="y")),
            ["IST0155", "IST0151"],
        ),
        (patched(patch("REMOVE", "HTTP_ROUTE")), []),
    ],
)
def test_an_order_that_is_left_to_chance(mesh: Mesh, codes: list[str]) -> None:
    assert [(f.severity, f.codes) for f in judge(mesh, "EF-002")] == [("info", (c,)) for c in codes]


@pytest.mark.parametrize(
    ("labels", "version", "place"),
    [
        ({"app": "cart"}, "", ""),
        ({"app": "crat"}, "", "spec.workloadSelector.labels"),
        ({"app": "cart"}, r"^1\.2[0-9].*", "spec.configPatches[0].match.proxy.proxyVersion"),
        ({"app": "cart"}, r"^1\.3[0-9].*", ""),
    ],
)
def test_a_filter_for_nobody(labels: dict[str, str], version: str, place: str) -> None:
    spec = {"workloadSelector": {"labels": labels}, "configPatches": [patch("INSERT_FIRST", version=version)]}
    text = all_of(thing("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/f", spec), pod("shop/cart-1", {"app": "cart"}))
    known = ProxySync(namespace="shop", name="cart-1", istiod="istiod-1", version="1.32.0")
    mesh = build(text, istiods=[Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": (known,)})])
    assert [f.path for f in judge(mesh, "EF-002")] == [place] * bool(place)


def test_the_order_of_a_patch_that_is_for_nobody_is_a_remark() -> None:
    spec = {"workloadSelector": {"labels": {"app": "crat"}}, "configPatches": [patch("INSERT_BEFORE")]}
    text = all_of(thing("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/f", spec), pod("shop/cart-1", {"app": "cart"}))
    assert [f.severity for f in judge(build(text), "EF-002")] == ["medium", "info"]


@pytest.mark.parametrize(
    ("operation", "apply_to", "code"),
    [
        ("REPLACE", "CLUSTER", "IST0152"),
        ("REPLACE", "NETWORK_FILTER", ""),
        ("ADD", "HTTP_ROUTE", "IST0153"),
        ("ADD", "CLUSTER", ""),
        ("REMOVE", "ROUTE_CONFIGURATION", "IST0154"),
        ("REMOVE", "CLUSTER", ""),
    ],
)
def test_an_operation_that_does_not_exist(operation: str, apply_to: str, code: str) -> None:
    assert [f.codes for f in judge(patched(patch(operation, apply_to)), "EF-003")] == ([(code,)] if code else [])


def seen(known: set[str], *patches: dict[str, Any], rejected: dict[str, str] | None = None, **spec: Any) -> Mesh:
    """A filter, and a proxy in sync that it is for, with these filters in its inbound listener."""
    text = thing("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/f", {"configPatches": list(patches)} | spec)
    said = Envoy(namespace="shop", name="cart-1", parts={"filters": frozenset(known), "rejected": rejected or {}})
    return build(all_of(text, pod("shop/cart-1")), istiods=[synced("shop/cart-1")], envoys=[said])


def http_filter(operation: str, name: str = "", removed: str = "", context: str = "SIDECAR_INBOUND") -> dict[str, Any]:
    chain = {"filterChain": {"filter": {"name": "hcm", "subFilter": {"name": removed}}}}
    value = {"value": {"name": name}} if name else {}
    return {
        "applyTo": "HTTP_FILTER",
        "match": {"context": context, "listener": chain},
        "patch": {"operation": operation} | value,
    }


@pytest.mark.parametrize(("known", "context", "rejected", "is_fault"), [
    ({"router"}, "SIDECAR_INBOUND", {}, True),
    ({"router", "lua"}, "SIDECAR_INBOUND", {}, False),
    ({"router"}, "SIDECAR_OUTBOUND", {}, False),
    ({"router"}, "SIDECAR_INBOUND", {"virtualInbound": "no such field"}, False),
])  # fmt: skip
@pytest.mark.parametrize("operation", ["INSERT_FIRST", "REPLACE"])
def test_a_filter_that_no_listener_has(
    known: set[str], context: str, rejected: dict[str, str], is_fault: bool, operation: str
) -> None:
    mesh = seen(known, http_filter(operation, "lua", context=context), rejected=rejected, priority=1)
    assert [(str(f.subject), f.severity) for f in judge(mesh, "EF-002")] == [("EnvoyFilter shop/f", "medium")] * is_fault


@pytest.mark.parametrize(("known", "asked", "severities"), [
    ({"hcm", "lua"}, http_filter("INSERT_BEFORE", "lua"), ["info"]),
    ({"hcm"}, http_filter("INSERT_BEFORE", "lua"), ["medium", "low"]),
    ({"hcm"}, http_filter("INSERT_BEFORE", "lua", context="SIDECAR_OUTBOUND"), ["info"]),
    ({"hcm"}, http_filter("REMOVE", removed="fault"), ["info"]),
    ({"hcm", "fault"}, http_filter("REMOVE", removed="fault"), ["low"]),
    ({"hcm"}, patch("REMOVE", "CLUSTER"), ["info"]),
])  # fmt: skip
def test_an_order_left_to_chance_is_a_cause_only_where_a_proxy_is_seen_that_was_left_as_it_was(
    known: set[str], asked: dict[str, Any], severities: list[str]
) -> None:
    assert [f.severity for f in judge(seen(known, asked), "EF-002")] == severities
