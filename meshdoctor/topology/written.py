"""Edges that somebody wrote: routes of gateways and selectors of Services (configured), Sidecars and ServiceEntries (declared)."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.gateways import MESH, gateway_of, gateway_pods_of
from meshdoctor.istio.hosts import long_name, registered
from meshdoctor.istio.routing import destinations
from meshdoctor.istio.workloads import live_pods, pods_of
from meshdoctor.model import gatewayapi
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar, VirtualService
from meshdoctor.topology import nodes
from meshdoctor.topology.parts import Node

Pair = tuple[Node, Node]
ROUTES = (gatewayapi.HTTPRoute, gatewayapi.GRPCRoute, gatewayapi.TLSRoute, gatewayapi.TCPRoute)
OF_GATEWAY = "gateway.networking.k8s.io/gateway-name"


def routed(mesh: Mesh) -> Iterator[Pair]:
    """Where gateways send what they take. Who follows the routes of sidecars is observed, not configured."""
    for virtual_service in mesh[VirtualService]:
        for route in destinations(virtual_service, mesh.cluster.domain):
            for name in route.gateways:
                gateway = gateway_of(mesh, name) if name != MESH else None
                if gateway is None or route.is_idle:
                    continue
                fronts = {nodes.of_pod(mesh, pod) for pod in gateway_pods_of(mesh, gateway)}
                for found in registered(mesh, route.host)[:1]:
                    yield from ((front, nodes.of_registered(found)) for front in fronts)


def attached(mesh: Mesh) -> Iterator[Pair]:
    """The same for routes of the Gateway API: from the pods that run a Gateway to the backends."""
    for kind in ROUTES:
        if mesh.state(kind) not in USABLE:
            continue
        for route in mesh[kind]:
            for parent in (p for p in route.spec.parent_refs if p.kind == "Gateway"):
                namespace = parent.namespace or route.namespace
                pods = live_pods(mesh, namespace, {OF_GATEWAY: parent.name})
                for front in {nodes.of_pod(mesh, pod) for pod in pods}:
                    yield from ((front, backend) for backend in _backends(mesh, route))


def _backends(mesh: Mesh, route: gatewayapi.Route) -> Iterator[Node]:
    for rule in route.spec.rules:
        for reference in rule.backend_refs:
            service = mesh[Service].seen((reference.namespace or route.namespace, reference.name))
            if service is not None and reference.kind == "Service" and reference.weight != 0:
                yield nodes.of_service(service)


def selected(mesh: Mesh) -> Iterator[Pair]:
    """From a Service to the workloads whose pods it selects, where some of them have a proxy."""
    for service in mesh[Service]:
        pods = pods_of(mesh, service)
        if any(p.proxy is not None for p in pods):
            yield from ((nodes.of_service(service), each) for each in {nodes.of_pod(mesh, p) for p in pods})


def imported(mesh: Mesh) -> Iterator[Pair]:
    """The hosts that a Sidecar names for the workloads that it covers. Wildcards say nothing of who is called."""
    for sidecar in mesh[Sidecar]:
        wanted = sidecar.spec.workload_selector.wanted if sidecar.spec.workload_selector else {}
        hosts = [h.partition("/")[2] for listener in sidecar.spec.egress for h in listener.hosts]
        exact = [h for h in hosts if h and "*" not in h]
        clients = {nodes.of_pod(mesh, p) for p in live_pods(mesh, sidecar.namespace, wanted) if p.proxy is not None and exact}
        for host in exact:
            for found in registered(mesh, long_name(mesh, host, sidecar.namespace))[:1]:
                yield from ((client, nodes.of_registered(found)) for client in clients)


def entered(mesh: Mesh) -> Iterator[Pair]:
    """From the hosts of a ServiceEntry to the workloads of this cluster that it names, by label or by address."""
    for entry in mesh[ServiceEntry]:
        wanted = entry.spec.workload_selector.wanted if entry.spec.workload_selector else {}
        pods = list(live_pods(mesh, entry.namespace, wanted)) if wanted else []
        pods += [pod for e in entry.spec.endpoints if (pod := mesh.pods_by_ip.get(e.address))]
        for host in entry.spec.hosts:
            for found in (r for r in registered(mesh, host.lower()) if r.origin is entry):
                yield from ((nodes.of_registered(found), nodes.of_pod(mesh, pod)) for pod in pods)
