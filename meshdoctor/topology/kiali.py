"""The graph as Kiali's API gives it (`/api/namespaces/graph`): for those who compare, or feed what reads Kiali.

Sources: kiali, graph/telemetry/istio (nodes and edges), graph/config/common (the JSON).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal

import msgspec

from meshdoctor.istio.telemetry import Called, End, Series, is_known

GraphType = Literal["workload", "app", "versionedApp", "service"]
TCP, GRPC = "tcp", "grpc"
NEVER_THERE = {"PassthroughCluster", "BlackHoleCluster"}


class Vertex(msgspec.Struct, frozen=True):
    """A node as Kiali tells them apart: by `key`."""

    key: str
    node_type: str
    cluster: str
    namespace: str
    workload: str = ""
    app: str = ""
    version: str = ""
    service: str = ""


class Flow(msgspec.Struct):
    """What flows along one edge in one protocol: the rate by (code, flags, host)."""

    source: Vertex
    target: Vertex
    protocol: str
    parts: dict[tuple[str, str, str], float] = {}

    def add(self, parts: dict[tuple[str, str, str], float]) -> None:
        for key, value in parts.items():
            self.parts[key] = self.parts.get(key, 0.0) + value

    @property
    def rate(self) -> float:
        return sum(self.parts.values())


Flows = dict[tuple[str, str, str], Flow]
Services = dict[str, set[tuple[str, str, str]]]  # the services behind which a node was called, by its key


def elements(found: Iterable[Series], graph_type: GraphType, namespaces: frozenset[str]) -> dict[str, Any]:
    """`nodes` and `edges` of Kiali's answer for the namespaces that were asked for. Each call is to be given once."""
    flows: Flows = {}
    behind: Services = {}
    for each in found:
        _add(flows, behind, each, graph_type)
    if graph_type == "service":
        flows = _services_only(flows)
        called = {f.target.key for f in flows.values()} | {f.source.key for f in flows.values()}
        behind = {key: services for key, services in behind.items() if key in called}
    vertices = {v.key: v for f in flows.values() for v in (f.source, f.target)}
    nodes = [_node(v, flows, behind, graph_type, namespaces) for v in vertices.values()]
    boxes = _boxes(vertices.values()) if graph_type == "versionedApp" else {}
    for node in nodes:
        if node["id"] in boxes:
            node["parent"] = boxes[node["id"]]["id"]
    every = {b["id"]: b for b in boxes.values()} | {n["id"]: n for n in nodes}
    edges = [_edge(f, flows) for f in flows.values()]
    return {
        "nodes": [{"data": every[i]} for i in sorted(every)],
        "edges": [{"data": e} for e in sorted(edges, key=lambda e: str(e["id"]))],
    }


def _add(flows: Flows, behind: Services, each: Series, graph_type: GraphType) -> None:
    source = _vertex(each.source, Called(), graph_type, is_source=True)
    target = _vertex(each.destination, each.service, graph_type)
    stops = [source, target]
    if graph_type == "service" and is_known(each.service.name) and target.node_type != "service":
        stops.insert(1, _vertex(End(each.service.cluster), each.service, graph_type))
    parts = {(each.code, each.flags, each.service.host): each.value}
    for one, other in pairwise(stops):
        flow = flows.setdefault((one.key, other.key, each.protocol), Flow(one, other, each.protocol, {}))
        flow.add(parts)
        if is_known(each.service.name):
            behind.setdefault(other.key, set()).add((each.service.cluster, each.service.namespace, each.service.name))


def _vertex(end: End, service: Called, graph_type: GraphType, *, is_source: bool = False) -> Vertex:
    """Which node an end is: by workload or app, else by service, else unknown."""
    cluster, namespace = end.cluster, end.namespace
    has_app, has_workload = is_known(end.app), is_known(end.workload)
    if has_app and graph_type == "app":
        return Vertex(f"app_{cluster}_{namespace}_{end.app}", "app", cluster, namespace, app=end.app)
    if has_app and graph_type == "versionedApp":
        own = end.workload if has_workload else f"{end.app}_{end.version}"
        return Vertex(f"vapp_{cluster}_{namespace}_{own}", "app", cluster, namespace, end.workload, end.app, end.version)
    if has_workload:
        return Vertex(
            f"wl_{cluster}_{namespace}_{end.workload}", "workload", cluster, namespace, end.workload, end.app, end.version
        )
    if is_source:
        return Vertex(f"{cluster}_unknown_source", "unknown", cluster, namespace, end.workload, end.app, end.version)
    where, name = service.namespace or "unknown", service.name or "unknown"
    return Vertex(f"svc_{service.cluster}_{where}_{name}", "service", service.cluster, where, service=name)


def _services_only(flows: Flows) -> Flows:
    """Workloads behind services give their calls to these; of the other workloads those stay that nobody calls."""
    called = {f.target.key for f in flows.values() if f.source.key != f.target.key}
    leaving: dict[str, list[Flow]] = {}
    for flow in flows.values():
        leaving.setdefault(flow.source.key, []).append(flow)
    made: Flows = {}
    for flow in flows.values():
        if flow.target.node_type != "service":
            continue
        if flow.source.node_type != "service" and flow.source.key not in called:
            _join(made, flow.source, flow)
    for front in {f.source for f in flows.values() if f.source.node_type == "service"}:
        workloads = {f.target.key for f in leaving[front.key] if f.target.node_type != "service"}
        for flow in (f for key in sorted(workloads) for f in leaving.get(key, ())):
            if flow.target.node_type == "service":
                _join(made, front, flow)
    return made


