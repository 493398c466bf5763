"""Counters of proxies as edges: rates between two looks, callers without a proxy, and what is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.commands.graph import remarks
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy, Logs
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.traffic import HostCounts, Scrape
from meshdoctor.reports.graph import as_json, tree
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.logged import clocks_ahead
from meshdoctor.topology.parts import ENVOY, Edge
from meshdoctor.topology.silent import blind_spots
from meshdoctor.topology.views import by_app, by_namespace, by_service, carrying, edges_in
from tests.conftest import build
from tests.topology.test_graph import line

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {ns}, labels: {{app: {app}}}}}
spec: {{containers: [{{name: app}}{proxy}]}}
status: {{phase: Running, podIP: {ip}}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
CART = "outbound|80||cart.shop.svc.cluster.local"
ONE, TWO = "10.0.0.2:8080", "10.0.0.3:8080"


def pod(name: str, ip: str, app: str = "", ns: str = "shop", *, proxy: bool = True) -> str:
    return POD.format(name=name, ns=ns, app=app or name, ip=ip, proxy=", {name: istio-proxy}" if proxy else "")


PODS = (pod("front", "10.0.0.1"), pod("cart-v1", "10.0.0.2", "cart"), pod("cart-v2", "10.0.0.3", "cart"))


def looks(name: str, after: dict[tuple[str, str], tuple[int, int]], seconds: float = 10.0, **more: Any) -> Envoy:
    """A proxy whose endpoints had 100 requests at the first look, and so many more, of which so many failed, at the second."""
    first = {key: HostCounts(requests=100, succeeded=100) for key in after}
    second = {key: HostCounts(requests=100 + n, succeeded=100 + n - bad, errors=bad) for key, (n, bad) in after.items()}
    scrapes = (Scrape(at=50.0, uptime_s=500, hosts=first, **more), Scrape(at=50.0 + seconds, uptime_s=510, hosts=second, **more))
    return Envoy(namespace="shop", name=name, parts={"scrapes": scrapes})


def silent(name: str, reason: str = "timed out") -> Envoy:
    return Envoy(namespace="shop", name=name, missing={"scrapes": Source(name=name, state=SourceState.ERROR, reason=reason)})


def mesh(*envoys: Envoy, more: tuple[str, ...] = ()) -> Mesh:
    return build("\n---\n".join((SERVICE, *PODS, *more)), envoys=envoys)


def edges(made: Mesh) -> dict[tuple[str, str], Edge]:
    return {(str(e.client), str(e.server)): e for e in edges_in(graph_of(made))}


FRONT = looks("front", {(CART, ONE): (80, 8), (CART, TWO): (20, 0)})
IDLE = (looks("cart-v1", {}), looks("cart-v2", {}))


def test_rates_between_two_looks_split_over_the_workloads() -> None:
    found = edges(mesh(FRONT, *IDLE))
    assert {pair: (e.per_second, e.error_share) for pair, e in found.items()} == {
        ("shop/front", "shop/cart"): (10.0, 0.08),
        ("shop/cart", "shop/cart-v1"): (8.0, 0.1),
        ("shop/cart", "shop/cart-v2"): (2.0, 0.0),
    }
    assert {(e.traffic[0].source, e.traffic[0].how, e.window_s, e.protocol) for e in found.values()} == {
        (ENVOY, "counters", 10.0, "http")
    }
    assert [found[p].health for p in sorted(found)] == ["Failure", "Healthy", "Degraded"]
    assert "failure from 10 %" in found["shop/cart", "shop/cart-v1"].threshold


def test_a_silent_proxy_makes_unknown_not_zero() -> None:
    found = edges(mesh(silent("front"), *IDLE))
    assert found["shop/cart", "shop/cart-v1"].per_second is None
    assert found["shop/cart", "shop/cart-v1"].unknown == "shop/front: timed out"
    assert as_json(found.values(), 1)["edges"][0]["requests_per_s"] is None
    assert "?" in tree(found.values(), [next(iter(found.values())).client])


def test_what_others_may_send_is_a_lower_bound() -> None:
    found = edges(mesh(FRONT, silent("cart-v1"), IDLE[1]))
    assert [t.is_partial for t in found["shop/cart", "shop/cart-v2"].traffic] == [True]
    assert [t.is_partial for t in found["shop/front", "shop/cart"].traffic] == [False]


def test_an_endpoint_that_went_takes_its_figures_along() -> None:
    gone = Envoy(
        namespace="shop",
        name="front",
        parts={"scrapes": (Scrape(at=0, hosts={(CART, ONE): HostCounts(requests=5)}), Scrape(at=10, hosts={}))},
    )
    found = edges(mesh(gone, *IDLE))
    assert found["shop/cart", "shop/cart-v1"].per_second is None
    assert "taken away" in found["shop/cart", "shop/cart-v1"].unknown


def test_only_what_flows_carries_traffic() -> None:
    graph = graph_of(mesh(looks("front", {(CART, ONE): (80, 0), (CART, TWO): (0, 0)}), *IDLE))
    assert {str(e.server) for e in edges_in(carrying(graph))} == {"shop/cart", "shop/cart-v1"}


def test_callers_without_a_proxy_are_seen_from_the_servers_side() -> None:
    server = looks("cart-v1", {("inbound|8080||", ONE): (180, 0)})
    found = edges(mesh(FRONT, server, IDLE[1]))
    assert found["callers without a proxy", "shop/cart-v1"].per_second == 10.0
    assert ("callers without a proxy", "shop/cart-v1") not in edges(mesh(FRONT, server, silent("cart-v2")))


def test_a_server_that_logs_names_a_caller_without_a_proxy() -> None:
    came = line("inbound|8080||", authority="cart.shop:80", downstream_remote="10.0.0.9:5555", downstream_local="10.0.0.2:8080")
    logs = Envoy(namespace="shop", name="cart-v1", parts={"logs": Logs(access=(came,), window_s=60.0)})
    found = edges(mesh(FRONT, logs, IDLE[1], more=(pod("report", "10.0.0.9", ns="legacy", proxy=False),)))
    assert found["legacy/report", "shop/cart"].mtls_share == 0.0
    assert found["legacy/report", "shop/cart"].traffic[0].how == "access log of the server"


@pytest.mark.parametrize(("sni", "share"), [("outbound_.80_._.cart.shop.svc.cluster.local", 1.0), ("", 0.0)])
def test_the_server_tells_of_mutual_tls(sni: str, share: float) -> None:
    came = line("inbound|8080||", downstream_remote="10.0.0.1:5555", downstream_local="10.0.0.2:8080", sni=sni)
    logs = Envoy(namespace="shop", name="cart-v1", parts={"logs": Logs(access=(came,), window_s=60.0)})
    assert edges(mesh(FRONT, logs, IDLE[1]))["shop/front", "shop/cart"].mtls_share == share


def test_behind_a_gateway_the_request_tells_the_caller_not_the_address() -> None:
    sent = line(CART, request_id="r1", upstream_host=ONE)
    came = line(
        "inbound|8080||",
        request_id="r1",
        downstream_remote="203.0.113.7:0",
        sni="outbound_.80_._.cart.shop.svc.cluster.local",
    )
    both = [Envoy(namespace="shop", name=n, parts={"logs": Logs(access=(x,))}) for n, x in (("front", sent), ("cart-v1", came))]
    found = edges(mesh(*both))
    assert found["shop/front", "shop/cart"].mtls_share == 1.0
    assert not [client for client, _ in found if client == "outside"]


def test_the_log_is_believed_where_the_counters_agree() -> None:
    def told(requests: int) -> Edge:
        lines = tuple(line(CART, ago=1 + i, upstream_host=ONE) for i in range(50))
        parts = looks("front", {(CART, ONE): (requests, 0)}).parts | {"logs": Logs(access=lines, window_s=60.0)}
        return edges(mesh(Envoy(namespace="shop", name="front", parts=parts), *IDLE))["shop/front", "shop/cart"]

    assert (told(10).traffic[0].how, told(10).per_second) == ("access log", 1.0)
    assert (told(90).traffic[0].how, told(90).per_second) == ("counters", 9.0)


def test_bytes_come_from_the_stats_of_clusters() -> None:
    def at(at_s: float, sent: int) -> Scrape:
        return Scrape(at=at_s, clusters={(CART, "upstream_rq_total"): sent, (CART, "upstream_cx_tx_bytes_total"): sent * 100})

    found = edges(mesh(Envoy(namespace="shop", name="front", parts={"scrapes": (at(0, 10), at(10, 30))}), *IDLE))
    assert found["shop/front", "shop/cart"].per_second == 2.0
    assert found["shop/front", "shop/cart"].bytes_per_s == (200.0, None)


def test_by_app_and_by_namespace() -> None:
    call = ("outbound|80||cart.shop.svc.cluster.local", ONE)
    other = Envoy(namespace="bank", name="teller", parts=looks("teller", {call: (50, 0)}).parts)
    made = mesh(FRONT, *IDLE, other, more=(pod("teller", "10.0.0.8", ns="bank"),))
    assert {(str(e.client), str(e.server)): e.per_second for e in edges_in(by_app(made, graph_of(made)))} == {
        ("bank/teller", "shop/cart"): 5.0,
        ("shop/cart", "shop/cart"): 15.0,
        ("shop/front", "shop/cart"): 10.0,
    }
    assert {(str(e.client), str(e.server)): e.per_second for e in edges_in(by_namespace(graph_of(made)))} == {("bank", "shop"): 5.0}


def test_by_service() -> None:
    call = Envoy(
        namespace="shop", name="cart-v1", parts=looks("cart-v1", {("outbound|80||pay.shop.svc.cluster.local", ONE): (10, 0)}).parts
    )
    found = edges_in(by_service(graph_of(mesh(FRONT, call, IDLE[1]))))
    assert {(str(e.client), str(e.server)): e.per_second for e in found} == {
        ("shop/cart", "pay.shop.svc.cluster.local"): 1.0,
        ("shop/front", "shop/cart"): 10.0,
    }


def test_a_log_of_what_is_to_come_gives_no_rates() -> None:
    early = Envoy(namespace="shop", name="front", parts={"logs": Logs(access=(line(CART, ago=-30, upstream_host=ONE),))})
    made = mesh(early, *IDLE)
    assert clocks_ahead(made) == {("shop", "front"): 30.0}
    assert ("shop/front", "shop/cart") not in edges(made)


def test_a_recording_has_one_moment() -> None:
    same = (Scrape(at=0, uptime_s=7, hosts={}), Scrape(at=10, uptime_s=7, hosts={}))
    found = edges(mesh(Envoy(namespace="shop", name="front", parts={"scrapes": same}), *IDLE))
    assert "recording" in found["shop/cart", "shop/cart-v1"].unknown


@pytest.mark.parametrize("unseen", [(ServiceEntry,), (ServiceEntry, Service)])
def test_few_rights_leave_what_the_proxies_tell(unseen: tuple[type[KubernetesObject], ...]) -> None:
    found = edges(build("\n---\n".join((SERVICE, *PODS)), envoys=(FRONT, *IDLE), unseen=unseen))
    assert found["shop/front", "shop/cart"].per_second == 10.0
    assert found["shop/cart", "shop/cart-v1"].per_second == 8.0


def test_many_reasons_are_told_in_a_few_lines() -> None:
    others = tuple(pod(f"p{i}", f"10.0.1.{i}") for i in range(9))
    made = mesh(FRONT, *IDLE, *(silent(f"p{i}", f"p{i} hung up") for i in range(9)), more=others)
    notes = remarks(made, blind_spots(made))
    assert len(notes) == 4
    assert "6 more" in notes[-1]
