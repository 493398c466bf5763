"""AuthorizationPolicies: what they cover and what they name."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.cluster import Namespace, Service, ServiceAccount
from tests.conftest import build, judge
from tests.probes.things import all_of, deployment, entry, pod, service, thing, virtual_service


def policy(where: str = "shop/p", **spec: Any) -> str:
    return thing("security.istio.io/v1", "AuthorizationPolicy", where, spec)


def source(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"from": [{"source": fields}]}]}


def operation(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"to": [{"operation": fields}]}]}


def account(where: str) -> str:
    return thing("v1", "ServiceAccount", where)


def namespace(name: str, **labels: str) -> str:
    return thing("v1", "Namespace", name, labels={k.replace("_", "-"): v for k, v in labels.items()})


@pytest.mark.parametrize(
    ("principal", "codes"),
    [
        ("cluster.local/ns/shop/sa/web", None),
        ("*", None),
        ("cluster.local/ns/shop/*", None),
        ("*/sa/web", None),
        ("*/sa/nobody", ("KIA0106",)),
        ("cluster.local/ns/bank/*", ("KIA0106",)),
        ("*/ns/shop/sa/*", ()),
        ("cluster.local/ns/shop/sa/nobody", ("KIA0106",)),
        ("web", ("KIA0106",)),
        ("other.example/ns/shop/sa/web", ("KIA0108",)),
        ("spiffe://cluster.local/ns/shop/sa/web", ("KIA0108",)),
    ],
)
def test_principals(principal: str, codes: tuple[str, ...] | None) -> None:
    text = all_of(account("shop/web"), policy(**source(principals=["*", principal])))
    findings = judge(build(text), "AZ-004")
    assert [(f.path, f.codes) for f in findings] == (
        [] if codes is None else [("spec.rules[0].from[0].source.principals[1]", codes)]
    )
    assert {f.status for f in judge(build(policy(**source(principals=["a/ns/b/sa/c"])), unseen=[ServiceAccount]), "AZ-004")} == {
        "UNKNOWN"
    }


@pytest.mark.parametrize(("field", "codes"), [("namespaces", ("IST0101", "KIA0101")), ("notNamespaces", ("IST0101",))])
def test_namespaces(field: str, codes: tuple[str, ...]) -> None:
    names = ["shop", "sh*", "*op", "*", "bank", "ba*"]
    text = all_of(namespace("shop"), policy(**source(**{field: names})))
    findings = judge(build(text), "AZ-004")
    assert [(f.path[-1 - len("[4]") + 1 :], f.codes) for f in findings] == [("[4]", codes), ("[5]", codes)]
    assert {f.status for f in judge(build(text, unseen=[Namespace]), "AZ-004")} == {"UNKNOWN"}


@pytest.mark.parametrize(("name", "is_fault"), [("web", False), ("shop/web", False), ("bank/web", True), ("wbe", True)])
@pytest.mark.parametrize("field", ["serviceAccounts", "notServiceAccounts"])
def test_service_accounts(field: str, name: str, is_fault: bool) -> None:
    text = all_of(namespace("shop"), account("shop/web"), policy(**source(**{field: [name]})))
    found = judge(build(text), "AZ-004")
    assert [f.path for f in found] == [f"spec.rules[0].from[0].source.{field}[0]"] * is_fault


def test_methods() -> None:
    text = policy(**operation(methods=["GET", "get", "P*", "*ST", "*", "FETCH", "*X", "/pkg.Service/Call", "*E*"]))
    assert [f.path[-3:] for f in judge(build(text), "MD5014")] == ["[5]", "[6]", "[7]", "[8]"]


def test_hosts() -> None:
    hosts = ["web", "web.shop", "WEB", "nobody", "nobody.shop", "api.example.com", "api.tech", "*.x", "web:8080", "old", "pay"]
    text = all_of(
        namespace("shop"), service("shop/web"), virtual_service("shop/v", hosts=["old"]), policy(**operation(hosts=hosts))
    )
    findings = judge(build(all_of(text, entry("shop/e", "pay.shop.svc.cluster.local"))), "MD5015")
    assert [f.path[-3:] for f in findings] == ["[3]", "[4]"]
    assert {f.status for f in judge(build(text, unseen=[Service]), "MD5015")} == {"UNKNOWN"}


OUTSIDE = pod("shop/web-1", proxy=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (pod("shop/web-1"), []),
        (deployment("shop/web", {"app": "web", "sidecar.istio.io/inject": "true"}), []),
        (all_of(OUTSIDE, namespace("shop", istio_injection="enabled")), []),
        (OUTSIDE, [("info", ("IST0127",))]),
        (pod("shop/cart-1"), [("high", ("IST0127", "KIA0004"))]),
        ("", [("high", ("IST0127", "KIA0004"))]),
    ],
)
def test_a_policy_that_covers_nobody(text: str, found: list[tuple[str, tuple[str, ...]]]) -> None:
    chosen = policy(selector={"matchLabels": {"app": "web"}})
    assert [(f.severity, f.codes) for f in judge(build(all_of(text, chosen)), "AZ-005")] == found


def test_a_policy_for_a_namespace_without_mesh_pods_is_a_remark() -> None:
    assert [(f.severity, f.codes) for f in judge(build(policy()), "AZ-005")] == [("info", ("IST0127",))]
    assert judge(build(policy("istio-system/p")), "AZ-005") == []


def mutual(where: str, mode: str, **labels: str) -> str:
    selector = {"selector": {"matchLabels": labels}} if labels else {}
    return thing("security.istio.io/v1", "PeerAuthentication", where, {"mtls": {"mode": mode}} | selector)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ("", False),
        (mutual("shop/d", "STRICT"), False),
        (mutual("shop/d", "UNSET"), False),
        (mutual("shop/d", "DISABLE"), True),
        (mutual("istio-system/d", "DISABLE"), True),
        (all_of(mutual("istio-system/d", "DISABLE"), mutual("shop/d", "PERMISSIVE")), False),
        (mutual("shop/d", "DISABLE", app="web"), True),
        (mutual("shop/d", "DISABLE", app="cart"), False),
    ],
)
def test_identities_need_mutual_tls(others: str, found: bool) -> None:
    rules = [{"from": [{"source": {"namespaces": ["shop"]}}], "when": [{"key": "source.principal", "values": ["x"]}]}]
    text = all_of(others, policy(selector={"matchLabels": {"app": "web"}}, rules=rules))
    paths = [f.path for f in judge(build(text), "AZ-003")]
    assert paths == (["spec.rules[0].from[0].source.namespaces", "spec.rules[0].when[0]"] if found else [])


def test_without_identities_nothing_is_needed() -> None:
    assert judge(build(all_of(mutual("shop/d", "DISABLE"), policy(**operation(methods=["GET"])))), "AZ-003") == []


def test_workloads_about_to_run_without_a_policy() -> None:
    text = all_of(deployment("shop/web", {"app": "web"}), deployment("shop/cart", {"app": "cart"}), pod("bank/pay-1"))
    chosen = policy(selector={"matchLabels": {"app": "web"}})
    assert [f.subject.name for f in judge(build(all_of(text, chosen)), "MD5031")] == ["cart"]
    assert judge(build(all_of(text, policy("istio-system/all"))), "MD5031") == []
