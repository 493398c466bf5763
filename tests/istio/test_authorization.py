"""The evaluator without a cluster: what the rig cannot be brought to do, and what must not break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdoctor.collect.files import mesh_of
from meshdoctor.istio.authorization import trust
from meshdoctor.istio.authorization.decide import Decision, Verdict, decide
from meshdoctor.istio.authorization.paths import normalized
from meshdoctor.istio.authorization.patterns import glob, in_block, is_account, matches_path, matches_subject
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.showing import shown
from meshdoctor.model.cluster import Service
from meshdoctor.model.istiod import MeshConfig
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from tests.conftest import NOW
from tests.probes.things import all_of, pod, service, thing

CART = "cluster.local/ns/shop/sa/cart"
Spec = dict[str, Any]


def built(*things: str, **config: Any) -> Mesh:
    return mesh_of(all_of(pod("bank/pay-1", ip="10.1.0.2"), *things), now=NOW, mesh_config=MeshConfig(**config))


def policy(spec: Spec, where: str = "bank/p", **more: Any) -> str:
    return thing("security.istio.io/v1", "AuthorizationPolicy", where, spec, **more)


def allow(*rules: Spec, **more: Any) -> Spec:
    return {"rules": list(rules), **more}


def source(**fields: Any) -> Spec:
    return {"from": [{"source": fields}]}


def operation(**fields: Any) -> Spec:
    return {"to": [{"operation": fields}]}


def of(mesh: Mesh, **facts: Any) -> Decision:
    server = mesh[Pod].get("bank", "pay-1")
    assert server is not None
    called = next(iter(mesh[Service]), None)
    return decide(mesh, server, Request(**facts), called)


@pytest.mark.parametrize(
    ("written", "stands_for"),
    [
        ("td1/ns/a/sa/b", ("td1/ns/a/sa/b", "td2/ns/a/sa/b")),
        ("cluster.local/ns/a/sa/b", ("td1/ns/a/sa/b", "td2/ns/a/sa/b")),
        ("td2/ns/*", ("td2/ns/*",)),
        ("*/ns/a/sa/b", ("*/ns/a/sa/b",)),
        ("*d1/ns/a/sa/b", ("*d1/ns/a/sa/b", "td2/ns/a/sa/b")),
        ("other/ns/a/sa/b", ("other/ns/a/sa/b",)),
        ("*", ("*",)),
    ],
)
def test_a_principal_stands_for_that_of_each_alias(written: str, stands_for: tuple[str, ...]) -> None:
    assert trust.principals((written,), ("td1", "td2")) == stands_for


def test_aliases_let_in_callers_of_the_former_trust_domain() -> None:
    mesh = built(policy(allow(source(principals=[CART]))), trust_domain="new", trust_domain_aliases=("old",))
    told = {d: of(mesh, principal=f"{d}/ns/shop/sa/cart").verdict for d in ("new", "old", "cluster.local", "third")}
    assert told == {"new": "allowed", "old": "allowed", "cluster.local": "denied", "third": "denied"}


def test_trust_domains_stand_for_all_of_the_mesh() -> None:
    mesh = built(policy(allow(source(trustDomains=["old"]))), trust_domain="new", trust_domain_aliases=("old",))
    assert of(mesh, principal="new/ns/shop/sa/cart").verdict is Verdict.ALLOWED


def test_what_is_not_known_is_said_and_not_guessed() -> None:
    mesh = built(policy(allow({**source(principals=[CART]), **operation(methods=["GET"])})))
    told = of(mesh, principal=CART)
    assert (told.verdict, told.depends) == ("depends", ("operation.methods is GET",))
    assert of(mesh, principal="cluster.local/ns/shop/sa/other").verdict is Verdict.DENIED  # whatever the method


def test_a_denial_that_may_be_comes_before_a_permission_that_is() -> None:
    mesh = built(policy(allow({})), policy({"action": "DENY", **allow(operation(paths=["/admin*"]))}, "bank/no"))
    assert of(mesh).verdict is Verdict.DEPENDS
    assert of(mesh, path="/admin/x").details == "rbac_access_denied_matched_policy[ns[bank]-policy[no]-rule[0]]"


def test_the_nearest_rule_is_the_one_that_misses_least() -> None:
    far = {**source(principals=["x/ns/y/sa/z"]), **operation(methods=["PUT"], paths=["/x"])}
    near = {**source(principals=[CART]), **operation(methods=["PUT"])}
    told = of(built(policy(allow(far, near))), principal=CART, method="GET", path="/")
    assert told.nearest is not None
    assert [(told.nearest.rule, m.path) for m in told.nearest.misses] == [(1, "spec.rules[1].to[0].operation.methods")]


def test_a_key_that_istiod_does_not_know_leaves_the_rule_out() -> None:
    rule = {"when": [{"key": "source.nothing", "values": ["x"]}]}
    assert of(built(policy(allow(rule)))).verdict is Verdict.DENIED
    assert of(built(policy({"action": "DENY", **allow(rule)}))).verdict is Verdict.ALLOWED


AUTHORIZER = {"name": "opa", "envoyExtAuthzHttp": {"service": "opa.bank.svc.cluster.local", "port": 8080}}
CUSTOM = {"action": "CUSTOM", "provider": {"name": "opa"}, **allow(operation(ports=["8080"]))}


def test_an_authorizer_is_asked_and_one_that_is_wrong_denies() -> None:
    there = service("bank/opa", "http:8080:8080", app="opa")
    mesh = built(policy(CUSTOM), there, extension_providers=(AUTHORIZER,))
    asked = of(mesh, port=8080)
    assert (asked.verdict, asked.asks) == ("allowed", ("opa",))
    assert of(mesh, port=8080, is_http=False).asks == ()  # one of HTTP is not asked about connections
    for wrong in ((), ({**AUTHORIZER, "envoyExtAuthzHttp": {"service": "gone.bank.svc.cluster.local", "port": 8080}},)):
        told = of(built(policy(CUSTOM), there, extension_providers=wrong), port=8080)
        assert told.verdict is Verdict.DENIED
        assert told.details.endswith("-rule[0]-deny-due-to-bad-CUSTOM-action]")


def test_trial_is_told_and_decides_nothing() -> None:
    mesh = built(policy(allow(source(namespaces=["x"])), annotations={"istio.io/dry-run": "true"}))
    told = of(mesh, principal=CART)
    assert (told.verdict, told.dry_run) == ("allowed", ("AuthorizationPolicy bank/p (dry-run) would deny it: no rule matches",))


WAYPOINT = thing(
    "gateway.networking.k8s.io/v1", "Gateway", "bank/waypoint", {"gatewayClassName": "istio-waypoint"}, status={"conditions": []}
)
REDIRECTED = {"ambient.istio.io/redirection": "enabled"}


@pytest.mark.parametrize(
    ("spec", "where", "verdict"),
    [
        (allow({}, action="DENY", targetRefs=[{"kind": "Service", "group": "", "name": "pay"}]), "bank/p", "denied"),
        (allow({}, action="DENY", targetRefs=[{"kind": "Service", "group": "", "name": "other"}]), "bank/p", "allowed"),
        (
            allow({}, action="DENY", targetRefs=[{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "waypoint"}]),
            "bank/p",
            "denied",
        ),
        (
            allow(
                {},
                action="DENY",
                targetRefs=[{"kind": "GatewayClass", "group": "gateway.networking.k8s.io", "name": "istio-waypoint"}],
            ),
            "istio-system/p",
            "denied",
        ),
        (
            allow(
                {},
                action="DENY",
                targetRefs=[{"kind": "GatewayClass", "group": "gateway.networking.k8s.io", "name": "istio-waypoint"}],
            ),
            "bank/p",
            "allowed",
        ),
        (allow(operation(methods=["GET"])), "bank/p", "denied"),  # ztunnel cannot see methods
        (allow(source(namespaces=["shop"])), "bank/p", "allowed"),
    ],
)
def test_ambient_pods_have_a_waypoint_and_a_ztunnel(spec: Spec, where: str, verdict: str) -> None:
    called = service("bank/pay", labels={"istio.io/use-waypoint": "waypoint"})
    ambient = pod("bank/pay-1", proxy=False, annotations=REDIRECTED, ip="10.1.0.2")
    mesh = mesh_of(all_of(ambient, called, WAYPOINT, policy(spec, where)), now=NOW, mesh_config=MeshConfig())
    assert of(mesh, principal=CART, method="GET", port=8080).verdict == verdict


def test_a_pod_outside_the_mesh_enforces_nothing() -> None:
    mesh = mesh_of(all_of(pod("bank/pay-1", proxy=False), policy({})), now=NOW, mesh_config=MeshConfig())
    assert of(mesh).verdict is Verdict.ALLOWED


def test_a_gateway_of_the_gateway_api_takes_policies_by_target() -> None:
    front = pod("bank/pay-1", {"gateway.networking.k8s.io/gateway-name": "front"}, gateway=True)
    target = [{"kind": "Gateway", "group": "gateway.networking.k8s.io", "name": "front"}]
    mesh = mesh_of(all_of(front, policy(allow({}, action="DENY", targetRefs=target))), now=NOW, mesh_config=MeshConfig())
    assert of(mesh).verdict is Verdict.DENIED


@pytest.mark.parametrize(
    ("mode", "path", "seen"),
    [
        ("NONE", "/a/../b", "/a/../b"),
        ("BASE", "/a/../b//c\\d", "/b//c/d"),
        ("DEFAULT", "/%2e%2E/%41?x=/../", "/A?x=/../"),
        ("MERGE_SLASHES", "//a///b", "/a/b"),
        ("DECODE_AND_MERGE_SLASHES", "/a%2F%2fb%5cc", "/a/b/c"),
        ("DEFAULT", "/a/b/..", "/a/"),
        ("DEFAULT", "/../..", "/"),
    ],
)
def test_paths_are_made_plain_as_the_mesh_config_says(mode: str, path: str, seen: str) -> None:
    assert normalized(path, mode) == seen
    forbidden = policy({"action": "DENY", **allow(operation(paths=[seen.partition("?")[0]]))})
    assert of(built(forbidden, path_normalization={"normalization": mode}), path=path).verdict is Verdict.DENIED


def test_accounts_are_whole_names() -> None:
    assert is_account("shop/cart", CART, "x")
    assert is_account("cart", CART, "shop")
    assert not is_account("shop/car", CART, "x")
    assert not is_account("cart", CART, "bank")


@pytest.mark.parametrize(
    ("pattern", "path", "is_matched"),
    [("/a/{*}", "/a/b", True), ("/a/{*}", "/a/", False), ("/a/{**}", "/a/", True), ("/a/{**}", "/a", False), ("/a", "/a#x", True)],
)
def test_templates_of_paths(pattern: str, path: str, *, is_matched: bool) -> None:
    assert matches_path(pattern, path) is is_matched


@pytest.mark.parametrize(
    ("pattern", "issuer", "subject", "is_matched"),
    [
        ("https://a/b/c", "https://a/b", "c", True),
        ("*", "i", "", False),
        ("*/c", "anything", "c", True),
        ("https://a/*", "https://a", "x", True),
        ("*c", "i", "abc", True),
        ("https*", "https://a", "x", True),
    ],
)
def test_request_principals(pattern: str, issuer: str, subject: str, *, is_matched: bool) -> None:
    assert matches_subject(pattern, issuer, subject) is is_matched


def test_addresses_that_are_none_match_nothing() -> None:
    assert not in_block("nonsense", "10.0.0.1")
    assert not in_block("10.0.0.0/8", "nonsense")
    assert in_block("10.0.0.0/8", "::ffff:10.1.2.3")


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_a_glob_is_what_its_regular_expression_says(pattern: str, text: str) -> None:
    import re

    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert glob(pattern, text) == (re.fullmatch(wanted, text) is not None)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not glob("*a" * 5000 + "b", "a" * 100_000)


PLAIN = thing(
    "networking.istio.io/v1",
    "DestinationRule",
    "shop/plain",
    {"host": "pay.bank.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
)
ELSEWHERE = thing("networking.istio.io/v1", "Sidecar", "shop/default", {"egress": [{"hosts": ["./*"]}]})
OFF = thing("security.istio.io/v1", "PeerAuthentication", "bank/off", {"mtls": {"mode": "DISABLE"}})


@pytest.mark.parametrize(
    ("others", "identity"),
    [("", CART), (PLAIN, ""), (ELSEWHERE, ""), (OFF, "")],
    ids=["automatic", "its DestinationRule", "its Sidecar", "the server's policy"],
)
def test_an_identity_is_shown_where_mutual_tls_is(others: str, identity: str) -> None:
    server = pod("bank/pay-1", {"security.istio.io/tlsMode": "istio"}, ip="10.1.0.2")
    mesh = mesh_of(
        all_of(server, pod("shop/cart-1", ip="10.1.0.8"), service("bank/pay", "http:80:8080"), others),
        now=NOW,
        mesh_config=MeshConfig(),
    )
    client, answering = mesh[Pod].get("shop", "cart-1"), mesh[Pod].get("bank", "pay-1")
    assert client is not None
    assert answering is not None
    assert shown(mesh, client, answering, mesh[Service].get("bank", "pay"), 80) == identity
