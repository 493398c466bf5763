"""A small mesh, and what manifests over it change."""

from __future__ import annotations

from typing import Any

from meshdoctor.collect.files import objects
from meshdoctor.istio.changes.every import effects
from meshdoctor.model.changes import AnyChange
from tests.conftest import build
from tests.probes.things import gateway, pod, server, service, thing, to

SHOP = (
    service("shop/cart")
    + service("shop/catalog")
    + service("bank/payment", "http:8080:8080,tcp-db:9000:9000")
    + pod("shop/cart-5d-a")
    + pod("shop/catalog-5d-a", {"version": "v1"})
    + pod("bank/payment-5d-a")
    + pod("edge/ingress-5d-a", {"istio": "ingress"}, gateway=True)
)
DOOR = gateway("edge/door", server(80, "HTTP", "*.example.com"))
CART, PAYMENT = "cart.shop.svc.cluster.local", "payment.bank.svc.cluster.local"


def rule(host: str, *prefixes: str, **more: Any) -> dict[str, Any]:
    """One http rule for these path prefixes; none: for everything."""
    matches: dict[str, Any] = {"match": [{"uri": {"prefix": p}} for p in prefixes]} if prefixes else {}
    return to(host, **matches, **more)


def security(kind: str, where: str, app: str = "", **spec: Any) -> str:
    """A policy for the pods of an app; none: for all of its scope."""
    selector = {"selector": {"matchLabels": {"app": app}}} if app else {}
    created = {"created": spec.pop("created")} if "created" in spec else {}
    return thing("security.istio.io/v1", kind, where, {**selector, **spec}, **created)


def over(mesh: str, manifests: str) -> tuple[AnyChange, ...]:
    """What manifests change on a mesh of which all was seen."""
    before = build(mesh)
    found, blind = effects(before, before.overlaid(objects(manifests)))
    assert not blind
    return found


def said(mesh: str, manifests: str) -> list[tuple[str, str, str]]:
    return [(c.effect, c.about, c.says) for c in over(mesh, manifests)]
