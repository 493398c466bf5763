"""What is configured or declared: edges without figures."""

from __future__ import annotations

from meshdoctor.topology.build import graph_of
from meshdoctor.topology.views import edges_in
from tests.conftest import build
from tests.topology.test_counted import PODS, SERVICE, pod

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{name: web, namespace: edge}]
  rules: [{backendRefs: [{name: cart, port: 80}, {name: gone, port: 80}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-istio, namespace: edge, labels: {gateway.networking.k8s.io/gateway-name: web}}
spec: {containers: [{name: istio-proxy, args: [proxy, router]}]}
status: {phase: Running, podIP: 10.0.0.7}
"""
SIDECAR = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./cart.shop.svc.cluster.local", "bank/*", "*/rates.example.com"]}]}
"""
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: rates, namespace: shop}
spec:
  hosts: [rates.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 10.0.0.9}]
"""


def written(*more: str) -> dict[tuple[str, str], tuple[str, ...]]:
    graph = graph_of(build("\n---\n".join((SERVICE, *PODS, *more))))
    assert all(e.per_second is None for e in edges_in(graph))
    return {(str(e.client), str(e.server)): e.sources for e in edges_in(graph)}


def test_a_service_leads_to_its_workloads() -> None:
    assert written() == {("shop/cart", "shop/cart-v1"): ("configured",), ("shop/cart", "shop/cart-v2"): ("configured",)}


def test_routes_of_the_gateway_api() -> None:
    assert written(ROUTE)["edge/web-istio", "shop/cart"] == ("configured",)


def test_hosts_that_a_sidecar_names_are_declared_and_wildcards_say_nothing() -> None:
    found = written(SIDECAR, ENTRY)
    assert found["shop/front", "shop/cart"] == ("declared",)
    assert found["shop/front", "shop/rates.example.com"] == ("declared",)
    assert not [server for _, server in found if server.startswith("bank/")]


def test_the_workloads_of_a_service_entry() -> None:
    assert written(ENTRY, pod("feed", "10.0.0.9"))["shop/rates.example.com", "shop/feed"] == ("declared",)
