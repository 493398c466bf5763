"""Ports: where pods really listen, what a gateway's Service lacks, what protocol a port's name says."""

from __future__ import annotations

from typing import Any

from meshdoctor.fixes import paths
from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.gateways import gateway_pods_of, services_of_pods
from meshdoctor.istio.workloads import pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.networking import Gateway
from meshdoctor.model.subject import Subject


@word
def listened_port(case: Case) -> int:
    """The port that containers declare and no other port of the Service leads to."""
    service = case.the(Service)
    declared = {c.container_port for p in pods_of(case.mesh, service) for k in p.app_containers for c in k.ports}
    port = _service_port(case)
    if port.get("port") in declared:
        return int(port["port"])
    taken = {p.get("targetPort", p.get("port")) for p in case.at("spec.ports") or [] if p is not port}
    free = declared - taken
    if len(free) != 1:
        raise NoRemedy(f"The pods declare {len(free)} ports that the Service does not lead to: which one is meant is yours to say.")
    return next(iter(free))


def _service_port(case: Case) -> dict[str, Any]:
    """The port of the Service that the finding is about."""
    way = paths.steps(case.finding.path)[:3]
    if len(way) < 3 or way[:2] != ("spec", "ports") or not paths.has(case.live, way):
        raise NoRemedy("The finding names no port of the Service.")
    found: dict[str, Any] = paths.get(case.live, way)
    return found


@word
def port_index(case: Case) -> int:
    """Which port of the Service the finding is about."""
    _service_port(case)
    return int(paths.steps(case.finding.path)[2])


@word
def spoken_protocol(case: Case) -> str:
    """The protocol that a port's number or name stands for, as far as that is the custom."""
    port = _service_port(case)
    name, number = str(port.get("name", "")).partition("-")[0].lower(), port.get("port")
    known = {
        80: "http",
        8080: "http",
        443: "https",
        8443: "https",
        3306: "mysql",
        27017: "mongo",
        6379: "redis",
        5432: "tcp",
        50051: "grpc",
    }
    for word_, protocol in (
        ("grpc", "grpc"),
        ("https", "https"),
        ("web", "http"),
        ("http", "http"),
        ("mysql", "mysql"),
        ("redis", "redis"),
        ("mongo", "mongo"),
    ):
        if name.startswith(word_):
            return protocol
    if number in known:
        return known[number]
    raise NoRemedy(f"What port {number} speaks is yours to say.")


@word
def gateway_service(case: Case) -> Subject:
    """The Service in front of a Gateway's pods, the load balancer first."""
    gateway = case.the(Gateway)
    services = services_of_pods(case.mesh, gateway_pods_of(case.mesh, gateway))
    chosen = [s for s in services if s.spec.type == "LoadBalancer"] or list(services)
    if len(chosen) != 1:
        raise NoRemedy(f"{len(chosen)} Services lead to its pods: which one takes the port is yours to say.")
    return chosen[0].subject


@word
def gateway_ports(case: Case) -> list[dict[str, Any]]:
    """The ports of the Service, with the server's added."""
    servers = case.the(Gateway).spec.servers
    server = servers[int(paths.steps(case.finding.path)[2])]
    ports: list[dict[str, Any]] = list(case.at("spec.ports") or [])
    taken = {p.get("name") for p in ports}
    name = server.port.name.lower() or f"port-{server.port.number}"
    name = name if name not in taken else f"{name}-{server.port.number}"
    return [*ports, {"name": name, "port": server.port.number, "targetPort": server.port.number, "protocol": "TCP"}]
