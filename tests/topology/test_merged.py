"""Edges of several workloads as one of their apps or namespaces: what fails in one of them shows."""

from __future__ import annotations

import pytest

from meshdoctor.reports.graph import per_second
from meshdoctor.topology.parts import Edge, Kind, Node, Traffic
from meshdoctor.topology.views import by_namespace, edges_in, graph_from


def edge(client: str, server: str, failed: float, **more: str) -> Edge:
    one, other = (Node(Kind.WORKLOAD, name.partition("/")[0], name.partition("/")[2]) for name in (client, server))
    traffic = Traffic(source="observed by Envoy", how="access log", window_s=60, per_second=4, requests=240, failed=failed)
    return Edge(client=one, server=other, sources=("observed by Envoy",), traffic=(traffic,), **more)


def test_the_worst_health_is_that_of_all() -> None:
    bad = edge("shop/cart", "bank/payment", 120, health="Failure", threshold="50.0 % are 5XX", errors="50 % 5XX")
    good = edge("shop/web", "bank/ledger", 0, health="Healthy")
    (found,) = edges_in(by_namespace(graph_from([bad, good])))
    assert (found.health, found.errors) == ("Failure", "50 % 5XX")
    assert found.threshold == "shop/cart → bank/payment: 50.0 % are 5XX"
    (found,) = edges_in(by_namespace(graph_from([good])))
    assert (found.health, found.threshold) == ("Healthy", "")


@pytest.mark.parametrize(
    ("value", "said"), [(4, "4.00"), (0.817, "0.82"), (0.003, "0.003"), (12.44, "12.4"), (1240.4, "1,240"), (0, "0.00")]
)
def test_rates_compare_below_each_other(value: float, said: str) -> None:
    assert per_second(value) == said
