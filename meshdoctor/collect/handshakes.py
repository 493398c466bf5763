"""What servers' proxies and Prometheus tell of mutual TLS: live inbound listeners, handshakes, access logs, counted calls."""

from __future__ import annotations

from urllib.parse import quote

from meshdoctor.collect.asked import Answers, gather_limited
from meshdoctor.collect.decode_inbound import handshakes, inbound_modes
from meshdoctor.collect.metrics import ask_prometheus
from meshdoctor.collect.nodes import Node, Nodes
from meshdoctor.collect.proxies import ADMIN, INBOUND, ask_logs
from meshdoctor.istio.mutual.seen import QUERY
from meshdoctor.istio.workloads import injected_pods, is_gateway
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

AT_ONCE = 8
MOST = 200  # proxies that are asked; one of each workload first
COUNTERS = r"^(http\.inbound_.*\.downstream_cx(_ssl)?_total|listener\..*_15006\.(downstream_cx_total|ssl\.handshake))$"
STATS = f"/stats?format=json&filter={quote(COUNTERS, safe='')}"
BY = "source_workload,source_workload_namespace,destination_workload,destination_workload_namespace,connection_security_policy"
METRICS = "istio_requests_total", "istio_tcp_connections_opened_total"


def query(window: str) -> str:
    """Calls and connections that servers' proxies took in a window, by workloads and security."""
    counted = (f'sum by ({BY}) (increase({metric}{{reporter="destination"}}[{window}]))' for metric in METRICS)
    return f"({' or '.join(counted)}) > 0"


async def with_handshakes(api: ApiClient, mesh: Mesh, window: str, first: str = "") -> tuple[Mesh, int]:
    """The mesh with what proxies and Prometheus say of mutual TLS, and how many proxies were not asked.

    `window` is Prometheus's, e.g. `5m`. One request a proxy at a time; those of the namespace `first` before the others.
    """
    try:
        chosen, left = _choose(mesh, first)
    except Unseen:
        return mesh, 0
    nodes = Nodes()
    envoys = await gather_limited(AT_ONCE, [_ask(api, p, mesh.envoy(p), nodes.of(p)) for p in chosen])
    try:
        prometheus = await ask_prometheus(api, mesh, {QUERY: query(window)})
    except Unseen:
        prometheus = None
    return mesh.heard(envoys, prometheus), left


def _choose(mesh: Mesh, first: str) -> tuple[list[Pod], int]:
    """Ready pods with a proxy, one of each workload before the others; gateways serve by rules of their own, but call too."""
    pods = [p for p in injected_pods(mesh) if (s := p.proxy_status) is not None and s.state.running is not None]
    met: dict[Subject, int] = {}
    ranked: list[tuple[bool, int, str, str, Pod]] = []
    for pod in pods:
        owner = mesh.owner(pod)
        met[owner] = met.get(owner, 0) + 1
        ranked.append((pod.namespace != first, met[owner], pod.namespace, pod.name, pod))
    ranked.sort(key=lambda r: r[:4])
    return [r[4] for r in ranked[:MOST]], max(len(ranked) - MOST, 0)


async def _ask(api: ApiClient, pod: Pod, known: Envoy | None, node: Node) -> Envoy:
    answers = Answers(api, pod.namespace, pod.name, node=node)
    if not is_gateway(pod):
        await answers.get("inbound", ADMIN, INBOUND, inbound_modes)
        if not answers.dead:
            await answers.get("handshakes", ADMIN, STATS, handshakes)
    if known is None or not known.has("logs"):
        await ask_logs(answers)
    return Envoy(namespace=pod.namespace, name=pod.name, parts=answers.parts, missing=answers.missing)
