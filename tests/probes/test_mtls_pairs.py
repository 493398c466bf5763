"""What clients are told to send, against what servers are told to take, by the widest objects."""

from __future__ import annotations

import pytest

from meshdoctor.model.findings import HINT, PROOF
from meshdoctor.model.istiod import Istiod, MeshConfig
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.security import PeerAuthentication
from tests.conftest import build, judge
from tests.probes.test_policies import mutual
from tests.probes.things import all_of, destination_rule, pod, thing

MESH, SHOP = "*.local", "*.shop.svc.cluster.local"


def rule(where: str, host: str, mode: str = "") -> str:
    return destination_rule(where, host, trafficPolicy={"tls": {"mode": mode} if mode else {}})


def mesh(*texts: str, auto: bool = True) -> Mesh:
    return build(all_of(*texts)).told([], MeshConfig(enable_auto_mtls=auto))


def codes(found: Mesh, problem: str) -> list[tuple[str, ...]]:
    return [f.codes for f in judge(found, problem)]


@pytest.mark.parametrize(
    ("texts", "auto", "found"),
    [
        ((mutual("istio-system/d", "STRICT"),), False, [("KIA0401",)]),
        ((mutual("istio-system/d", "STRICT"),), True, []),
        ((mutual("istio-system/d", "PERMISSIVE"),), False, []),
        ((mutual("istio-system/d", "STRICT"), rule("istio-system/r", MESH, "ISTIO_MUTUAL")), False, []),
        ((mutual("shop/d", "STRICT"),), False, [("KIA0501",)]),
        ((mutual("shop/d", "STRICT"), rule("shop/r", SHOP, "ISTIO_MUTUAL")), False, []),
        ((mutual("shop/d", "STRICT"), rule("shop/r", MESH, "ISTIO_MUTUAL")), False, []),
    ],
)
def test_strict_servers_whose_clients_send_plain_text(texts: tuple[str, ...], auto: bool, found: list[tuple[str, ...]]) -> None:
    assert codes(mesh(*texts, auto=auto), "MTL-007") == found


@pytest.mark.parametrize(("texts", "found"), [
    ((mutual("shop/d", "STRICT"),), [("ConfigMap istio-system/istio", "high"), ("PeerAuthentication shop/d", "info")]),
    ((), [("ConfigMap istio-system/istio", "high")]),
    ((rule("istio-system/r", MESH, "ISTIO_MUTUAL"),), []),
])  # fmt: skip
def test_where_istiod_says_it_its_configuration_is_to_be_changed(texts: tuple[str, ...], found: list[tuple[str, str]]) -> None:
    config = MeshConfig(enable_auto_mtls=False)
    told = build(all_of(*texts), istiods=[Istiod(namespace="istio-system", name="istiod-1", parts={"mesh": config})])
    told = told.told(list(told.istiods), config)
    assert [(str(f.subject), f.severity) for f in judge(told, "MTL-007")] == found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ((mutual("shop/d", "DISABLE"), rule("shop/r", SHOP, "ISTIO_MUTUAL")), [("KIA0505",)]),
        ((mutual("shop/d", "DISABLE"), rule("istio-system/r", MESH, "MUTUAL")), [("KIA0505",)]),
        ((mutual("shop/d", "DISABLE"), rule("istio-system/r", MESH, "MUTUAL"), rule("shop/r", SHOP, "DISABLE")), []),
        ((mutual("shop/d", "DISABLE"),), []),
        ((mutual("istio-system/d", "DISABLE"), rule("istio-system/r", MESH, "ISTIO_MUTUAL")), [("KIA0506",)]),
        ((mutual("istio-system/d", "DISABLE"), rule("istio-system/r", MESH)), []),
    ],
)
def test_servers_without_mutual_tls_whose_clients_send_it(texts: tuple[str, ...], found: list[tuple[str, ...]]) -> None:
    assert codes(mesh(*texts), "MD5016") == found


