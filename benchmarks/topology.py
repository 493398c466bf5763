"""Time of the service graph at scale: the layout, and a dump of many clusters. `uv run python benchmarks/topology.py`."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import msgspec
import networkx as nx

from meshdoctor.collect.files import mesh_of
from meshdoctor.collect.traffic import host_counts
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.subject import Subject
from meshdoctor.topology.build import graph_of
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


def a_mesh() -> Mesh:
    """As many workloads with a Service each, their calls as Prometheus tells them; no proxy was asked."""
    texts, samples = [], []
    for i in range(NODES):
        name = {"namespace": "shop", "name": f"n{i:05}", "labels": {"app": f"n{i:05}"}}
        ports = [{"name": "http", "port": 80}]
        texts.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": name, "spec": {"selector": name["labels"], "ports": ports}}
        )
        containers = [{"name": "app"}, {"name": "istio-proxy"}]
        status = {"phase": "Running", "podIP": f"10.0.{i // 250}.{i % 250}"}
        texts.append({"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": {"containers": containers}, "status": status})
    for one, other in a_graph().edges:
        labels = {"source_workload_namespace": "shop", "source_workload": one, "destination_service_namespace": "shop"}
        labels |= {"destination_service_name": other, "destination_workload_namespace": "shop", "destination_workload": other}
        labels |= {"reporter": "destination", "request_protocol": "http", "response_code": "200", "response_flags": "-"}
        samples.append(Sample("istio_requests_total", labels, 2.0))
    found = Prometheus(service=Subject("", "Service", "monitoring", "prometheus"), parts={"istio_requests": tuple(samples)})
    return mesh_of("\n---\n".join(msgspec.json.encode(t).decode() for t in texts), prometheus=found)


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def longest_wait(work: Callable[[], object]) -> float:
    """The longest that this thread was held up while another did the work."""
    worker = threading.Thread(target=work)
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
    mesh = a_mesh()

    def build() -> None:
        mesh.memo.clear()
        graph_of(mesh)

    print(f"the graph of {NODES} workloads and {EDGES} calls that Prometheus told: {seconds(build, 2):.3f} s")
    print(f"longest wait of another thread meanwhile: {longest_wait(build) * 1000:.1f} ms")
    dump = a_dump()
    print(f"decoding {CLUSTERS} clusters ({len(dump) / 1e6:.0f} MB): {seconds(lambda: host_counts(dump), 3):.3f} s")


if __name__ == "__main__":
    main()
