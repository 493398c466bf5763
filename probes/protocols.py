"""Protocols that the mesh reads otherwise than they are spoken, and traffic that it does not carry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import service_host
from meshdoctor.istio.imports import sidecar_of
from meshdoctor.istio.protocols import declared
from meshdoctor.istio.workloads import by_owner, client_namespaces, injected_pods, owner_object, pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod, TemplateContainer, Workload
from probes.registry import Draft, fail, probe, quote

# ports and images of servers that speak before the client does, so that nothing can be guessed from the first bytes
SPEAKS_FIRST = {21: "FTP", 22: "SSH", 25: "SMTP", 110: "POP3", 143: "IMAP", 587: "SMTP", 3306: "MySQL", 5900: "VNC"}
IMAGES = re.compile(
    r"(^|/)(mysql|mariadb|percona|vsftpd|proftpd|postfix|mailhog|dovecot|exim|openssh-server)([-:@/]|$)", re.IGNORECASE
)
GUESSED_OR_HTTP = {"", "http", "http2", "grpc"}
GRPC_PATH = re.compile(r"/([A-Za-z_]\w*\.)+[A-Za-z_]\w*/[A-Z]\w*$")
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[?::1\]?):(?P<port>\d+)")
LOOPBACK_ONLY = re.compile(r"^(127\.0\.0\.1|localhost|::1)$")
BINDS = re.compile(r"-*((bind|listen)([-_]?addr(ess)?)?|host|addr(ess)?)", re.IGNORECASE)
EXCLUDED = tuple(
    (name, f"traffic.sidecar.istio.io/{name}")
    for name in ("excludeInboundPorts", "excludeOutboundPorts", "excludeOutboundIPRanges", "excludeInterfaces")
)


@probe("PR-001", needs=(Pod, Envoy))
def speaks_http_1_0(mesh: Mesh) -> Iterator[Draft]:
    """A client speaks HTTP/1.0, which proxies answer with 426 Upgrade Required."""
    log.must_have(mesh, "logs")
    found: dict[Subject, list[log.Line]] = {}
    for line in log.lines(mesh):
        if line.entry.code == 426 and line.entry.protocol in ("HTTP/1.0", ""):
            caller = mesh.pods_by_ip.get(line.entry.downstream_remote.rpartition(":")[0]) or line.pod
            found.setdefault(mesh.owner(caller), []).append(line)
    for owner, lines in found.items():
        says = f"{len(lines)} of its requests were HTTP/1.0 and got 426 Upgrade Required"
        yield fail(owner, says, evidence=log.shown(mesh, lines), harm=log.harm(mesh, lines), also=log.clients(mesh, lines))


@probe("PR-002", over=Service, needs=(Service, Pod))
def server_speaks_first(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """The server of a port speaks first, and the port does not say so: the proxy waits for the client, and so does the client."""
    pods = [p for p in pods_of(mesh, service) if p.proxy is not None]
    for i, port in enumerate(service.spec.ports if pods else ()):
        named = {k.image: m[2] for k in pods[0].app_containers if (m := IMAGES.search(k.image.partition("@")[0]))}
        what = SPEAKS_FIRST.get(port.port) or (SPEAKS_FIRST.get(port.target) if isinstance(port.target, int) else None)
        what = what or (next(iter(named.values()), None) if len(service.spec.ports) == 1 else None)
        said = declared(port)
        if what and port.protocol == "TCP" and said in GUESSED_OR_HTTP:
            at = f"spec.ports[{i}].name"
            how = f"is declared {said}" if said else "declares no protocol"
            says = f"port {port.port} {how}, but {what} servers speak first: connections hang"
            yield fail(service, says, at=at, evidence=(quote(service, at, port.name or "none"),), also=by_owner(mesh, pods))


@probe("PR-003", over=Service, needs=(Service, Pod, Envoy))
def called_by_pod_address(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """Clients call the pods of a headless HTTP Service by address: that goes past the mesh's routes and without mutual TLS."""
    ports = {p.target for p in service.spec.ports if declared(p) in ("http", "http2", "grpc")}
    if service.spec.cluster_ip != "None" or not ports:
        return
    there = {p.status.pod_ip for p in pods_of(mesh, service) if p.status.pod_ip}
    calls = log.chosen(
        log.newer(log.unrouted(mesh), service.changed),
        lambda x: x.entry.upstream_cluster == "PassthroughCluster" and x.entry.upstream_host.rpartition(":")[0] in there,
    )
    failed = log.flagged(calls, "UC", "UF", "URX")
    if failed:
        yield fail(
            service,
            f"{counted(len(failed), 'call')} to its pods by address failed: proxies do not know the addresses as HTTP of the mesh",
            at="spec.clusterIP",
            evidence=(quote(service, "spec.clusterIP", "None"), *log.shown(mesh, failed)),
            harm=log.harm(mesh, failed),
            also=(*by_owner(mesh, pods_of(mesh, service)), *log.clients(mesh, failed)),
        )


