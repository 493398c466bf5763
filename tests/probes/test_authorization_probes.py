"""Policies and tokens that do not do what was meant: on TCP ports, at gateways, without identities, without an authorizer."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.collect.files import mesh_of
from meshdoctor.model.cluster import EndpointSlice
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.istiod import Istiod, MeshConfig, ProxySync, TypeSync
from meshdoctor.model.mesh import Mesh
from tests.conftest import NOW, build, judge
from tests.probes.things import all_of, line, logged, pod, service, thing, virtual_service

NONE = "rbac_access_denied_matched_policy[none]"


def policy(spec: dict[str, Any], where: str = "shop/p", **more: Any) -> str:
    return thing("security.istio.io/v1", "AuthorizationPolicy", where, spec, **more)


def tokens(where: str = "shop/jwt", *issuers: str, **more: Any) -> str:
    rules = [{"issuer": i, **more} for i in issuers or ("one",)]
    return thing("security.istio.io/v1", "RequestAuthentication", where, {"jwtRules": rules})


def paths(mesh: Mesh, problem: str) -> list[str]:
    return [f.path for f in judge(mesh, problem)]


# AZ-003: no identity

ASKS = policy({"rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}]})
SERVER = pod("shop/pay-1", ip="10.1.0.1")


def refused(caller: str, **more: Any) -> list[Any]:
    entry = line(code=403, details=NONE, downstream_remote=f"{caller}:999", downstream_local="10.1.0.1:8080", **more)
    mesh = build(
        all_of(SERVER, pod("old/report-1", proxy=False, ip="10.1.0.9"), pod("shop/cart-1", ip="10.1.0.8"), ASKS),
        envoys=[logged("shop/pay-1", entry)],
    )
    return judge(mesh, "AZ-003")


def test_a_caller_outside_the_mesh_shows_no_identity() -> None:
    (found,) = refused("10.1.0.9")
    assert found.path == "spec.rules[0].from[0].source.principals"
    assert "old/report, which shop/pay refuses, has no sidecar" in found.summary
    assert {str(s) for s in found.also} == {"Deployment old/report", "Deployment shop/pay"}
    assert found.harm.workloads == ("old/report",)


def test_a_caller_with_another_identity_or_unknown_is_none_of_it() -> None:
    assert refused("10.1.0.8") == []
    assert refused("192.0.2.1") == []


# AZ-006: fields of HTTP on TCP


TWO_PORTS = service("shop/pay", "tcp-echo:8078:8078,http:80:8080")


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}, True),
        ({"rules": [{"to": [{"operation": {"methods": ["GET"], "ports": ["8080"]}}]}]}, False),
        ({"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}, {"to": [{"operation": {"ports": ["8078"]}}]}]}, False),
        ({"rules": [{"when": [{"key": "request.headers[x]", "values": ["1"]}]}]}, True),
        ({"rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}, True),
        ({"rules": [{"from": [{"source": {"principals": ["*"]}}]}]}, False),
        ({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin"]}}]}]}, True),
        ({"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin"], "ports": ["8080"]}}]}]}, False),
        (
            {
                "action": "DENY",
                "rules": [
                    {
                        "from": [{"source": {"principals": ["cluster.local/ns/a/sa/b"]}}],
                        "to": [{"operation": {"paths": ["/admin"]}}],
                    }
                ],
            },
            True,
        ),
        ({"action": "AUDIT", "rules": [{"to": [{"operation": {"paths": ["/admin"]}}]}]}, False),
    ],
)
def test_http_fields_on_a_tcp_port(spec: dict[str, Any], *, found: bool) -> None:
    assert bool(paths(build(all_of(SERVER, TWO_PORTS, policy(spec))), "AZ-006")) is found
    assert paths(build(all_of(SERVER, service("shop/pay", "http:80:8080"), policy(spec))), "AZ-006") == []
    assert paths(build(all_of(SERVER, service("shop/pay", "unsaid:81:8081"), policy(spec))), "AZ-006") == []  # it is detected


def test_another_policy_may_let_connections_in() -> None:
    both = all_of(policy({"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]}), policy({"rules": [{}]}, "shop/q"))
    assert paths(build(all_of(SERVER, TWO_PORTS, both)), "AZ-006") == []


# AZ-008: OR for AND


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([{"from": [{"source": {"namespaces": ["a"]}}]}, {"to": [{"operation": {"methods": ["GET"]}}]}], ["spec.rules[1]"]),
        (
            [{"from": [{"source": {"namespaces": ["a"]}}]}, {"when": [{"key": "source.ip", "values": ["1.1.1.1"]}]}],
            ["spec.rules[1]"],
        ),
        ([{"from": [{"source": {"namespaces": ["a"]}}], "to": [{"operation": {"methods": ["GET"]}}]}], []),
        ([{"from": [{"source": {"namespaces": ["a"]}}]}, {"from": [{"source": {"namespaces": ["b"]}}]}], []),
        ([{}, {"to": [{"operation": {"methods": ["GET"]}}]}], []),
    ],
)
def test_a_stray_dash(rules: list[dict[str, Any]], found: list[str]) -> None:
    findings = judge(build(policy({"rules": rules})), "AZ-008")
    assert [f.path for f in findings] == found
    assert all(f.confidence < 0.5 for f in findings)  # a hint: never a cause


# AZ-009: whose address


FRONT = {"istio": "ingress"}


def front(policy_spec: dict[str, Any], *, traffic: str = "", config: str = "", **mesh_config: Any) -> Mesh:
    spec = {"type": "LoadBalancer", "selector": FRONT} | ({"externalTrafficPolicy": traffic} if traffic else {})
    entrance = service("edge/front", "http2:80:80", spec=spec)
    notes: dict[str, Any] = {"annotations": {"proxy.istio.io/config": config}} if config else {}
    text = all_of(pod("edge/front-1", FRONT, gateway=True, **notes), entrance, policy(policy_spec, "edge/p"))
    return mesh_of(text, now=NOW, mesh_config=MeshConfig(**mesh_config))


REMOTE = {"rules": [{"from": [{"source": {"remoteIpBlocks": ["203.0.113.0/24"]}}]}]}
DIRECT = {"rules": [{"when": [{"key": "source.ip", "values": ["203.0.113.0/24"]}]}]}
TRUSTED = "gatewayTopology: {numTrustedProxies: 1}"


def test_a_gateway_behind_nodes_does_not_see_the_client() -> None:
    assert paths(front(REMOTE), "AZ-009") == ["spec.rules[0].from[0].source.remoteIpBlocks"]
    assert paths(front(DIRECT, traffic="Cluster"), "AZ-009") == ["spec.rules[0].when[0].values"]
    assert paths(front(REMOTE, traffic="Local"), "AZ-009") == []
    assert paths(front({"rules": [{}]}), "AZ-009") == []


def test_trusted_proxies_tell_the_client() -> None:
    assert paths(front(REMOTE, config=TRUSTED), "AZ-009") == []
    assert paths(front(REMOTE, default_config={"gatewayTopology": {"numTrustedProxies": 2}}), "AZ-009") == []
    assert paths(front(DIRECT, config=TRUSTED), "AZ-009") != []  # the peer's own address is not the header's
    assert paths(front(DIRECT, config="gatewayTopology: {proxyProtocol: {}}"), "AZ-009") == []
    assert paths(front(REMOTE, config="[not: yaml"), "AZ-009") != []


# AZ-010: external authorizers


ASKING = policy({"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}]})
OPA = {"name": "opa", "envoyExtAuthzGrpc": {"service": "opa.auth.svc.cluster.local", "port": 9000}}


def endpoints(ready: bool) -> str:
    one = {"addresses": ["10.1.1.1"], "conditions": {"ready": ready}}
    return thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "auth/opa-1",
        labels={"kubernetes.io/service-name": "opa"},
        endpoints=[one],
        ports=[],
    )


def asking(*things: str, providers: tuple[dict[str, Any], ...] = (OPA,), envoys: tuple[Envoy, ...] = ()) -> list[Any]:
    text = all_of(SERVER, ASKING, *things)
    return judge(mesh_of(text, now=NOW, mesh_config=MeshConfig(extension_providers=providers), envoys=envoys), "AZ-010")


def test_a_provider_that_is_missing_wrong_or_down() -> None:
    there = service("auth/opa", "grpc:9000:9000")
    assert asking(there, endpoints(True)) == []
    assert "no extension provider 'opa'" in asking(there, endpoints(True), providers=())[0].summary
    assert "which is no host of the mesh" in asking()[0].summary
    assert "has no such port" in asking(service("auth/opa", "grpc:9001:9001"), endpoints(True))[0].summary
    assert "has no ready endpoint" in asking(there, endpoints(False))[0].summary


def test_an_authorizer_that_does_not_answer() -> None:
    entry = line(code=403, flags="UAEX", details="ext_authz_error", downstream_remote="10.1.0.9:1")
    there = all_of(service("auth/opa", "grpc:9000:9000"), endpoints(True), pod("shop/web-1", ip="10.1.0.9"))
    (found,) = asking(there, envoys=(logged("shop/pay-1", entry),))
    assert "does not answer" in found.summary
    assert found.harm.workloads == ("shop/web",)
    denied = line(code=403, flags="UAEX", details="ext_authz_denied")  # it answered: that is its office
    assert asking(there, envoys=(logged("shop/pay-1", denied),)) == []


def test_what_is_not_seen_is_unknown() -> None:
    text = all_of(SERVER, ASKING, service("auth/opa", "grpc:9000:9000"))
    mesh = mesh_of(text, now=NOW, denied=[EndpointSlice], mesh_config=MeshConfig(extension_providers=(OPA,)))
    assert [f.status for f in judge(mesh, "AZ-010")] == ["UNKNOWN"]


# JWT-002 .. JWT-005


def test_tokens_that_are_refused_by_reason() -> None:
    told = [
        line(code=401, details=f"jwt_authn_access_denied{{{why}}}")
        for why in ("Jwt_is_expired", "Jwt_is_expired", "Audiences_in_Jwt_are_not_allowed")
    ]
    (found,) = judge(build(all_of(SERVER, tokens()), envoys=[logged("shop/pay-1", *told)]), "JWT-002")
    assert "the token is too old (Jwt_is_expired)" in found.summary
    assert found.evidence[0].says == "2 requests refused, 1 for Audiences_in_Jwt_are_not_allowed"
    assert judge(build(all_of(SERVER, tokens("bank/jwt")), envoys=[logged("shop/pay-1", *told)]), "JWT-002") == []


REQUIRES = {"rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ("", ["spec.jwtRules"]),
        (policy(REQUIRES), []),
        (policy(REQUIRES, "istio-system/p"), []),
        (policy(REQUIRES, "bank/p"), ["spec.jwtRules"]),
        (policy(REQUIRES, annotations={"istio.io/dry-run": "true"}), ["spec.jwtRules"]),
        (policy({"rules": [{"when": [{"key": "request.auth.claims[a]", "values": ["b"]}]}]}), []),
        (policy({"action": "DENY", "rules": [{"from": [{"source": {"notRequestPrincipals": ["*"]}}]}]}), []),
        (policy({"rules": [{}]}), ["spec.jwtRules"]),
    ],
)
def test_a_token_that_nobody_asks_for(others: str, found: list[str]) -> None:
    assert paths(build(all_of(SERVER, tokens(), others)), "JWT-003") == found


def test_keys_that_proxies_refuse_lead_to_the_rule() -> None:
    error = "Provider 'origins-1' in jwt_authn config has invalid local jwks: Jwks RSA [n] or [e] field is missing"
    sync = ProxySync(namespace="shop", name="pay-1", istiod="i", types={"LDS": TypeSync(sent="2", acked="1", error=error)})
    istiod = Istiod(namespace="istio-system", name="i", parts={"syncz": (sync,)})
    mesh = build(all_of(SERVER, tokens("shop/a", "zeta"), tokens("shop/b", "alpha", "beta", jwks="{}")), istiods=[istiod])
    (found,) = judge(mesh, "JWT-004")
    assert (str(found.subject), found.path) == ("RequestAuthentication shop/b", "spec.jwtRules[1].jwks")
    assert [str(f.subject) for f in judge(mesh, "XDS-001")] == ["RequestAuthentication shop/b"]


@pytest.mark.parametrize(
    ("where", "found"), [("edge/jwt", []), ("istio-system/jwt", []), ("shop/jwt", ["spec.http[0].match[0].headers"])]
)
def test_routes_by_claims_need_a_check_at_the_gateway(where: str, found: list[str]) -> None:
    match = {"headers": {"@request.auth.claims.group": {"exact": "red"}}}
    route = virtual_service("shop/v", hosts=["a.example"], gateways=["edge/g"], http=[{"match": [match], "route": []}])
    gateway = thing("networking.istio.io/v1", "Gateway", "edge/g", {"selector": FRONT, "servers": []})
    assert paths(build(all_of(pod("edge/front-1", FRONT, gateway=True), gateway, route, tokens(where))), "JWT-005") == found
