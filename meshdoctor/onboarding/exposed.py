"""What gateways lead to: the pods behind each, found once a snapshot."""

from __future__ import annotations

import msgspec

from meshdoctor.istio.gateways import bound, gateway_pods_of
from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.routing import destinations
from meshdoctor.istio.workloads import gateway_pods, pods_of
from meshdoctor.model import gatewayapi
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway
from meshdoctor.model.workloads import Pod

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


class Behind(msgspec.Struct, frozen=True, eq=False):
    """A Service that a gateway's pods lead to on one of its ports, and the route that says so."""

    route: KubernetesObject
    gateways: tuple[Pod, ...]
    service: Service
    port: int

    @property
    def target(self) -> int | str:
        """The port of the pods, a number or a name."""
        return next((p.target for p in self.service.spec.ports if p.port == self.port), self.port)


def behind_gateways(mesh: Mesh) -> dict[str, tuple[Behind, ...]]:
    """What gateways lead to, by the namespace of the Service."""
    known: dict[str, tuple[Behind, ...]] | None = mesh.memo.get("behind gateways")
    if known is None:
        lists: dict[str, list[Behind]] = {}
        for each in (*_of_virtual_services(mesh), *_of_routes(mesh)):
            lists.setdefault(each.service.namespace, []).append(each)
        known = mesh.memo["behind gateways"] = {n: tuple(found) for n, found in lists.items()}
    return known


def _of_virtual_services(mesh: Mesh) -> list[Behind]:
    made = []
    for gateway in mesh[Gateway]:
        pods = gateway_pods_of(mesh, gateway)
        name = f"{gateway.namespace}/{gateway.name}"
        for virtual_service in bound(mesh, gateway):
            for route in destinations(virtual_service, mesh.cluster.domain):
                service = service_of(mesh, route.host, virtual_service.namespace) if name in route.gateways else None
                if service is not None and pods:
                    number = route.destination.port.number if route.destination.port else 0
                    port = number or (service.spec.ports[0].port if service.spec.ports else 0)
                    made.append(Behind(virtual_service, pods, service, port))
    return made


def _of_routes(mesh: Mesh) -> list[Behind]:
    by_name: dict[tuple[str, str], list[Pod]] = {}
    for pod in gateway_pods(mesh):
        if name := pod.labels.get(GATEWAY_NAME):
            by_name.setdefault((pod.namespace, name), []).append(pod)
    made = []
    kinds: tuple[type[gatewayapi.Route], ...] = (gatewayapi.HTTPRoute, gatewayapi.GRPCRoute)
    for kind in kinds if by_name else ():
        for route in mesh[kind]:
            pods = tuple(p for r in route.spec.parent_refs for p in by_name.get((r.namespace or route.namespace, r.name), ()))
            for backend in (b for rule in route.spec.rules for b in rule.backend_refs if b.kind == "Service"):
                service = mesh[Service].get(backend.namespace or route.namespace, backend.name)
                if service is not None and pods:
                    made.append(Behind(route, pods, service, backend.port or 0))
    return made


def server_pods(mesh: Mesh, each: Behind) -> tuple[tuple[Pod, int], ...]:
    """The pods that answer, each with the number of its port; 0 where a name is not found."""
    return tuple((pod, _number(pod, each.target)) for pod in pods_of(mesh, each.service))


def _number(pod: Pod, target: int | str) -> int:
    if isinstance(target, int):
        return target
    return next((p.container_port for c in pod.all_containers for p in c.ports if p.name == target), 0)