@probe("PR-004", over=Service, needs=(Service, Pod, Envoy, Sidecar, *WORKLOADS))
def listens_on_loopback(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """An application is told to listen on 127.0.0.1: its proxy, which calls it by the pod's address, is refused."""
    pods = [p for p in pods_of(mesh, service) if p.proxy is not None]
    owner: KubernetesObject | None = owner_object(mesh, pods[0]) if pods else None
    for port in service.spec.ports if isinstance(owner, Workload) else ():
        if not isinstance(owner, Workload) or not isinstance(port.target, int):
            continue
        found = next((w for c in owner.template.spec.containers if c.name != "istio-proxy" and (w := _binds(c, port.target))), "")
        if not found or _is_led_there(mesh, pods[0], port.target):
            continue
        refused = log.flagged(log.lines_to(mesh, service_host(service, mesh.cluster.domain), owner.changed), "UF", "URX")
        own, cluster = {p.subject for p in pods}, f"inbound|{port.target}||"
        inbound = [x for x in log.flagged(log.lines(mesh), "UF") if x.entry.upstream_cluster == cluster and x.pod.subject in own]
        failed = (*inbound, *refused)
        yield fail(
            owner,
            f"it is told {found!r}: nobody but itself reaches port {port.target} of {service.subject}",
            at="spec.template.spec.containers",
            evidence=(quote(owner, "spec.template.spec.containers", found), *log.shown(mesh, failed)),
            confidence=STRONG,
            severity=None if failed else "medium",
            harm=log.harm(mesh, failed),
            also=(service, *pods),
        )


def _is_led_there(mesh: Mesh, pod: Pod, port: int) -> bool:
    """Whether the Sidecar that holds for a pod hands what comes in at a port to localhost."""
    sidecar = sidecar_of(mesh, pod)
    return any(i.port.number == port and LOOPBACK.fullmatch(i.default_endpoint) for i in (sidecar.spec.ingress if sidecar else ()))


def _binds(container: TemplateContainer, port: int) -> str:
    """The argument or variable by which a container listens on loopback only; a proxy's target is none."""
    words = [*container.command, *container.args, *(f"{e.name}={e.value}" for e in container.env)]
    for word in words:
        flag, _, value = word.rpartition("=")
        found = LOOPBACK.fullmatch(value.removeprefix("http://"))
        if found and int(found["port"]) == port and (not flag or BINDS.fullmatch(flag)):
            return word
        if BINDS.fullmatch(flag) and LOOPBACK_ONLY.match(value) and any(p.container_port == port for p in container.ports):
            return word
    return ""


@probe("PR-005", over=Service, needs=(Service, Pod, Envoy))
def grpc_declared_http(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A port on which gRPC is called is declared HTTP/1 or TCP: calls break, or stay with one pod."""
    for i, port in enumerate(service.spec.ports):
        if declared(port) not in ("http", "tcp"):
            continue
        calls = log.lines_to(mesh, service_host(service, mesh.cluster.domain), service.changed)
        grpc = [x for x in calls if x.upstream.port == port.port and x.entry.protocol == "HTTP/2" and GRPC_PATH.match(x.entry.path)]
        if grpc:
            at = f"spec.ports[{i}].name"
            yield fail(
                service,
                f"gRPC is called on port {port.port}, which is declared {declared(port)}",
                at=at,
                evidence=(quote(service, at, port.name), *log.shown(mesh, grpc)),
                harm=log.harm(mesh, [x for x in grpc if x.flags or x.entry.code >= 500]),
                also=log.clients(mesh, grpc),
            )


@probe("PR-006", needs=(Pod, Service))
def not_carried(mesh: Mesh) -> Iterator[Draft]:
    """Ports that the mesh does not carry: UDP and SCTP, and those that an annotation leaves out. A remark."""
    for owner, pods in by_owner(mesh, injected_pods(mesh)).items():
        annotations = pods[0].annotations
        for name, annotation in EXCLUDED:
            value = annotations.get(annotation)
            if value:
                at = f"metadata.annotations[{annotation}]"
                says = f"{name} {value}: that traffic goes past the mesh, without mutual TLS and policies"
                yield fail(owner, says, at=at, evidence=(quote(pods[0], at, value),), also=(pods[0],), severity="info")
    services = [s for namespace in sorted(client_namespaces(mesh)) for s in mesh[Service].within(namespace)]
    for service in services:
        others = [p for p in service.spec.ports if p.protocol in ("UDP", "SCTP")]
        if others and any(p.proxy is not None for p in pods_of(mesh, service)):
            says = f"port {others[0].port} is {others[0].protocol}, which the mesh does not carry"
            at = f"spec.ports[{service.spec.ports.index(others[0])}].protocol"
            yield fail(service, says, at=at, evidence=(quote(service, at, others[0].protocol),), severity="info")