@pytest.mark.parametrize(
    ("texts", "auto", "found"),
    [
        ((rule("istio-system/r", MESH, "ISTIO_MUTUAL"),), False, [("KIA0205",)]),
        ((rule("istio-system/r", MESH, "ISTIO_MUTUAL"),), True, []),
        ((rule("istio-system/r", MESH, "ISTIO_MUTUAL"), mutual("istio-system/d", "PERMISSIVE")), False, []),
        ((rule("shop/r", SHOP, "ISTIO_MUTUAL"),), False, [("KIA0206",)]),
        ((rule("shop/r", SHOP, "ISTIO_MUTUAL"), mutual("istio-system/d", "STRICT")), False, []),
    ],
)
def test_rules_for_mutual_tls_without_a_policy(texts: tuple[str, ...], auto: bool, found: list[tuple[str, ...]]) -> None:
    assert codes(mesh(*texts, auto=auto), "MD5017") == found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ((rule("shop/r", SHOP, "DISABLE"), mutual("shop/d", "STRICT")), [("KIA0207",)]),
        ((rule("shop/r", SHOP), mutual("istio-system/d", "STRICT")), [("KIA0208",)]),
        ((rule("shop/r", SHOP), mutual("istio-system/d", "STRICT"), mutual("shop/d", "PERMISSIVE")), []),
        ((rule("istio-system/r", MESH, "DISABLE"), mutual("istio-system/d", "STRICT")), [("KIA0208",)]),
        ((rule("shop/r", SHOP, "ISTIO_MUTUAL"), mutual("shop/d", "STRICT")), []),
    ],
)
def test_tls_off_for_all_that_a_policy_makes_strict(texts: tuple[str, ...], found: list[tuple[str, ...]]) -> None:
    assert codes(mesh(*texts), "MTL-002") == found
    assert {f.confidence for f in judge(mesh(*texts), "MTL-002")} <= {HINT}  # nobody was seen who refuses
    for served in judge(mesh(*texts, pod("shop/web-1")), "MTL-002"):
        assert (served.confidence, served.codes) == (PROOF, found[0])


@pytest.mark.parametrize(
    ("narrow", "wide", "found"),
    [
        (destination_rule("shop/r", "cart"), rule("shop/w", SHOP, "ISTIO_MUTUAL"), True),
        (destination_rule("shop/r", "cart"), rule("istio-system/w", MESH, "ISTIO_MUTUAL"), True),
        (destination_rule("bank/r", "cart.shop.svc.cluster.local"), rule("shop/w", "cart", "ISTIO_MUTUAL"), True),
        (rule("shop/r", "cart", "SIMPLE"), rule("shop/w", SHOP, "ISTIO_MUTUAL"), False),
        (destination_rule("shop/r", "cart"), rule("bank/w", "*.bank.svc.cluster.local", "ISTIO_MUTUAL"), False),
        (destination_rule("shop/r", "api.example.com"), rule("istio-system/w", MESH, "ISTIO_MUTUAL"), False),
        (destination_rule("shop/r", "cart"), rule("shop/w", SHOP, "DISABLE"), False),
    ],
)
def test_a_narrow_rule_drops_the_settings_of_a_wide_one(narrow: str, wide: str, found: bool) -> None:
    assert [f.severity for f in judge(mesh(narrow, wide), "MD5018")] == (["info"] if found else [])
    assert [f.severity for f in judge(mesh(narrow, wide, auto=False), "MD5018")] == (["medium"] if found else [])


@pytest.mark.parametrize("problem", ["MTL-007", "MD5016", "MD5017"])
def test_what_may_not_be_read_is_unknown(problem: str) -> None:
    texts = all_of(mutual("shop/d", "DISABLE"), rule("shop/r", SHOP, "ISTIO_MUTUAL"), thing("v1", "Namespace", "shop"))
    found = build(texts, unseen=[PeerAuthentication, DestinationRule])
    assert {f.status for f in judge(found, problem)} == {"UNKNOWN"}
