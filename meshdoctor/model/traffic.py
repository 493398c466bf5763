"""Counters of one proxy at two moments: what moved between them is traffic."""

from __future__ import annotations

import msgspec

from meshdoctor.model.istiod import Sample


class HostCounts(msgspec.Struct, frozen=True):
    """The counters of one endpoint of a cluster since it was added: `/clusters` has them whatever stats are kept."""

    requests: int = 0  # rq_total; for TCP the connections that were passed on
    succeeded: int = 0
    errors: int = 0  # 5xx and resets
    timeouts: int = 0
    connections: int = 0
    refused: int = 0  # cx_connect_fail
    open: int = 0  # connections now


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a proxy.

    `at` is seconds on the observer's steady clock, so that two of one proxy give a window whatever the wall clocks say.
    `uptime_s` is `server.uptime`: where it fell, the proxy began anew. `hosts` is by (cluster, `address:port`); `clusters`
    are the counters of `/stats` by (cluster, counter), where the proxy keeps any; `series` are its `istio_*` metrics.
    """

    at: float
    uptime_s: int | None = None
    hosts: dict[tuple[str, str], HostCounts] = {}
    has_hosts: bool = True  # false where the answer was too large: then only `clusters` are known
    clusters: dict[tuple[str, str], int] = {}
    series: tuple[Sample, ...] = ()
