"""The health of an edge: what its caller allows of what it sends, and its server of what it takes; the worse counts."""

from __future__ import annotations

import msgspec

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.workloads import DaemonSet, Deployment, StatefulSet
from meshdoctor.topology.health import NO_ANSWER, WORSE, Judged, Tolerance, of_requests, tolerances
from meshdoctor.topology.parts import Edge, Node, Traffic

LONG = 5  # characters of a pattern that is no single class of codes
ANNOTATED: dict[str, type[KubernetesObject]] = {
    "Service": Service,
    "Deployment": Deployment,
    "StatefulSet": StatefulSet,
    "DaemonSet": DaemonSet,
}


def judged(mesh: Mesh, edge: Edge) -> Edge:
    """The edge with its health, and the threshold that decided where something failed."""
    traffic = edge.best
    if traffic is None or not traffic.requests or edge.protocol == "tcp":
        return edge
    codes = {traffic.protocol if traffic.protocol in ("http", "grpc") else "http": codes_of(traffic)}
    both = (
        of_requests({}, codes, _allowed(mesh, edge.client)),
        of_requests(codes, {}, _allowed(mesh, edge.server)),
    )
    worse = max(both, key=lambda j: WORSE.index(j.status))
    return msgspec.structs.replace(edge, health=worse.status.value, threshold=_words(worse), errors=_errors(worse))


def codes_of(traffic: Traffic) -> dict[str, float]:
    """Requests by code. Counters tell 5xx (and resets) from the others only."""
    if traffic.codes:
        return traffic.codes
    failed = traffic.failed or 0.0
    return {"200": (traffic.requests or 0.0) - failed, "500": failed}


def _words(judged: Judged) -> str:
    return f"{judged.error_percent:.1f} % are {judged.by}" if judged.by is not None and judged.error_percent > 0 else ""


def _errors(judged: Judged) -> str:
    if judged.error_percent <= 0 or judged.by is None:
        return ""
    share = "<1" if judged.error_percent < 1 else f"{judged.error_percent:.0f}"
    return f"{share} % {'lost' if judged.by.code == NO_ANSWER else judged.by.code if len(judged.by.code) < LONG else 'gRPC'}"


def _allowed(mesh: Mesh, node: Node) -> tuple[Tolerance, ...]:
    kind = ANNOTATED.get(node.subject.kind)
    found: KubernetesObject | None = None
    if kind is not None and mesh.state(kind) in USABLE:
        found = mesh[kind].seen((node.namespace, node.name))
    return tolerances(node.namespace, node.kind.value, node.name, found.annotations if found else None)
