"""One request through a config dump: what Envoy matches by, and what differs from the YAML."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from meshdoctor.collect.decode_walk import resources
from meshdoctor.istio.live.compare import differences
from meshdoctor.istio.live.match import Connection, chain_of, takes, virtual_host_of
from meshdoctor.istio.live.walk import walk
from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import from_pod, trace_from
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.envoy_config import EnvoyConfig, Kind, Lacks, Listener, RouteConfig, RouteMatch
from meshdoctor.model.findings import Finding
from meshdoctor.model.istiod import Istiod, ProxySync, TypeSync
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.workloads import Pod
from tests.conftest import NOW, build, judge
from tests.probes.things import all_of, destination_rule, pod, service, thing, to, virtual_service

CART = "outbound|80||cart.shop.svc.cluster.local"
V1 = "outbound|80|v1|cart.shop.svc.cluster.local"
MTLS = {"name": "tls", "typed_config": {"common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "default"}]}}}
BY_LABEL = [
    {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": MTLS},
    {"name": "plain", "match": {}, "transport_socket": {"name": "envoy.transport_sockets.raw_buffer"}},
]
MESH = all_of(
    service("shop/cart", ports="http:80:8080"),
    pod("shop/web-1", {"app": "web"}, ip="10.1.0.1"),
    pod("shop/cart-1", {"app": "cart", "version": "v1", "security.istio.io/tlsMode": "istio"}, ip="10.1.0.2"),
    virtual_service("shop/cart", hosts=["cart"], http=[to("cart", subset="v1")]),
    destination_rule("shop/cart", "cart", "v1"),
)


def config(kind: str, name: str) -> dict[str, Any]:
    return {"filter_metadata": {"istio": {"config": f"/apis/networking.istio.io/v1/namespaces/shop/{kind}/{name}"}}}


def listener(**chain: Any) -> dict[str, Any]:
    http = {"name": "http", "typed_config": {"rds": {"route_config_name": "80"}}}
    chains = [{"filters": [http]} | chain]
    return {"active_state": {"listener": {"name": "0.0.0.0_80", "filter_chains": chains}}}


def routes(*to: tuple[str, int], name: str = "cart", **host: Any) -> dict[str, Any]:
    clusters = [{"name": c, "weight": w} for c, w in to]
    route = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": clusters}}}
    route["metadata"] = config("virtual-service", name)
    domains = ["cart", "cart.shop", "cart.shop.svc.cluster.local"]
    return {"route_config": {"name": "80", "virtual_hosts": [{"name": "cart:80", "domains": domains, "routes": [route]} | host]}}


def cluster(name: str = V1, sockets: object = BY_LABEL) -> dict[str, Any]:
    made = {"name": name, "type": "EDS", "transport_socket_matches": sockets, "metadata": config("destination-rule", "cart")}
    return {"cluster": made}


def endpoints(name: str = V1, health: str = "HEALTHY", ip: str = "10.1.0.2", **labels: str) -> dict[str, Any]:
    where = {"address": {"socket_address": {"address": ip, "port_value": 8080}}}
    labels = labels or {"tlsMode": "istio"}
    metadata = {"filter_metadata": {"envoy.transport_socket_match": labels}}
    each = {"endpoint": where, "health_status": health, "metadata": metadata}
    return {"endpoint_config": {"cluster_name": name, "endpoints": [{"lb_endpoints": [each]}]}}


def dump(*items: dict[str, Any], without: Kind | None = None) -> EnvoyConfig:
    made = EnvoyConfig(found={}, asked=set(), whole={"listeners", "routes", "clusters", "endpoints"}, missing={})
    kinds: dict[str, Kind] = {
        "active_state": "listeners",
        "route_config": "routes",
        "cluster": "clusters",
        "endpoint_config": "endpoints",
    }
    for item in items:
        found = resources(json.dumps({"configs": [item]}).encode())
        made.found |= {(kinds[next(iter(item))], name): each for name, each in found.items()}
    if without:
        made.missing[without] = Source(name=without, state=SourceState.ERROR, reason="more than 1000000 bytes")
    return made


def both(found: EnvoyConfig, text: str = MESH, **call: Any) -> tuple[Mesh, Pod, tuple[Step, ...], tuple[Step, ...]]:
    mesh = build(text)
    web = mesh[Pod].get("shop", "web-1")
    assert web is not None
    asked = from_pod(msgspec.structs.replace(Call(host="cart"), **call), web)
    return mesh, web, trace_from(mesh, web, asked), walk(mesh, found, web, asked)


def said(found: EnvoyConfig, text: str = MESH, **call: Any) -> list[str]:
    mesh, _, configured, live = both(found, text, **call)
    return [f"{d.name}: {d.configured} / {d.live}" for d in differences(mesh, configured, live)]


SOUND = (listener(), routes((V1, 1)), cluster(), endpoints())


def test_the_same_way() -> None:
    _, _, configured, live = both(dump(*SOUND))
    names = [s.name for s in live]
    assert names[:4] == ["listener", "virtual host", "virtual service", "rule"]
    assert names[4:] == ["cluster", "destination rule", "endpoints", "mutual TLS"]
    assert [s.decides for s in live if s.name == "mutual TLS"] == ["mTLS"]
    assert [s.decides for s in configured if s.name == "mutual TLS"] == ["mTLS"]
    assert said(dump(*SOUND)) == []


@pytest.mark.parametrize(
    ("items", "difference"),
    [
        ((listener(), routes((V1, 80), (CART, 20)), *SOUND[2:]), f"goes to: {V1} / {V1} 80 %, {CART} 20 %"),
        (
            (listener(), routes((V1, 1), name="old"), *SOUND[2:]),
            "virtual service: VirtualService shop/cart / VirtualService shop/old",
        ),
        ((listener(), routes((V1, 1), domains=["other"]), *SOUND[2:]), f"goes to: {V1} / 404"),
        ((listener(), routes((V1, 1), routes=[]), *SOUND[2:]), f"goes to: {V1} / 404"),
        ((*SOUND[:3], endpoints(ip="10.1.0.1")), "endpoints: 10.1.0.2 / 10.1.0.1"),
        (SOUND[:3], "endpoints: 10.1.0.2 / none"),
        ((*SOUND[:3], endpoints(tlsMode="disabled")), "mutual TLS: mTLS / plain text"),
        ((*SOUND[1:],), f"goes to: {V1} / refused"),
    ],
    ids=["shares", "object", "no host", "no route", "endpoint", "no endpoints", "plain", "no listener"],
)
def test_what_differs(items: tuple[dict[str, Any], ...], difference: str) -> None:
    assert difference in said(dump(*items))


def test_a_cluster_that_envoy_has_not_ends_the_way() -> None:
    _, _, _, live = both(dump(*SOUND[:2]))
    assert live[-1].is_end
    assert "503 NC" in live[-1].says


def test_what_was_not_read_is_unknown_and_not_compared() -> None:
    for kind in ("listeners", "routes", "clusters", "endpoints"):
        _, _, _, live = both(dump(*SOUND, without=kind))
        assert live[-1].is_unknown
        assert "more than 1000000 bytes" in live[-1].says
        assert said(dump(*SOUND, without=kind)) == []


def test_what_was_not_asked_for_is_asked_for() -> None:
    with pytest.raises(Lacks) as lacks:
        both(EnvoyConfig(found={}, asked=set(), whole=set(), missing={}))
    assert lacks.value.kind == "listeners"
    assert "0.0.0.0_80" in lacks.value.names


def test_an_endpoint_that_comes_or_goes_is_no_difference() -> None:
    going = MESH.replace("10.1.0.2", "10.1.0.3")
    assert said(dump(*SOUND), going + "\n---\n" + pod("shop/cart-2", {"app": "cart"}, ip="10.1.0.2", ready=False)) == [
        "endpoints: 10.1.0.3 / none"
    ]


def test_routes_of_the_gateway_api_are_not_compared() -> None:
    assert said(dump(listener(), routes((CART, 1), name="web-0-istio-autogenerated-k8s-gateway"))) == []


@pytest.mark.parametrize(
    ("match", "path", "headers", "taken"),
    [
        ({"prefix": "/a"}, "/ab?x=1", {}, True),
        ({"path": "/a"}, "/A", {}, False),
        ({"path": "/a", "case_sensitive": False}, "/A", {}, True),
        ({"path_separated_prefix": "/a"}, "/ab", {}, False),
        ({"path_separated_prefix": "/a"}, "/a/b", {}, True),
        ({"safe_regex": {"regex": "/a.*"}}, "/abc", {}, True),
        ({"prefix": "/", "headers": [{"name": "x", "string_match": {"exact": "1"}}]}, "/", {"x": "1"}, True),
        ({"prefix": "/", "headers": [{"name": "x", "string_match": {"exact": "1"}}]}, "/", {}, False),
        ({"prefix": "/", "headers": [{"name": "x", "exact_match": "1", "invert_match": True}]}, "/", {"x": "2"}, True),
        ({"prefix": "/", "headers": [{"name": "x", "present_match": True, "invert_match": True}]}, "/", {}, True),
        ({"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"prefix": "a"}}]}, "/?q=abc", {}, True),
        ({"prefix": "/", "query_parameters": [{"name": "q", "string_match": {"prefix": "a"}}]}, "/", {}, False),
        ({"prefix": "/", "headers": [{"name": "n", "range_match": {"start": "1", "end": "5"}}]}, "/", {"n": "5"}, False),
    ],
)
def test_what_a_route_takes(match: dict[str, Any], path: str, headers: dict[str, str], taken: bool) -> None:
    assert takes(msgspec.convert(match, RouteMatch, strict=False), path, headers) is taken


@pytest.mark.parametrize(
    ("authority", "host"),
    [("a.b.c", "exact"), ("x.b.c", "longer"), ("x.y.c", "suffix"), ("a.b.org", "prefix"), ("d", "any"), ("a.b.c:80", "prefix")],
)
def test_the_most_specific_domain_wins(authority: str, host: str) -> None:
    domains = {"any": "*", "suffix": "*.c", "longer": "*.b.c", "prefix": "a.b.*", "exact": "a.b.c"}
    said = {"virtual_hosts": [{"name": n, "domains": [d]} for n, d in domains.items()]}
    found = virtual_host_of(msgspec.convert(said, RouteConfig), authority)
    assert found is not None
    assert found.name == host
    folded = msgspec.convert(said | {"ignore_port_in_host_matching": True}, RouteConfig)
    assert getattr(virtual_host_of(folded, "a.b.c:80"), "name", "") == "exact"


@pytest.mark.parametrize(
    ("connection", "chain"),
    [
        (Connection("10.0.0.1", 80), "net"),
        (Connection("10.9.0.1", 80), "http"),
        (Connection("10.9.0.1", 443, "a.b", is_tls=True), "sni"),
        (Connection("10.9.0.1", 443, "c.d", is_tls=True), "default"),
    ],
)
def test_the_most_specific_chain_wins(connection: Connection, chain: str) -> None:
    chains = [
        {"name": "http", "filter_chain_match": {"transport_protocol": "raw_buffer", "application_protocols": ["http/1.1"]}},
        {"name": "net", "filter_chain_match": {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 16}]}},
        {"name": "sni", "filter_chain_match": {"server_names": ["*.b"]}},
    ]
    found = chain_of(msgspec.convert({"filter_chains": chains, "default_filter_chain": {"name": "default"}}, Listener), connection)
    assert found is not None
    assert found.name == chain


def in_sync(**types: TypeSync) -> Istiod:
    sync = ProxySync(namespace="shop", name="web-1", istiod="istiod-1", types={"RDS": TypeSync(sent="1", acked="1")} | types)
    return Istiod(namespace="istio-system", name="istiod-1", parts={"syncz": (sync,)})


def judged(*items: dict[str, Any], text: str = MESH, istiod: Istiod | None = None) -> list[Finding]:
    made = tuple(resources(json.dumps({"configs": list(items)}).encode()).values())
    envoy = Envoy(namespace="shop", name="web-1", parts={"route_configs": made})
    return judge(build(text, envoys=[envoy], istiods=[istiod or in_sync()]), "MD5036")


def test_routes_that_are_otherwise_are_a_finding() -> None:
    assert judged(routes((V1, 1))) == []
    (found,) = judged(routes((CART, 1)))
    assert (str(found.subject), found.status) == ("Deployment shop/web", "WARN")
    assert "meshdoctor trace shop/web-1 cart.shop.svc.cluster.local:80/" in str(found.evidence)


def test_a_proxy_out_of_sync_and_a_change_just_now_are_no_difference() -> None:
    assert judged(routes((CART, 1)), istiod=in_sync(RDS=TypeSync(sent="2", acked="1"))) == []
    fresh = thing("networking.istio.io/v1", "VirtualService", "shop/new", {"hosts": ["x"]}, created=NOW.isoformat())
    assert judged(routes((CART, 1)), text=all_of(MESH, fresh)) == []


def test_a_difference_that_an_envoy_filter_may_make_names_it() -> None:
    spec = {"configPatches": [{"applyTo": "HTTP_ROUTE"}]}
    text = all_of(MESH, thing("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/other-way", spec))
    assert "EnvoyFilter shop/other-way" in judged(routes((CART, 1)), text=text)[0].why
