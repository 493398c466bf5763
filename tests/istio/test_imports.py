"""What proxies import: the Sidecar that speaks for a namespace."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.istio.imports import is_imported, seen_together
from meshdoctor.model.networking import DestinationRule
from tests.conftest import build
from tests.probes.things import all_of, destination_rule, pod, thing

CART = "cart.shop.svc.cluster.local"


def sidecar(where: str, *hosts: str, labels: dict[str, str] | None = None) -> str:
    spec: dict[str, Any] = {"egress": [{"hosts": list(hosts)}]} if hosts else {}
    spec |= {"workloadSelector": {"labels": labels}} if labels else {}
    return thing("networking.istio.io/v1", "Sidecar", where, spec)


@pytest.mark.parametrize(
    ("hosts", "host", "owner", "imported"),
    [
        (["./*"], "cart", "shop", True),
        (["./*"], "payment.bank.svc.cluster.local", "shop", False),
        (["./*"], "api.example.org", "shop", True),  # of the namespace that says it
        (["./*"], "api.example.org", "bank", False),
        (["bank/*"], "payment.bank.svc.cluster.local", "shop", True),
        (["*/*"], "payment.bank.svc.cluster.local", "shop", True),
        ([f"*/{CART}"], "cart", "shop", True),
        (["*/cart"], "cart", "shop", True),
        (["*/*.shop.svc.cluster.local"], "cart", "shop", True),
        ([f"*/{CART}"], "*.shop.svc.cluster.local", "shop", True),  # the rule is imported with what it is for
        (["*/*", "~shop/*"], "cart", "shop", False),
        (["*/*", "~/*"], "cart", "shop", False),
        (["~shop/*"], "cart", "shop", False),
        ([], "cart", "shop", True),
    ],
)
def test_egress_hosts(hosts: list[str], host: str, owner: str, imported: bool) -> None:
    assert is_imported(build(sidecar("shop/default", *hosts)), "shop", (host,), owner) is imported


def test_the_own_sidecar_before_that_of_the_root_namespace_and_none_with_a_selector() -> None:
    text = all_of(sidecar("istio-system/all", "./*"), sidecar("bank/own", "*/*"), sidecar("edge/some", "*/*", labels={"a": "b"}))
    mesh = build(text)
    assert is_imported(mesh, "shop", (CART,), "shop")
    assert not is_imported(mesh, "shop", ("payment",), "bank")
    assert is_imported(mesh, "bank", (CART,), "shop")
    assert not is_imported(mesh, "edge", (CART,), "shop")


@pytest.mark.parametrize(
    ("more", "together"),
    [
        ("", True),
        (sidecar("shop/default", "./*"), False),  # shop is the only namespace with proxies, and imports none of them
        (sidecar("shop/default", "bank/*"), True),
        (all_of(sidecar("shop/default", "./*"), pod("bank/payment-1")), True),
        (sidecar("istio-system/default", "istio-system/*"), False),
    ],
)
def test_two_rules_that_some_proxy_is_told_of(more: str, together: bool) -> None:
    mesh = build(all_of(destination_rule("bank/a", "payment"), destination_rule("bank/b", "payment"), more))
    one, other = mesh[DestinationRule]
    assert seen_together(mesh, one, other) is together
