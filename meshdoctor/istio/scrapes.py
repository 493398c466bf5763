"""What a proxy's counters gained between two looks, or why that cannot be told."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.model.envoy import Envoy
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.traffic import HostCounts

LEAST = 0.5  # seconds: two looks as near as that tell no rate


class Gained(msgspec.Struct, frozen=True):
    """What one endpoint of one cluster got from one proxy within `window_s` seconds; `unknown` says why that is not known."""

    cluster: str
    address: str  # `IP:PORT`
    window_s: float
    requests: int = 0
    failed: int = 0
    is_http: bool = False  # some answer had a status
    open: int = 0
    unknown: str = ""


def window(envoy: Envoy) -> float:
    """The seconds between the two looks. Raises Unseen where the proxy began anew between them, or the clock stood still."""
    first, second = envoy.scrapes
    seconds = second.at - first.at
    if seconds < LEAST:
        raise _unseen(envoy, "the two looks are too near to each other")
    if first.uptime_s is not None and second.uptime_s is not None:
        if second.uptime_s < first.uptime_s:
            raise _unseen(envoy, "the proxy was restarted between the two looks, so its counters began anew")
        if second.uptime_s == first.uptime_s and seconds > STATS_FLUSH:
            raise _unseen(envoy, "both looks gave the same moment: a recording, or a proxy that hangs")
    return seconds


STATS_FLUSH = 6.0  # seconds: Envoy renews `server.uptime` every five


def gained(envoy: Envoy) -> Iterator[Gained]:
    """Each endpoint that was ever asked through this proxy. Raises Unseen as `window` does."""
    first, second = envoy.scrapes
    seconds = window(envoy)
    if not (first.has_hosts and second.has_hosts):
        return
    for key, after in second.hosts.items():
        yield _gained(key, first.hosts.get(key, HostCounts()), after, seconds)
    for cluster, address in first.hosts.keys() - second.hosts.keys():
        why = f"{address} was taken away between the two looks at {envoy.namespace}/{envoy.name}, with its counters"
        yield Gained(cluster, address, seconds, unknown=why)


def _gained(key: tuple[str, str], before: HostCounts, after: HostCounts, seconds: float) -> Gained:
    requests = after.requests - before.requests
    errors = after.errors - before.errors
    refused = after.refused - before.refused
    answered = after.succeeded - before.succeeded
    if min(requests, errors, refused, answered) < 0:
        return Gained(*key, seconds, unknown="its counters were set back between the two looks")
    is_http = after.succeeded + after.errors > 0
    return Gained(*key, seconds, requests, errors if is_http else refused, is_http, after.open)


class ClusterGained(msgspec.Struct, frozen=True):
    """What a whole cluster got, where the proxy keeps its stats: None for a counter that it does not keep."""

    cluster: str
    window_s: float
    requests: int | None = None
    failed: int | None = None
    bytes_sent: int | None = None  # to the server
    bytes_received: int | None = None


def clusters_gained(envoy: Envoy) -> Iterator[ClusterGained]:
    """Each cluster with counters in `/stats`; one whose counters fell is left out. Raises Unseen as `window` does."""
    first, second = envoy.scrapes
    seconds = window(envoy)
    names = dict.fromkeys(cluster for cluster, _ in second.clusters)

    def more(cluster: str, counter: str) -> int | None:
        after = second.clusters.get((cluster, counter))
        return None if after is None else after - first.clusters.get((cluster, counter), 0)

    for name in names:
        requests, failed = more(name, "upstream_rq_total"), more(name, "upstream_rq_5xx")
        sent, received = more(name, "upstream_cx_tx_bytes_total"), more(name, "upstream_cx_rx_bytes_total")
        if all(n is None or n >= 0 for n in (requests, failed, sent, received)):
            # with `usedonly` a counter that is not there was never counted up
            failed = 0 if failed is None and requests is not None else failed
            yield ClusterGained(name, seconds, requests, failed, sent, received)


def _unseen(envoy: Envoy, why: str) -> Unseen:
    return Unseen(Source(name=f"counters of {envoy.namespace}/{envoy.name}", state=SourceState.ERROR, reason=why))
