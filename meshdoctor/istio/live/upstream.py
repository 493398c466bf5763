"""From a cluster of an Envoy to its endpoints: which there are, and how they are spoken to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.steps import BLACKHOLE, PASSTHROUGH, Step
from meshdoctor.model.envoy_config import Cluster, Endpoints, EnvoyConfig, LbEndpoint, Socket
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject

WELL = ("HEALTHY", "DEGRADED", "UNKNOWN")
LABELS = "envoy.transport_socket_match"
_RULE = re.compile(r"/namespaces/([^/]+)/destination-?rule/([^/]+)$")


def cluster_steps(config: EnvoyConfig, name: str, share: str) -> Iterator[Step]:
    """One cluster that a request may go to, with its share of the requests in percent."""
    part = "" if share == "100" else f", {share} % of the requests"
    if name in (BLACKHOLE, PASSTHROUGH):
        ends = name == BLACKHOLE
        says = f"{name}: {'nothing is sent on' if ends else 'sent to the address itself, as plain as it came'}"
        yield Step("cluster", says, cluster=name, decides=share, is_end=ends)
        return
    try:
        cluster: Cluster | None = config.some("clusters", name).get(name)
    except Unseen as unseen:
        yield Step("cluster", f"{name}{part}", cluster=name, decides=share)
        yield Step("destination rule", f"unknown: {unseen}", cluster=name, is_unknown=True)
        return
    if cluster is None:
        yield Step("cluster", f"{name}{part}: Envoy has none of that name: 503 NC", cluster=name, decides=share, is_end=True)
        return
    yield Step("cluster", f"{name}{part}", cluster=name, decides=share)
    made = _RULE.search(cluster.metadata.config)
    rule = Subject(DestinationRule.GROUP, DestinationRule.KIND, made[1], made[2]) if made else None
    says = f"made of {rule}" if rule else "of none: the defaults of the mesh"
    yield Step("destination rule", says, rule, cluster=name, decides=str(rule) if rule else "none")
    yield from _endpoints(config, cluster)


def _endpoints(config: EnvoyConfig, cluster: Cluster) -> Iterator[Step]:
    if cluster.type != "EDS":
        how = "the address that the client called" if cluster.type == "ORIGINAL_DST" else "what DNS says"
        yield Step("endpoints", f"{cluster.type}: {how}", cluster=cluster.name)
        yield _security(cluster, ())
        return
    try:
        told: Endpoints | None = config.some("endpoints", cluster.name).get(cluster.name)
    except Unseen as unseen:
        yield Step("endpoints", f"unknown: {unseen}", cluster=cluster.name, is_unknown=True)
        return
    every = told.all if told else ()
    well = [e for e in every if e.health_status in WELL]
    flag = "" if well else ": 503 UH"
    says = f"{len(well)} of {len(every)} endpoints are healthy{flag}"
    ips = " ".join(sorted({e.ip for e in every}))
    yield Step("endpoints", says, cluster=cluster.name, decides=ips, is_end=not well)
    if every:
        yield _security(cluster, every)


def _security(cluster: Cluster, endpoints: tuple[LbEndpoint, ...]) -> Step:
    """What Envoy sends: by each endpoint's labels where the cluster has several transport sockets."""
    if cluster.transport_socket_matches and any(e.metadata is None for e in endpoints):
        return Step("mutual TLS", "unknown: the endpoints' labels were not read", cluster=cluster.name, is_unknown=True)
    labels = [e.metadata.filter_metadata.get(LABELS, {}) for e in endpoints if e.metadata is not None] or [{}]
    found = sorted({_spoken(_socket(cluster, each)) for each in labels})
    by_label = f" (by the tlsMode of {len(endpoints)} endpoints)" if cluster.transport_socket_matches and endpoints else ""
    return Step("mutual TLS", f"Envoy sends {', '.join(found)}{by_label}", cluster=cluster.name, decides=", ".join(found))


def _socket(cluster: Cluster, labels: dict[str, object]) -> Socket | None:
    fit = (m.transport_socket for m in cluster.transport_socket_matches if m.match.items() <= labels.items())
    return next(fit, cluster.transport_socket)


def _spoken(socket: Socket | None) -> str:
    """`mTLS` with a certificate of its own, `TLS` without, or `plain text`."""
    if socket is None or "raw_buffer" in socket.name:
        return "plain text"
    context = socket.typed_config.get("common_tls_context") or {}
    shown = context.get("tls_certificate_sds_secret_configs") or context.get("tls_certificates")
    return "mTLS" if shown else "TLS"
