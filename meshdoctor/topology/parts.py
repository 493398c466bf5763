"""Nodes and edges of the service graph."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from meshdoctor.model.subject import Subject


class Kind(StrEnum):
    """What a node stands for."""

    WORKLOAD = "workload"
    GATEWAY = "gateway"
    SERVICE = "service"
    ENTRY = "service entry"
    OUTSIDE = "outside"


class Node(msgspec.Struct, frozen=True, order=True):
    """One node. An outside host has no namespace; it is named as its callers write it."""

    kind: Kind
    namespace: str
    name: str
    subject: Subject = Subject()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Edge(msgspec.Struct, frozen=True):
    """One call: who calls, who is called, and what is known of it.

    `sources` tell from what: `observed by Envoy` (the caller's access log of the last `window_s` seconds), `configured`
    (a route, or a Service's selector). Figures that nobody observed are None, never zero.
    """

    client: Node
    server: Node
    sources: tuple[str, ...]
    requests: int | None = None
    failed: int | None = None
    window_s: float | None = None
    flags: dict[str, int] = {}  # response flags of what failed, to how often

    @property
    def per_second(self) -> float | None:
        if self.requests is None or not self.window_s:
            return None
        return round(self.requests / self.window_s, 2)