def _join(made: Flows, source: Vertex, flow: Flow) -> None:
    key = (source.key, flow.target.key, flow.protocol)
    made.setdefault(key, Flow(source, flow.target, flow.protocol, {})).add(flow.parts)


def identity(key: str) -> str:
    """The id of a node or edge in Kiali's JSON."""
    return sha256(key.encode()).hexdigest()


def _node(vertex: Vertex, flows: Flows, behind: Services, graph_type: GraphType, namespaces: frozenset[str]) -> dict[str, Any]:
    coming = [f for f in flows.values() if f.target.key == vertex.key]
    going = [f for f in flows.values() if f.source.key == vertex.key]
    node: dict[str, Any] = {
        "id": identity(vertex.key),
        "nodeType": vertex.node_type,
        "cluster": vertex.cluster,
        "namespace": vertex.namespace,
        "workload": vertex.workload,
        "app": vertex.app,
        "version": vertex.version,
        "service": vertex.service,
        "destServices": [{"cluster": c, "namespace": n, "name": s} for c, n, s in sorted(behind.get(vertex.key, ()))],
        "traffic": _node_traffic(coming, going),
    }
    node = {key: value for key, value in node.items() if value} | {"healthData": None}
    knows = is_known(vertex.namespace)
    marks = {
        "isInaccessible": vertex.namespace not in namespaces or vertex.service in NEVER_THERE,
        "isInjected": graph_type == "service" and vertex.node_type == "service" and knows,
        "isOutside": knows and vertex.namespace not in namespaces,
        "isRoot": not coming,
    }
    return node | {name: True for name, holds in marks.items() if holds}


def _node_traffic(coming: list[Flow], going: list[Flow]) -> list[dict[str, Any]]:
    told = []
    for protocol in sorted({f.protocol for f in (*coming, *going)}):
        rates: dict[str, float] = {}
        for flow in (f for f in coming if f.protocol == protocol):
            _add_rates(rates, flow, f"{protocol}In")
        out = sum(f.rate for f in going if f.protocol == protocol)
        if out:
            rates[f"{protocol}Out"] = out
        told.append({"protocol": protocol, "rates": {name: f"{value:.2f}" for name, value in rates.items()}})
    return told


def _add_rates(rates: dict[str, float], flow: Flow, name: str) -> None:
    """The whole rate under its name, and each kind of failure beside it."""
    for (code, flags, _), value in flow.parts.items():
        rates[name] = rates.get(name, 0.0) + value
        kind = _kind(flow.protocol, code) if flags else ""  # metrics of messages tell neither flags nor codes
        if kind:
            rates[name + kind] = rates.get(name + kind, 0.0) + value


def _kind(protocol: str, code: str) -> str:
    """What Kiali calls a code beside success: 3xx, 4xx, 5xx, Err (gRPC), NoResponse."""
    if protocol == TCP:
        return ""
    if code == "-":
        return "NoResponse"
    if protocol == GRPC:
        return "" if code == "0" else "Err"
    return f"{code[0]}xx" if code[:1] in ("3", "4", "5") else ""


def _edge(flow: Flow, flows: Flows) -> dict[str, Any]:
    source, target = identity(flow.source.key), identity(flow.target.key)
    return {
        "id": identity(f"{source}.{target}.{flow.protocol}"),
        "source": source,
        "target": target,
        "traffic": {"protocol": flow.protocol, "rates": _edge_rates(flow, flows), "responses": _responses(flow)},
    }


def _edge_rates(flow: Flow, flows: Flows) -> dict[str, str]:
    rates: dict[str, float] = {}
    _add_rates(rates, flow, flow.protocol)
    told = {name: f"{value:.2f}" for name, value in rates.items()}
    if flow.protocol != TCP:
        failed = sum(v for name, v in rates.items() if name.endswith(("4xx", "5xx", "Err", "NoResponse")))
        everything = sum(f.rate for f in flows.values() if f.source.key == flow.source.key and f.protocol == flow.protocol)
        if failed:
            told[f"{flow.protocol}PercentErr"] = f"{100 * failed / flow.rate:.1f}"
        told[f"{flow.protocol}PercentReq"] = f"{100 * flow.rate / everything:.1f}"
    return told


def _responses(flow: Flow) -> dict[str, dict[str, dict[str, str]]]:
    """By code: the share that each flag and each host has of the whole edge."""
    shares: dict[str, dict[str, dict[str, float]]] = {}
    for (code, flags, host), value in flow.parts.items():
        for name, what in (("flags", flags), ("hosts", host)):
            if what:
                of = shares.setdefault(code, {}).setdefault(name, {})
                of[what] = of.get(what, 0.0) + 100 * value / flow.rate
    return {code: {name: {k: f"{v:.1f}" for k, v in of.items()} for name, of in by.items()} for code, by in shares.items()}


def _boxes(vertices: Iterable[Vertex]) -> dict[str, dict[str, Any]]:
    """For apps with several versions: the box around these, by the id of each."""
    members: dict[tuple[str, str, str], list[Vertex]] = {}
    for vertex in vertices:
        if vertex.node_type == "app":
            members.setdefault((vertex.cluster, vertex.namespace, vertex.app), []).append(vertex)
    made: dict[str, dict[str, Any]] = {}
    for (cluster, namespace, app), found in members.items():
        if len(found) > 1:
            box: dict[str, Any] = {"id": identity(f"box_{cluster}_{namespace}_{app}"), "nodeType": "box", "cluster": cluster}
            box |= {"namespace": namespace, "app": app, "healthData": None, "isBox": "app"}
            made |= {identity(v.key): box for v in found}
    return made
