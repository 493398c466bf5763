"""Metrics as edges: `istio_requests_total` of Prometheus and of proxies, and Envoy's cluster metrics where that is all."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from meshdoctor.commands.graph import as_kiali
from meshdoctor.istio.telemetry import TRAFFIC
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.errors import UsageError
from meshdoctor.model.istiod import Sample
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.subject import Subject
from meshdoctor.model.traffic import Scrape
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.parts import ENVOY, PROMETHEUS, Edge, Latency
from meshdoctor.topology.views import edges_in
from tests.conftest import build
from tests.topology.test_counted import PODS, SERVICE

CALL = {
    "source_workload_namespace": "shop",
    "source_workload": "front",
    "source_canonical_service": "front",
    "destination_service_namespace": "shop",
    "destination_service_name": "cart",
    "destination_service": "cart.shop.svc.cluster.local",
    "destination_workload_namespace": "shop",
    "destination_workload": "cart-v1",
    "request_protocol": "http",
    "response_code": "200",
    "response_flags": "-",
}
SERVER = {"reporter": "destination", "connection_security_policy": "mutual_tls"}
CLIENT = {"reporter": "source", "connection_security_policy": "unknown"}
LOST = {"reporter": "source", "response_code": "503", "response_flags": "UF", "destination_workload": "unknown"}


def sample(value: float, name: str = "istio_requests_total", **labels: str) -> Sample:
    return Sample(name, CALL | labels, value)


def edges(*, envoys: tuple[Envoy, ...] = (), **answers: tuple[Sample, ...]) -> dict[tuple[str, str], Edge]:
    prometheus = Prometheus(service=Subject("", "Service", "monitoring", "prometheus"), parts=dict(answers))
    made = build("\n---\n".join((SERVICE, *PODS)), envoys=envoys, prometheus=prometheus)
    return {(str(e.client), str(e.server)): e for e in edges_in(graph_of(made))}


def test_a_call_that_both_ends_report_counts_once() -> None:
    found = edges(istio_requests=(sample(9.0, **SERVER), sample(9.1, **CLIENT), sample(1.0, **LOST)))
    call = found["shop/front", "shop/cart"]
    assert (call.per_second, call.error_share, call.mtls_share, call.flags) == (10.0, 0.1, 1.0, {"UF": 60})
    assert (call.traffic[0].source, call.window_s) == (PROMETHEUS, 60.0)
    assert found["shop/cart", "shop/cart-v1"].per_second == 9.0


def test_plain_text_is_told_as_none_of_it_secured() -> None:
    half = (sample(3.0, **SERVER), sample(1.0, reporter="destination", connection_security_policy="none"))
    assert edges(istio_requests=half)["shop/cart", "shop/cart-v1"].mtls_share == 0.75


def test_bytes_of_connections_are_told_from_the_clients_side() -> None:
    told = edges(
        istio_tcp_sent=(sample(700.0, "istio_tcp_sent_bytes_total", **SERVER),),
        istio_tcp_received=(sample(30.0, "istio_tcp_received_bytes_total", **SERVER),),
    )["shop/front", "shop/cart"]
    assert (told.bytes_per_s, told.protocol, told.per_second) == ((30.0, 700.0), "tcp", None)


def test_slow_answers() -> None:
    told = edges(istio_requests=(sample(9.0, **SERVER),), istio_p95=(sample(240.0, "", reporter=""),))
    assert told["shop/front", "shop/cart"].latency_ms == Latency(p95=240.0)


def test_clusters_tell_where_istio_does_not() -> None:
    labels = {"namespace": "shop", "pod": "front", "cluster_name": "outbound|80||cart.shop.svc.cluster.local;"}
    told = edges(envoy_requests=(Sample("", labels, 4.0),), envoy_failed=(Sample("", labels, 1.0),))["shop/front", "shop/cart"]
    assert (told.per_second, told.error_share, told.traffic[0].how) == (4.0, 0.25, "envoy_cluster_upstream_rq_total")


def test_the_proxies_own_metrics_are_read_between_two_looks() -> None:
    def at(at_s: float, requests: float) -> Scrape:
        return Scrape(at=at_s, series=(sample(requests, **SERVER),))

    proxy = Envoy(namespace="shop", name="cart-v1", parts={"scrapes": (at(0, 100), at(10, 150))})
    told = edges(envoys=(proxy,))["shop/front", "shop/cart"]
    assert (told.per_second, told.mtls_share, told.traffic[0].source) == (5.0, 1.0, ENVOY)


@pytest.mark.parametrize("name", TRAFFIC)
def test_each_query_is_of_one_line_and_balanced(name: str) -> None:
    query = TRAFFIC[name]
    assert query.count("(") == query.count(")")
    assert "\n" not in query


def test_the_same_as_kiali_would_answer() -> None:
    arguments = Namespace(namespace=None, by="workload")
    prometheus = Prometheus(
        service=Subject("", "Service", "monitoring", "prometheus"), parts={"istio_requests": (sample(9.0, **SERVER),)}
    )
    told: Any = as_kiali(build(SERVICE, prometheus=prometheus), arguments)
    (edge,) = (e["data"] for e in told["elements"]["edges"])
    assert edge["traffic"]["rates"] == {"http": "9.00", "httpPercentReq": "100.0"}
    with pytest.raises(UsageError, match="istio_requests_total"):
        as_kiali(build(SERVICE), arguments)
