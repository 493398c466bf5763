"""Istio's standard metrics: their labels, the queries that ask Prometheus for traffic, and what a series says of one call.

Sources: istio.io, Istio Standard Metrics; kiali, graph/telemetry/istio (which reporter is believed, how destinations that
nobody knows are named). Bytes of TCP are told from the proxy's side: `sent` is what the client received (istio#32399).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio.scrapes import window
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.istiod import Sample

RANGE = "1m"
RANGE_SECONDS = 60.0
ENDS = (
    "source_cluster", "source_workload_namespace", "source_workload", "source_canonical_service", "source_canonical_revision",
    "destination_cluster", "destination_service_namespace", "destination_service", "destination_service_name",
    "destination_workload_namespace", "destination_workload", "destination_canonical_service",
    "destination_canonical_revision", "reporter", "connection_security_policy", "response_flags",
)  # fmt: skip
CODES = ("request_protocol", "response_code", "grpc_response_status")
UNKNOWN = ("", "unknown")


def _rate(metric: str, by: Iterable[str]) -> str:
    return f"sum by ({','.join(by)}) (rate({metric}[{RANGE}])) > 0"


def _quantile(share: float) -> str:
    by = ("le", *(e for e in ENDS if e not in ("connection_security_policy", "response_flags", "reporter")))
    buckets = 'istio_request_duration_milliseconds_bucket{reporter="destination"}'
    return f"histogram_quantile({share}, sum by ({','.join(by)}) (rate({buckets}[{RANGE}]))) > 0"


PODS = ("namespace", "pod", "pod_name", "kubernetes_namespace", "kubernetes_pod_name", "cluster_name")
CLUSTER = '{cluster_name=~"outbound.*"}'
TRAFFIC = {
    "istio_requests": _rate("istio_requests_total", ENDS + CODES),
    "istio_tcp_sent": _rate("istio_tcp_sent_bytes_total", ENDS),
    "istio_tcp_received": _rate("istio_tcp_received_bytes_total", ENDS),
    "istio_p95": _quantile(0.95),
    "envoy_requests": _rate(f"envoy_cluster_upstream_rq_total{CLUSTER}", PODS),
    "envoy_failed": _rate('envoy_cluster_upstream_rq_xx{cluster_name=~"outbound.*",envoy_response_code_class="5"}', PODS),
}
"""Queries by name; each answers rates a second over the last minute. Ready for `ask_prometheus`."""


class End(msgspec.Struct, frozen=True, order=True):
    """One end of a call as metrics label it; every part may be `unknown` or empty."""

    cluster: str = ""
    namespace: str = ""
    workload: str = ""
    app: str = ""
    version: str = ""


class Called(msgspec.Struct, frozen=True, order=True):
    """The service that was called: `host` is `destination_service`, as the client asked for it."""

    cluster: str = ""
    namespace: str = ""
    name: str = ""
    host: str = ""


class Series(msgspec.Struct, frozen=True):
    """One series as a call: who, what, whom, how often a second (bytes a second for TCP)."""

    source: End
    service: Called
    destination: End
    reporter: str
    protocol: str  # http, grpc, tcp
    code: str  # the gRPC status of gRPC; `-` where there was no answer
    flags: str
    security: str  # mutual_tls, none, or unknown
    value: float


def is_known(text: str) -> bool:
    """Whether a label tells something."""
    return text not in UNKNOWN


def series(samples: Iterable[Sample], protocol: str = "") -> Iterator[Series]:
    """The calls that samples of `istio_requests_total` tell of, those left out that name nobody.

    Metrics of TCP and of gRPC messages do not label their `protocol`: it is given.
    """
    for sample in samples:
        made = _series(sample, protocol)
        if made is not None:
            yield made


def _series(sample: Sample, given: str) -> Series | None:
    label = sample.labels.get
    source = End(
        label("source_cluster", "unknown"),
        label("source_workload_namespace", ""),
        label("source_workload", ""),
        label("source_canonical_service", ""),
        label("source_canonical_revision", ""),
    )
    if _names_nobody(source):
        return None
    service, destination = _destination(sample, source)
    if is_ip(service.host) and not is_known(destination.workload):
        return None
    protocol = given or label("request_protocol", "")
    return Series(
        source,
        service,
        destination,
        label("reporter", ""),
        protocol,
        _code(sample, protocol),
        "" if given == "grpc" else label("response_flags", ""),  # of messages, not of requests
        label("connection_security_policy", "unknown"),
        sample.value,
    )


def _names_nobody(source: End) -> bool:
    """A namespace whose workload and app are both unknown is telemetry of a pod that was just starting."""
    return is_known(source.namespace) and not is_known(source.workload) and not is_known(source.app)


def _destination(sample: Sample, source: End) -> tuple[Called, End]:
    """What was called. Where the other end was never reached its cluster is unknown, and the caller's is taken."""
    label = sample.labels.get
    cluster = label("destination_cluster", "unknown")
    namespace = label("destination_service_namespace", "")
    workload = label("destination_workload", "")
    name = label("destination_service_name", "")
    if not is_known(cluster) and is_known(namespace):
        cluster = source.cluster
    own = label("destination_workload_namespace", "")
    end = End(cluster, own, workload, label("destination_canonical_service", ""), label("destination_canonical_revision", ""))
    return Called(cluster, namespace, name, label("destination_service", "")), end


def _code(sample: Sample, protocol: str) -> str:
    """The status: of gRPC its own, unless HTTP failed before; `-` for none."""
    code = sample.labels.get("response_code", "")
    if protocol == "tcp":
        return "-"
    if protocol == "grpc":
        status = sample.labels.get("grpc_response_status", "")
        if status and code == "200":
            return status
    return "-" if code in ("0", "") else code


def is_ip(host: str) -> bool:
    """Whether a host is an IPv4 address, with or without a port."""
    parts = host.partition(":")[0].split(".")
    return len(parts) == 4 and all(p.isdecimal() for p in parts)


def once(found: Iterable[Series]) -> list[Series]:
    """Each call once: both proxies report it, and where the server's did, its word is taken (it knows about TLS)."""
    groups: dict[tuple[object, ...], dict[str, list[Series]]] = {}
    for each in found:
        key = (each.source, each.service, each.destination, each.protocol, each.code, each.flags)
        groups.setdefault(key, {}).setdefault(each.reporter, []).append(each)
    return [s for by in groups.values() for s in by.get("destination") or by.get("waypoint") or next(iter(by.values()))]


def moved(envoy: Envoy) -> list[Sample]:
    """What the `istio_*` metrics of one proxy gained a second between its two looks; raises Unseen where it has none."""
    first, second = envoy.scrapes
    seconds = window(envoy)
    before = {_key(s): s.value for s in first.series}
    gained = (Sample(s.name, s.labels, (s.value - before.get(_key(s), 0.0)) / seconds) for s in second.series)
    return [s for s in gained if s.value > 0]


def _key(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    return sample.name, tuple(sorted(sample.labels.items()))
