"""Mutual TLS modes and policies that begin or cease to deny."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of, objects
from meshdoctor.istio.changes.authorization import authorization_changes
from meshdoctor.model.changes import AuthorizationChange, MtlsChange
from meshdoctor.model.istiod import MeshConfig
from tests.conftest import NOW
from tests.istio.changing import SHOP, over, security
from tests.probes.things import deployment, pod, thing

STRICT: dict[str, Any] = {"mtls": {"mode": "STRICT"}}
PERMISSIVE: dict[str, Any] = {"mtls": {"mode": "PERMISSIVE"}}
DISABLE: dict[str, Any] = {"mtls": {"mode": "DISABLE"}}


def modes(mesh: str, manifests: str) -> list[tuple[str, int | None, str, str]]:
    found = [c for c in over(mesh, manifests) if isinstance(c, MtlsChange)]
    return sorted((f"{c.workload.namespace}/{c.workload.name}", c.port, c.before, c.after) for c in found)


def peers(where: str, app: str = "", **spec: Any) -> str:
    return security("PeerAuthentication", where, app, **spec)


def test_the_mesh_a_namespace_a_workload() -> None:
    assert modes(SHOP, peers("istio-system/default", **STRICT)) == [
        ("bank/payment", None, "PERMISSIVE", "STRICT"),
        ("edge/ingress", None, "PERMISSIVE", "STRICT"),
        ("shop/cart", None, "PERMISSIVE", "STRICT"),
        ("shop/catalog", None, "PERMISSIVE", "STRICT"),
    ]
    mesh = SHOP + peers("istio-system/default", **STRICT)
    assert modes(mesh, peers("bank/default", **PERMISSIVE)) == [("bank/payment", None, "STRICT", "PERMISSIVE")]
    assert modes(mesh, peers("bank/default", **STRICT)) == []
    assert modes(mesh, peers("shop/cart", "cart", **DISABLE)) == [("shop/cart", None, "STRICT", "DISABLE")]


def test_single_ports() -> None:
    db: dict[str, Any] = {"portLevelMtls": {"9000": {"mode": "DISABLE"}}}
    assert modes(SHOP, peers("bank/payment", "payment", **db)) == [("bank/payment", 9000, "PERMISSIVE", "DISABLE")]
    both = over(SHOP, peers("bank/payment", "payment", **STRICT, portLevelMtls={"9000": {"mode": "PERMISSIVE"}}))
    assert [c.about for c in both] == ["Deployment bank/payment but for port 9000"]


def test_the_older_of_two_policies_decides_also_over_a_manifest_without_a_date() -> None:
    mesh = SHOP + peers("shop/old", **PERMISSIVE)
    assert modes(mesh, peers("shop/new", **STRICT, created="2000-01-01T00:00:00Z")) == []
    assert modes(mesh, peers("shop/old", **STRICT)) != []


def test_workloads_outside_the_mesh_or_of_the_manifests_alone_are_not_told_of() -> None:
    mesh = SHOP + pod("legacy/report-5d-a", proxy=False)
    assert modes(mesh, peers("legacy/default", **STRICT) + deployment("legacy/late", {"app": "late"})) == []


def changes(mesh: str, manifests: str) -> list[AuthorizationChange]:
    return [c for c in over(mesh, manifests) if isinstance(c, AuthorizationChange)]


def policy(where: str, app: str = "", *callers: str, action: str = "ALLOW", **more: Any) -> str:
    rules = (
        [{"from": [{"source": {"principals": [f"cluster.local/ns/{c.replace('/', '/sa/')}" for c in callers]}}]}] if callers else []
    )
    return security("AuthorizationPolicy", where, app, action=action, rules=rules, **more)


def test_the_first_allow_policy_shuts_out_all_others() -> None:
    (found,) = changes(SHOP, policy("bank/callers", "payment", "shop/cart"))
    assert (found.effect, found.about, found.shut_out, found.let_in) == (
        "loses",
        "Deployment bank/payment",
        ("bank/payment", "edge/ingress", "shop/catalog"),
        (),
    )
    assert "denies by default: only what AuthorizationPolicy bank/callers allows" in found.says


@pytest.mark.parametrize(
    ("new", "shut_out", "let_in"),
    [
        (policy("bank/more", "payment", "shop/catalog"), (), ("shop/catalog",)),
        (policy("bank/callers", "payment", "shop/catalog"), ("shop/cart",), ("shop/catalog",)),
        (policy("bank/callers", "payment"), ("shop/cart",), ()),
    ],
)
def test_allow_policies_that_change(new: str, shut_out: tuple[str, ...], let_in: tuple[str, ...]) -> None:
    (found,) = changes(SHOP + policy("bank/callers", "payment", "shop/cart"), new)
    assert (found.shut_out, found.let_in, found.effect) == (shut_out, let_in, "loses" if shut_out else "changes")


def test_callers_are_named_by_any_trust_domain_of_the_mesh() -> None:
    mesh = mesh_of(SHOP, now=NOW, mesh_config=MeshConfig(trust_domain="corp", trust_domain_aliases=("old",)))
    for named in ("cluster.local", "corp", "old"):
        new = policy("bank/callers", "payment", "shop/cart").replace("cluster.local", named)
        (found,) = authorization_changes(mesh, mesh.overlaid(objects(new)))
        assert "shop/cart" not in found.shut_out
        assert "shop/catalog" in found.shut_out


def test_an_allow_policy_that_lets_go_of_a_workload() -> None:
    old = policy("bank/callers", "payment", "shop/cart")
    (found,) = changes(SHOP + old, policy("bank/callers", "other", "shop/cart"))
    assert (found.effect, found.says) == ("gains", "no longer denies by default: without an ALLOW policy everybody passes")


def test_deny_and_custom_policies() -> None:
    (found,) = changes(SHOP, policy("istio-system/no", "", "shop/cart", action="DENY"))[:1]
    assert (
        found.says == "AuthorizationPolicy istio-system/no (DENY) begins: it denies from principals cluster.local/ns/shop/sa/cart"
    )
    old = policy("bank/ask", "payment", "shop/cart", action="CUSTOM", provider={"name": "opa"})
    (found,) = changes(SHOP + old, old.replace("shop/sa/cart", "shop/sa/catalog"))
    assert (found.effect, "changes: it now asks its provider about" in found.says) == ("loses", True)
    (found,) = changes(SHOP + old, old.replace("app: payment", "app: other"))
    assert (found.effect, "no longer asks" in found.says) == ("gains", True)


def test_dry_run_and_the_same_policy_change_nothing() -> None:
    old = policy("bank/callers", "payment", "shop/cart")
    assert changes(SHOP + old, old) == []
    dry = thing(
        "security.istio.io/v1",
        "AuthorizationPolicy",
        "bank/x",
        {"action": "DENY", "rules": [{}]},
        annotations={"istio.io/dry-run": "true"},
    )
    assert changes(SHOP, dry) == []


def test_policies_for_a_service_by_target() -> None:
    target: dict[str, Any] = {"targetRefs": [{"group": "", "kind": "Service", "name": "payment"}]}
    (found,) = changes(SHOP, policy("bank/way", "", "shop/cart", **target))
    assert (found.about, found.effect) == ("Service bank/payment", "loses")
