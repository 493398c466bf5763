"""Edges from the counters of proxies: each endpoint of each cluster, at the client's proxy, between two looks."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.scrapes import Gained, clusters_gained, gained, window
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod
from meshdoctor.topology import nodes
from meshdoctor.topology.parts import ENVOY, Kind, Node, Traffic
from meshdoctor.topology.sums import Sum

Pair = tuple[Node, Node]
COUNTERS = "counters"
LEAST, SHARE = 0.5, 0.2  # a second, and of what came in: less is the two proxies' looks being apart


class Counted:
    """What the counters of all asked proxies tell: figures by edge, and reasons by edge or proxy where there are none."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._sums: dict[Pair, Sum] = {}
        self._arrived: dict[str, float] = {}  # by the address of the asked pod: requests a second of all known callers
        self._came_in: dict[tuple[str, str], tuple[Pod, float, float]] = {}
        self._told: dict[Node, float] = {}  # clients whose counters were read, and the seconds between the looks
        self.unknown: dict[Pair, str] = {}
        for envoy in mesh.envoys:
            pod = mesh[Pod].get(envoy.namespace, envoy.name)
            if pod is not None and envoy.has("scrapes"):
                try:
                    self._read(pod, envoy)
                except Unseen:
                    continue  # `blind_spots` tells it

    def figures(self) -> Iterator[tuple[Pair, Traffic]]:
        """Each edge that some proxy knows, those without a request too: that none came is observed."""
        for pair, total in self._sums.items():
            if pair not in self.unknown:
                yield pair, total.traffic(ENVOY, COUNTERS)
        yield from self._from_nowhere()

    def idle(self, pair: Pair) -> Traffic | None:
        """Nothing within the looks, where the client's proxy was asked and has never called the server."""
        client, server = pair
        if client not in self._told or server.kind not in (Kind.SERVICE, Kind.ENTRY):
            return None
        total = Sum()
        total.add(0, 0, self._told[client])
        return total.traffic(ENVOY, COUNTERS)

    def _sum(self, client: Node, server: Node) -> Sum:
        return self._sums.setdefault((client, server), Sum())

    def _read(self, pod: Pod, envoy: Envoy) -> None:
        own = nodes.of_pod(self._mesh, pod)
        if envoy.scrapes[1].has_hosts:
            self._told[own] = window(envoy)
        by_host: set[str] = set()
        for each in gained(envoy):
            if each.cluster.lower().startswith("inbound"):
                _, rate, window_s = self._came_in.get((pod.namespace, pod.name), (pod, 0.0, 0.0))
                self._came_in[pod.namespace, pod.name] = pod, rate + each.requests / each.window_s, max(window_s, each.window_s)
            else:
                by_host.add(each.cluster)
                self._outbound(own, each)
        for cluster in clusters_gained(envoy):
            host = log.upstream(cluster.cluster).host
            if host and cluster.cluster.startswith("outbound"):
                total = self._sum(own, nodes.of_host(self._mesh, host))
                total.add_bytes(cluster.bytes_sent, cluster.bytes_received, cluster.window_s)
                if cluster.cluster not in by_host and cluster.requests is not None:
                    total.add(cluster.requests, cluster.failed or 0, cluster.window_s)

    def _outbound(self, own: Node, each: Gained) -> None:
        host = log.upstream(each.cluster).host
        server = nodes.of_address(self._mesh, each.address)
        outside = Node(Kind.OUTSIDE, "", nodes.ip_of(each.address))
        called = nodes.of_host(self._mesh, host) if host else server or outside
        pairs = [(own, called)] if server in (None, called) or called.kind is Kind.OUTSIDE else [(own, called), (called, server)]
        for client, callee in pairs:
            if callee is None:
                continue
            if each.unknown:
                self.unknown.setdefault((client, callee), each.unknown)
                continue
            total = self._sum(client, callee)
            total.add(each.requests, each.failed, each.window_s)
            protocol = ("http" if each.is_http else None) if not host else nodes.protocol_of(self._mesh, each.cluster)
            if protocol or each.is_http:
                total.protocols.add(protocol or "http")
            if protocol == "tcp":  # an idle connection of HTTP is no traffic
                total.open = (total.open or 0) + each.open
        if not each.unknown:
            address = nodes.ip_of(each.address)
            self._arrived[address] = self._arrived.get(address, 0.0) + each.requests / each.window_s

    def _from_nowhere(self) -> Iterator[tuple[Pair, Traffic]]:
        """What came in beyond what all proxies together sent: callers without a proxy, where no access log names them."""
        told = {(e.namespace, e.name) for e in self._mesh.envoys if e.has("scrapes")}
        if any((p.namespace, p.name) not in told for p in injected_pods(self._mesh)) or self.unknown:
            return
        logging = {(x.pod.namespace, x.pod.name) for x in log.lines(self._mesh)}
        for key, (pod, rate, window_s) in self._came_in.items():
            more = rate - self._arrived.get(pod.status.pod_ip, 0.0)
            if key not in logging and more > max(LEAST, SHARE * rate):
                total = Sum()
                total.add(more * window_s, 0, window_s)
                yield (nodes.UNNAMED, nodes.of_pod(self._mesh, pod)), total.traffic(ENVOY, "inbound counters")
