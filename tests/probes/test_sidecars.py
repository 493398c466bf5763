"""MD5112..MD5114: Sidecars."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.cluster import Service
from tests.conftest import build, judge
from tests.probes.things import all_of, entry, service, thing

SHOP = all_of(
    service("shop/cart"),
    service("bank/payment", annotations={"networking.istio.io/exportTo": "."}),
    entry("edge/e", "api.org", "*.wild.org"),
)


def sidecar(where: str = "shop/default", **spec: Any) -> str:
    return thing("networking.istio.io/v1", "Sidecar", where, spec)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("./*", False),
        ("*/*", False),
        ("~/*", False),
        ("./cart.shop.svc.cluster.local", False),
        ("shop/cart", False),
        ("./*.shop.svc.cluster.local", False),
        ("*/api.org", False),
        ("*/www.wild.org", False),
        ("*/*.wild.org", False),
        ("*/www.org", True),
        ("bank/payment.bank.svc.cluster.local", True),  # not exported to shop
        ("bank/*.other.svc.cluster.local", True),
    ],
)
def test_egress_hosts(host: str, found: bool) -> None:
    told = judge(build(all_of(SHOP, sidecar(egress=[{"hosts": ["./*"]}, {"hosts": ["*/*", host]}]))), "MD5112")
    assert [(f.path, f.codes) for f in told] == ([("spec.egress[1].hosts[1]", ("KIA1004",))] if found else [])


def test_unseen_services_leave_it_unknown() -> None:
    mesh = build(all_of(SHOP, sidecar(egress=[{"hosts": ["*/api.org"]}])), unseen=[Service])
    assert {f.status for f in judge(mesh, "MD5112")} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("where", "labels", "found"), [("shop", {"a": "b"}, 0), ("istio-system", {"a": "b"}, 1), ("istio-system", {}, 0)]
)
def test_the_default_of_the_mesh_has_no_selector(where: str, labels: dict[str, str], found: int) -> None:
    text = sidecar(f"{where}/s", workloadSelector={"labels": labels})
    assert [f.codes for f in judge(build(text), "MD5113")] == [("KIA1006",)] * found


@pytest.mark.parametrize(
    ("spec", "found"),
    [({}, 0), ({"outboundTrafficPolicy": {}}, 1), ({"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}, 0)],
)
def test_a_mode_that_is_left_open(spec: dict[str, Any], found: int) -> None:
    assert [f.codes for f in judge(build(sidecar(**spec)), "MD5114")] == [("KIA1007",)] * found
