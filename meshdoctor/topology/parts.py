"""Nodes and edges of the service graph, and the figures of an edge with where each comes from."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from meshdoctor.model.subject import Subject

ENVOY, PROMETHEUS, CONFIGURED, DECLARED = "observed by Envoy", "observed by Prometheus", "configured", "declared"


SILENCE, LONGEST_GAP = 10.0, 60.0  # usual gaps between two requests (which come in pairs and bursts), and seconds
READING = 5.0  # seconds that logs may be older than the rest of a look


class Kind(StrEnum):
    """What a node stands for."""

    WORKLOAD = "workload"
    GATEWAY = "gateway"
    SERVICE = "service"
    ENTRY = "service entry"
    APP = "app"
    NAMESPACE = "namespace"
    OUTSIDE = "outside"


class Node(msgspec.Struct, frozen=True, order=True):
    """One node. An outside host has no namespace; it is named as its callers write it."""

    kind: Kind
    namespace: str
    name: str
    subject: Subject = Subject()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def is_over(silence_s: float, per_second: float) -> bool:
    """Whether a silence, as old as the last request, is longer than chance makes it at that rate."""
    return max(0.0, silence_s - READING) * per_second >= SILENCE or silence_s >= LONGEST_GAP


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds until a request was answered, at three shares of the requests; None where only some are told."""

    p95: float
    p50: float | None = None
    p99: float | None = None


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What one source tells of an edge. What it does not tell is None, never zero.

    `how` names the measure (`counters`, `access log`, `istio_requests_total`, ...), `window_s` the seconds that it covers and
    `age_s` how old its end is. `is_partial`: some proxies that take part were not asked, so that more may flow than is told.
    """

    source: str
    how: str
    window_s: float
    per_second: float | None = None  # requests, or connections of TCP
    age_s: float = 0.0
    requests: float | None = None
    failed: float | None = None
    protocol: str | None = None
    codes: dict[str, float] = {}
    flags: dict[str, float] = {}  # response flags of what failed, to how often
    latency_ms: Latency | None = None
    mtls_share: float | None = None  # 0 to 1, of what the server's side told
    bytes_sent_per_s: float | None = None  # by the client
    bytes_received_per_s: float | None = None
    open_connections: int | None = None  # of TCP: they may last, and count as one request each
    is_partial: bool = False

    @property
    def is_flowing(self) -> bool:
        """Whether there is traffic now: a silence longer than a few usual gaps is an end. `age_s` is that of the last request."""
        if not self.per_second:
            return False
        return not is_over(self.age_s, self.per_second)

    @property
    def error_share(self) -> float | None:
        """The failed part, 0 to 1; None where nothing was asked for."""
        return None if not self.requests or self.failed is None else min(1.0, self.failed / self.requests)


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One call: who calls, who is called, and what each source tells of it, the one to believe first.

    `sources` are `observed by Envoy`, `observed by Prometheus`, `configured` (a route, or a Service's selector) and `declared`
    (an egress host of a Sidecar, an endpoint of a ServiceEntry). `unknown` says why nobody's figures are known.
    """

    client: Node
    server: Node
    sources: tuple[str, ...]
    traffic: tuple[Traffic, ...] = ()
    unknown: str = ""
    health: str = "NA"  # as `meshdoctor.topology.health` says it
    threshold: str = ""  # what decided on the health
    errors: str = ""  # the share that decided, where something failed: `33 % 4XX`; `lost` had no answer

    @property
    def best(self) -> Traffic | None:
        """The source to believe for how much there is."""
        return next((t for t in self.traffic if t.per_second is not None), None)

    @property
    def per_second(self) -> float | None:
        return None if self.best is None else self.best.per_second

    @property
    def requests(self) -> float | None:
        return None if self.best is None else self.best.requests

    @property
    def failed(self) -> float | None:
        return None if self.best is None else self.best.failed

    @property
    def error_share(self) -> float | None:
        return None if self.best is None else self.best.error_share

    @property
    def window_s(self) -> float | None:
        return None if self.best is None else self.best.window_s

    @property
    def is_carrying(self) -> bool:
        """Whether traffic flows now, as far as was seen; a TCP connection that is open may carry some at any time."""
        return any(t.is_flowing for t in self.traffic) or (self.protocol == "tcp" and any(t.open_connections for t in self.traffic))

    @property
    def protocol(self) -> str | None:
        return next((t.protocol for t in self.traffic if t.protocol), None)

    @property
    def latency_ms(self) -> Latency | None:
        return next((t.latency_ms for t in self.traffic if t.latency_ms), None)

    @property
    def mtls_share(self) -> float | None:
        return next((t.mtls_share for t in self.traffic if t.mtls_share is not None), None)

    @property
    def flags(self) -> dict[str, float]:
        return next((t.flags for t in self.traffic if t.flags), {})

    @property
    def bytes_per_s(self) -> tuple[float | None, float | None]:
        """Sent and received by the client, each a second."""
        told = next((t for t in self.traffic if t.bytes_sent_per_s is not None or t.bytes_received_per_s is not None), None)
        return (told.bytes_sent_per_s, told.bytes_received_per_s) if told else (None, None)
