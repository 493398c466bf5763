"""Adds up what several proxies tell of one edge."""

from __future__ import annotations

import math
from collections import Counter

from meshdoctor.topology.parts import Latency, Traffic

CHANCE = 4.0  # three standard deviations, and more since requests come in pairs and bursts
ENOUGH = 5  # requests, from which shares of their times mean something


def is_same_rate(count: float, seconds: float, per_second: float) -> bool:
    """Whether so many requests in so many seconds may be chance at that rate."""
    expected = per_second * seconds
    return abs(count - expected) <= CHANCE * math.sqrt(expected) + 1


class Sum:
    """A running total. Rates are added proxy by proxy, each over its own window."""

    def __init__(self) -> None:
        self.requests = 0.0
        self.per_second: float | None = None
        self.failed = 0.0
        self.window_s = 0.0
        self.codes: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.took_ms: list[int] = []
        self.tls = self.plain = 0.0
        self.sent: float | None = None
        self.received: float | None = None
        self.protocols: set[str] = set()
        self.open: int | None = None

    def add(self, requests: float, failed: float, window_s: float) -> None:
        """So many requests, of which so many failed, within so many seconds at one more proxy."""
        self.requests += requests
        self.failed += failed
        self.per_second = (self.per_second or 0.0) + requests / window_s
        self.window_s = max(self.window_s, window_s)

    def add_bytes(self, sent: float | None, received: float | None, window_s: float) -> None:
        """Bytes that the client sent and received."""
        self.sent = self.sent if sent is None else (self.sent or 0.0) + sent / window_s
        self.received = self.received if received is None else (self.received or 0.0) + received / window_s

    def traffic(self, source: str, how: str, *, age_s: float = 0.0) -> Traffic:
        """The total as the figures of an edge."""
        secured = self.tls + self.plain
        return Traffic(
            source=source,
            how=how,
            window_s=round(self.window_s, 1),
            per_second=None if self.per_second is None else round(self.per_second, 3),
            age_s=age_s,
            requests=None if self.per_second is None else self.requests,
            failed=None if self.per_second is None else self.failed,
            protocol=next(iter(self.protocols)) if len(self.protocols) == 1 else "mixed" if self.protocols else None,
            codes=dict(sorted(self.codes.items())),
            flags=dict(sorted(self.flags.items())),
            latency_ms=latency(self.took_ms),
            mtls_share=round(self.tls / secured, 4) if secured else None,
            bytes_sent_per_s=None if self.sent is None else round(self.sent, 1),
            bytes_received_per_s=None if self.received is None else round(self.received, 1),
            open_connections=self.open,
        )


def latency(took_ms: list[int]) -> Latency | None:
    """The times by which half, 95 and 99 of a hundred were answered; None where too few are known."""
    if len(took_ms) < ENOUGH:
        return None
    ordered = sorted(took_ms)

    def at(share: float) -> float:
        return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])

    return Latency(p50=at(0.5), p95=at(0.95), p99=at(0.99))
