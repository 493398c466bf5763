"""Edges from metrics: `istio_requests_total` of Prometheus or of the proxies themselves, else Envoy's own cluster metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio import telemetry
from meshdoctor.istio.hosts import long_name
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from meshdoctor.topology import nodes
from meshdoctor.topology.parts import ENVOY, PROMETHEUS, Kind, Latency, Node, Traffic
from meshdoctor.topology.sums import Sum

Pair = tuple[Node, Node]
BLACK_HOLE = {"BlackHoleCluster", "PassthroughCluster", "InboundPassthroughCluster"}


def of_proxies(mesh: Mesh) -> Iterator[tuple[Pair, Traffic]]:
    """What the proxies' own `istio_*` metrics gained between two looks."""
    by_name, window_s = _proxies_samples(mesh)
    http = by_name.get("istio_requests_total", ())
    sent, received = by_name.get("istio_tcp_received_bytes_total", ()), by_name.get("istio_tcp_sent_bytes_total", ())
    yield from _calls(mesh, http, sent, received, {}, ENVOY, window_s)


def _proxies_samples(mesh: Mesh) -> tuple[dict[str, list[Sample]], float]:
    """By metric, what it gained a second at all proxies whose two looks can be compared; and the seconds between these."""
    by_name: dict[str, list[Sample]] = {}
    window_s = 0.0
    for envoy in mesh.envoys:
        if envoy.has("scrapes"):
            try:
                found = telemetry.moved(envoy)
            except Unseen:
                continue
            window_s = max(window_s, envoy.scrapes[1].at - envoy.scrapes[0].at)
            for sample in found:
                by_name.setdefault(sample.name, []).append(sample)
    return by_name, window_s


def of_prometheus(mesh: Mesh) -> Iterator[tuple[Pair, Traffic]]:
    """What Prometheus answered; nothing where there is none or it did not answer."""
    if mesh.prometheus is None:
        return
    answers = {name: _answer(mesh.prometheus, name) for name in telemetry.TRAFFIC}
    latencies = {_ends(mesh, s): s.value for s in answers["istio_p95"]}
    http, window_s = answers["istio_requests"], telemetry.RANGE_SECONDS
    tcp = answers["istio_tcp_received"], answers["istio_tcp_sent"]
    yield from _calls(mesh, http, *tcp, latencies, PROMETHEUS, window_s)
    yield from _clusters(mesh, answers["envoy_requests"], answers["envoy_failed"])


def calls_of(mesh: Mesh) -> list[telemetry.Series]:
    """Every call that Istio's metrics tell of, once: Prometheus' where it has any, else the proxies' own."""
    http: Iterable[Sample] = ()
    tcp: Iterable[Sample] = ()
    if mesh.prometheus is not None:
        http, tcp = _answer(mesh.prometheus, "istio_requests"), _answer(mesh.prometheus, "istio_tcp_received")
    if not http and not tcp:
        own, _ = _proxies_samples(mesh)
        http, tcp = own.get("istio_requests_total", ()), own.get("istio_tcp_received_bytes_total", ())
    return telemetry.once(telemetry.series(http)) + telemetry.once(telemetry.series(tcp, "tcp"))


def _answer(prometheus: Prometheus, name: str) -> tuple[Sample, ...]:
    return prometheus.answer(name) if prometheus.has(name) else ()


def _calls(
    mesh: Mesh,
    http: Iterable[Sample],
    sent: Iterable[Sample],
    received: Iterable[Sample],
    latencies: dict[tuple[Node, Node | None, Node | None], float],
    source: str,
    window_s: float,
) -> Iterator[tuple[Pair, Traffic]]:
    sums: dict[Pair, Sum] = {}
    for each in telemetry.once(telemetry.series(http)):
        for total in _totals(mesh, sums, each):
            _add_requests(total, each, window_s)
    for samples, is_sent in ((sent, True), (received, False)):
        for each in telemetry.once(telemetry.series(samples, "tcp")):
            for total in _totals(mesh, sums, each):
                total.protocols.add("tcp")
                total.add_bytes(each.value if is_sent else None, None if is_sent else each.value, 1.0)
                _secure(total, each)
                total.window_s = window_s
    slowest: dict[Pair, float] = {}
    for (client, service, server), value in latencies.items():
        for pair in _pairs(client, service, server):
            slowest[pair] = max(slowest.get(pair, 0.0), value)
    for pair, total in sums.items():
        made = total.traffic(source, "istio_requests_total" if "tcp" not in total.protocols else "istio_tcp_sent_bytes_total")
        yield pair, made if pair not in slowest else _with_latency(made, slowest[pair])


