"""Which node of the graph a pod, a host or an address is."""

from __future__ import annotations

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import Registered, long_name, registered, service_of
from meshdoctor.istio.protocols import protocol_at
from meshdoctor.istio.workloads import is_gateway, services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from meshdoctor.topology.parts import Kind, Node

STRANGERS = Node(Kind.OUTSIDE, "", "outside")
SNI_PARTS = 4
UNNAMED = Node(Kind.OUTSIDE, "", "callers without a proxy")


def of_pod(mesh: Mesh, pod: Pod) -> Node:
    """The workload or gateway that a pod belongs to."""
    known: dict[tuple[str, str], Node] = mesh.memo.setdefault("graph nodes", {})
    key = (pod.namespace, pod.name)
    if key not in known:
        owner = mesh.owner(pod)
        known[key] = Node(Kind.GATEWAY if is_gateway(pod) else Kind.WORKLOAD, owner.namespace, owner.name, owner)
    return known[key]


def of_service(service: Service) -> Node:
    return Node(Kind.SERVICE, service.namespace, service.name, service.subject)


def of_registered(found: Registered) -> Node:
    """The Service, or the host of a ServiceEntry."""
    origin = found.origin
    return of_service(origin) if isinstance(origin, Service) else Node(Kind.ENTRY, origin.namespace, found.host, origin.subject)


def of_host(mesh: Mesh, host: str) -> Node:
    """What a full name stands for; nobody registered it: outside. Where Services may not be seen their names tell."""
    found = known_as(mesh, host)
    if found:
        return of_registered(found[0])
    suffix = f".svc.{mesh.cluster.domain}"
    name, dot, namespace = host.removesuffix(suffix).partition(".")
    if host.endswith(suffix) and dot and _is_hidden(mesh, namespace):
        return Node(Kind.SERVICE, namespace, name, Subject("", "Service", namespace, name))
    return Node(Kind.OUTSIDE, "", host)


def _is_hidden(mesh: Mesh, namespace: str) -> bool:
    """Whether the Services of a namespace may not be read."""
    if mesh.state(Service) not in USABLE:
        return True
    read = mesh[Service].source.namespaces
    return read is not None and namespace not in read


def known_as(mesh: Mesh, host: str) -> tuple[Registered, ...]:
    """What a full name stands for, as far as may be seen: without the right to ServiceEntries, Services alone."""
    for read in (registered, _service_alone):
        try:
            return read(mesh, host.lower())
        except Unseen:
            continue
    return ()


def _service_alone(mesh: Mesh, host: str) -> tuple[Registered, ...]:
    service = service_of(mesh, host, "")
    return (Registered(host, service.namespace, service),) if service else ()


def of_address(mesh: Mesh, address: str) -> Node | None:
    """The workload at `IP:PORT`; None where no pod has that address."""
    pod = mesh.pods_by_ip.get(ip_of(address))
    return None if pod is None else of_pod(mesh, pod)


def ip_of(address: str) -> str:
    """The address without its port and brackets."""
    return address.rpartition(":")[0].strip("[]")


def port_of(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() and len(port) < len("100000") else 0


def protocol_of(mesh: Mesh, cluster: str) -> str | None:
    """http, grpc or tcp as the port of a cluster is declared; None where it is left to be guessed."""
    parts = log.upstream(cluster)
    said = protocol_at(known_as(mesh, parts.host), parts.port).name if parts.host else "auto"
    if said.startswith("grpc"):
        return "grpc"
    return None if said == "auto" else "http" if said.startswith("http") and said != "https" else "tcp"


def is_mtls(line: log.Line) -> bool:
    """Whether a server's proxy was asked by a client's proxy over mutual TLS: Istio's SNI is `outbound_.PORT_.SUBSET_.HOST`."""
    return line.entry.sni.startswith("outbound_.") and line.entry.sni.count("_.") >= SNI_PARTS - 1


def asked_for(mesh: Mesh, line: log.Line, client: Pod | None) -> Node | None:
    """The Service that a line of a server's proxy was meant for: by SNI, by authority, else by the port it came to."""
    if is_mtls(line):
        return of_host(mesh, line.entry.sni.split("_.", SNI_PARTS - 1)[-1])
    if line.named:
        found = known_as(mesh, long_name(mesh, line.named, (client or line.pod).namespace))
        if found:
            return of_registered(found[0])
    return _by_port(mesh, line.pod, port_of(line.entry.downstream_local))


def _by_port(mesh: Mesh, pod: Pod, port: int) -> Node | None:
    """The Service that selects a pod and leads to this port of it."""
    if mesh.state(Service) not in USABLE:
        return None
    named = {p.name: p.container_port for c in pod.all_containers for p in c.ports if p.name}
    for service in services_of(mesh, pod):
        if any(named.get(str(p.target), p.target) == port for p in service.spec.ports):
            return of_service(service)
    return None
