"""Looks twice at the counters of proxies: what moved between the two looks is the traffic of that time.

Envoy's main thread renders every answer: the counters that are asked for are few, and chosen by name.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from urllib.parse import quote

import msgspec

from meshdoctor.collect import decode_envoy, decode_istiod, decode_logs
from meshdoctor.collect.asked import Answers, gather_limited
from meshdoctor.collect.nodes import Node, Nodes
from meshdoctor.collect.proxies import ADMIN
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source
from meshdoctor.model.traffic import HostCounts, Scrape
from meshdoctor.model.workloads import Pod

AT_ONCE = 8
MOST = 150  # proxies; a large mesh has Prometheus
LOG_SECONDS = 180
LOG_LINES, ALL_LINES = 2000, 60_000  # of one proxy, of all of them together

# `filter` is left aside by proxies before Envoy 1.35, which answer with every cluster.
CLUSTERS = f"/clusters?format=json&filter={quote(r'^(outbound|inbound|PassthroughCluster|InboundPassthroughCluster)', safe='')}"
COUNTED = (
    r"^cluster\.(outbound|inbound).*\.(upstream_rq_(total|4xx|5xx)|upstream_cx_([rt]x_bytes_)?total|upstream_cx_connect_fail"
    r"|ssl\.handshake)$|^server\.uptime$"
)
STATS = f"/stats?format=json&usedonly&filter={quote(COUNTED, safe='')}"
SERIES = ("istio_requests_total", "istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total")
ISTIO = f"/stats/prometheus?usedonly&filter={quote('(' + '|'.join(SERIES) + ')', safe='')}"


async def ask_traffic(api: ApiClient, mesh: Mesh, seconds: float) -> list[Envoy]:
    """What the proxies of a mesh counted within so many seconds, and the last lines of their access logs."""
    nodes = Nodes()
    pods = [_Asked(api, pod, nodes.of(pod)) for pod in choose(mesh)]
    lines = max(50, min(LOG_LINES, ALL_LINES // max(len(pods), 1)))
    await gather_limited(AT_ONCE, [p.look() for p in pods])
    await gather_limited(AT_ONCE, [p.look(seconds) for p in pods])
    await gather_limited(AT_ONCE, [p.read_log(lines) for p in pods])
    return [p.told() for p in pods]


def choose(mesh: Mesh, most: int = MOST) -> list[Pod]:
    """The proxies to ask: of every workload one before the second of any, gateways first."""
    ranks: dict[object, int] = {}
    order = []
    for pod in injected_pods(mesh):
        status = pod.proxy_status
        if status is not None and status.state.running is not None:
            owner = mesh.owner(pod)
            ranks[owner] = ranks.get(owner, -1) + 1
            order.append((ranks[owner], not is_gateway(pod), pod.namespace, pod.name, pod))
    return [each[-1] for each in sorted(order, key=lambda each: each[:-1])][:most]


class _Asked:
    """One proxy under two looks."""

    def __init__(self, api: ApiClient, pod: Pod, node: Node) -> None:
        self._answers = Answers(api, pod.namespace, pod.name, node=node)
        self._looks: list[Scrape | Source] = []
        self._looked_at = 0.0

    async def look(self, seconds: float = 0.0) -> None:
        """Ask for the counters, so long after the look before; where the first request fails the others are not sent."""
        await asyncio.sleep(max(0.0, self._looked_at + seconds - time.monotonic()))
        answers = Answers(self._answers.api, self._answers.namespace, self._answers.pod, node=self._answers.node)
        await answers.get("stats", ADMIN, STATS, decode_envoy.stats)
        if answers.dead:
            self._looks.append(answers.missing["stats"])
            return
        await answers.get("hosts", ADMIN, CLUSTERS, host_counts)
        self._looked_at = at = time.monotonic()
        await answers.get("series", ADMIN, ISTIO, lambda body: decode_istiod.metrics(body, SERIES))
        clusters, uptime = cluster_counts(answers.parts.get("stats", {}))
        if "hosts" in answers.missing and not clusters:
            self._looks.append(answers.missing["hosts"])
            return
        known = answers.parts.get("hosts")
        series = answers.parts.get("series", ())
        look = Scrape(at=at, uptime_s=uptime, hosts=known or {}, has_hosts=known is not None, clusters=clusters, series=series)
        self._looks.append(look)

    async def read_log(self, lines: int) -> None:
        """The end of the access log; `lines` keeps the newest ones, a limit of bytes would keep the oldest."""
        said = self._answers
        seconds = LOG_SECONDS
        read = partial(
            said.api.logs,
            said.namespace,
            said.pod,
            "istio-proxy",
            since_seconds=seconds,
            tail_lines=lines,
            limit_bytes=lines * 4000,
        )
        await said.keep("logs", "istio-proxy log", read, lambda body: decode_logs.proxy_logs(body, seconds))

    def told(self) -> Envoy:
        """Both looks as one part, or why there are none."""
        parts, missing = self._answers.parts, self._answers.missing
        failed = next((each for each in self._looks if isinstance(each, Source)), None)
        if failed is None:
            parts["scrapes"] = tuple(self._looks)
        else:
            again = len(self._looks) > 1 and not isinstance(self._looks[0], Source)
            reason = f"{failed.reason} (at the second look)" if again else failed.reason
            missing["scrapes"] = msgspec.structs.replace(failed, reason=reason)
        return Envoy(namespace=self._answers.namespace, name=self._answers.pod, parts=parts, missing=missing)


def host_counts(body: bytes) -> dict[tuple[str, str], HostCounts]:
    """`/clusters?format=json`: the counters of the endpoints that were ever asked."""
    found = {}
    for cluster in decode_envoy.clusters(body):
        for host in cluster.hosts:
            counts = host.stats
            if counts.get("rq_total") or counts.get("cx_total") or counts.get("cx_connect_fail"):
                names = ("rq_total", "rq_success", "rq_error", "rq_timeout", "cx_total", "cx_connect_fail", "cx_active")
                found[cluster.name, f"{host.address}:{host.port}"] = HostCounts(*(counts.get(n, 0) for n in names))
    return found


def cluster_counts(stats: dict[str, int]) -> tuple[dict[tuple[str, str], int], int | None]:
    """The counters of clusters by (cluster, counter), and the uptime. Newer proxies end a cluster's name with `;`."""
    found: dict[tuple[str, str], int] = {}
    for name, value in stats.items():
        if name.startswith("cluster."):
            head, _, counter = _split(name.removeprefix("cluster."))
            found[head.removesuffix(";"), counter] = value
    return found, stats.get("server.uptime")


def _split(name: str) -> tuple[str, str, str]:
    """The cluster and the counter: counters have one dot at most (`ssl.handshake`)."""
    head, dot, counter = name.rpartition(".")
    return (head.removesuffix(".ssl"), dot, f"ssl.{counter}") if head.endswith(".ssl") else (head, dot, counter)