def _with_latency(traffic: Traffic, p95: float) -> Traffic:

    return msgspec.structs.replace(traffic, latency_ms=Latency(p95=round(p95, 1)))


def _add_requests(total: Sum, each: telemetry.Series, window_s: float) -> None:
    requests = each.value * window_s
    failed = _has_failed(each)
    before = total.window_s
    total.add(requests, requests if failed else 0.0, window_s)
    total.window_s = max(before, window_s)
    total.codes[each.code] += round(requests)
    total.protocols.add(each.protocol)
    if failed:
        total.flags.update({f: round(requests) for f in each.flags.split(",") if f not in ("-", "", "DC")})
    _secure(total, each)


def _has_failed(each: telemetry.Series) -> bool:
    if each.protocol == "grpc" and each.code.isdecimal() and len(each.code) < len("200"):
        return each.code != "0"
    return each.code.startswith("5") or each.code == "-"


def _secure(total: Sum, each: telemetry.Series) -> None:
    if each.security == "mutual_tls":
        total.tls += each.value
    elif each.security != "unknown" and each.reporter == "destination":
        total.plain += each.value


def _totals(mesh: Mesh, sums: dict[Pair, Sum], each: telemetry.Series) -> list[Sum]:
    ends = _client(each.source), _service(mesh, each.service), _server(each.destination)
    return [sums.setdefault(pair, Sum()) for pair in _pairs(*ends)]


def _pairs(client: Node, service: Node | None, server: Node | None) -> list[Pair]:
    if service is None:
        return [] if server is None else [(client, server)]
    return [(client, service)] if server is None else [(client, service), (service, server)]


def _ends(mesh: Mesh, sample: Sample) -> tuple[Node, Node | None, Node | None]:
    each = next(telemetry.series([sample]), None)
    if each is None:
        return nodes.STRANGERS, None, None
    return _client(each.source), _service(mesh, each.service), _server(each.destination)


def _client(end: telemetry.End) -> Node:
    if not telemetry.is_known(end.workload):
        return nodes.UNNAMED
    return _workload(end.namespace, end.workload)


def _server(end: telemetry.End) -> Node | None:
    return _workload(end.namespace, end.workload) if telemetry.is_known(end.workload) else None


def _workload(namespace: str, name: str) -> Node:
    """A workload by its labels, which do not tell its kind; `build` puts the node that is known in its place."""
    return Node(Kind.WORKLOAD, namespace, name)


def _service(mesh: Mesh, called: telemetry.Called) -> Node | None:
    if called.name in BLACK_HOLE or not telemetry.is_known(called.namespace):
        host = called.host or called.name
        return Node(Kind.OUTSIDE, "", host) if telemetry.is_known(host) else None
    domain = mesh.cluster.domain
    found = nodes.known_as(mesh, f"{called.name}.{called.namespace}.svc.{domain}") or nodes.known_as(
        mesh, long_name(mesh, called.host.partition(":")[0] or called.name, called.namespace)
    )
    if found:
        return nodes.of_registered(found[0])
    return Node(Kind.SERVICE, called.namespace, called.name, Subject("", "Service", called.namespace, called.name))


def _clusters(mesh: Mesh, requests: Iterable[Sample], failed: Iterable[Sample]) -> Iterator[tuple[Pair, Traffic]]:
    """From a pod to the Service that its cluster is named for; there which endpoint answered is not told."""
    sums: dict[Pair, Sum] = {}
    for samples, fails in ((requests, False), (failed, True)):
        for sample in samples:
            pod, host = _scraped(mesh, sample), log.upstream(sample.labels.get("cluster_name", "").removesuffix(";")).host
            if pod is None or not host:
                continue
            total = sums.setdefault((nodes.of_pod(mesh, pod), nodes.of_host(mesh, host)), Sum())
            count = sample.value * telemetry.RANGE_SECONDS
            if fails:
                total.failed += count
            else:
                total.add(count, 0.0, telemetry.RANGE_SECONDS)
                said = nodes.protocol_of(mesh, sample.labels["cluster_name"].removesuffix(";"))
                total.protocols.update({said} if said else ())
    for pair, total in sums.items():
        if total.per_second is not None:
            yield pair, total.traffic(PROMETHEUS, "envoy_cluster_upstream_rq_total")


def _scraped(mesh: Mesh, sample: Sample) -> Pod | None:
    """The pod that a sample was scraped from; scrape configurations name the labels differently."""
    label = sample.labels.get
    namespace = label("namespace") or label("kubernetes_namespace") or ""
    name = label("pod") or label("pod_name") or label("kubernetes_pod_name") or ""
    return mesh[Pod].seen((namespace, name)) if namespace and name else None
