"""Time of the service graph at scale: the layout, and a dump of many clusters. `uv run python benchmarks/topology.py`."""

from __future__ import annotations

import random
import threading
import time

import msgspec
import networkx as nx

from meshdoctor.collect.traffic import host_counts
from meshdoctor.topology.layout import layered

NODES, EDGES, CLUSTERS = 2_000, 8_000, 50_000


def a_graph() -> nx.DiGraph[str]:
    """Services that call each other, some of them in circles."""
    chance = random.Random(1)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(f"n{i:05}" for i in range(NODES))
    while graph.number_of_edges() < EDGES:
        one, other = sorted(chance.sample(range(NODES), 2))
        if chance.random() < 0.02:
            one, other = other, one
        graph.add_edge(f"n{one:05}", f"n{min(other, one + 300) if other > one else other:05}")
    return graph


def seconds(work: object, rounds: int = 5) -> float:
    """The best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        best = min(best, time.perf_counter() - began)
    return best


def longest_wait(work: object) -> float:
    """The longest that this thread was held up while another did the work."""
    worker = threading.Thread(target=work)  # type: ignore[arg-type]
    worst, before = 0.0, time.perf_counter()
    worker.start()
    while worker.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        worst, before = max(worst, now - before), now
    return worst


def a_dump() -> bytes:
    """`/clusters` of a proxy that knows very many."""
    stats = [{"name": "rq_total", "value": "5"}, {"name": "rq_success", "value": "5"}]
    status = [
        {
            "name": f"outbound|80||s{i}.shop.svc.cluster.local",
            "host_statuses": [{"address": {"socket_address": {"address": f"10.0.{i // 250}.{i % 250}"}}, "stats": stats}],
        }
        for i in range(CLUSTERS)
    ]
    return msgspec.json.encode({"cluster_statuses": status})


def main() -> None:
    """Print each figure on its line."""
    graph = a_graph()
    print(f"layout of {graph.number_of_nodes()} nodes, {graph.number_of_edges()} edges: {seconds(lambda: layered(graph)):.3f} s")
    before = layered(graph)
    print(f"layout again after a refresh: {seconds(lambda: layered(graph, before)):.3f} s")
    print(f"longest wait of another thread meanwhile: {longest_wait(lambda: layered(graph)) * 1000:.1f} ms")
    dump = a_dump()
    print(f"decoding {CLUSTERS} clusters ({len(dump) / 1e6:.0f} MB): {seconds(lambda: host_counts(dump), 3):.3f} s")


if __name__ == "__main__":
    main()
