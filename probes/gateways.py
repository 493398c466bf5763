"""Istio's Gateways: what their pods, Services, servers and VirtualServices must agree on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import (
    GENERATED,
    MESH,
    bound,
    by_gateway,
    gateway_names,
    gateway_of,
    gateway_pods_of,
    is_passthrough,
    is_plain_http,
    is_tls,
    server_hosts,
    services_of_pods,
    takes,
    terminates,
)
from meshdoctor.istio.hosts import fqdn, matches, resolve
from meshdoctor.istio.workloads import by_owner, gateway_pods, is_gateway, pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Event, Service, ServicePort
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Evidence
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, Server, ServiceEntry, VirtualService
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

PATIENCE = timedelta(minutes=2)  # how long a cloud may take to give an address
LB_TROUBLE = {"SyncLoadBalancerFailed", "AllocationFailed", "EnsuringLoadBalancerFailed", "CreatingLoadBalancerFailed"}


@probe("GW-001", over=Gateway, needs=(Gateway, Pod, Service))
def port_not_exposed(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """No Service of the gateway's pods has a server's port, as port or as targetPort: nobody can reach that server."""
    pods = gateway_pods_of(mesh, gateway)
    services = services_of_pods(mesh, pods)
    if not services or any(p.spec.host_network for p in pods):
        return
    known = {n for s in services for port in s.spec.ports for n in (port.port, *_targets(port, pods))}
    for i, server in enumerate(gateway.spec.servers):
        if server.port.number and server.port.number not in known and not server.bind:
            names = ", ".join(f"{s.namespace}/{s.name}" for s in services)
            yield fail(
                gateway,
                f"port {server.port.number} of server {server.port.name!r} is not a port of {names}",
                at=f"spec.servers[{i}].port.number",
                evidence=(
                    quote(gateway, f"spec.servers[{i}].port.number", server.port.number),
                    quote(services[0], "spec.ports", [p.port for p in services[0].spec.ports]),
                ),
                also=(*services, *by_owner(mesh, pods)),
            )


def _targets(port: ServicePort, pods: tuple[Pod, ...]) -> tuple[int, ...]:
    if isinstance(port.target, int):
        return (port.target,)
    if port.target.isdigit():
        return (int(port.target),)
    return tuple(c.container_port for p in pods for k in p.all_containers for c in k.ports if c.name == port.target)


@probe("GW-002", over=Gateway, needs=(Gateway, Pod, *WORKLOADS, VirtualService))
def selector_matches_no_pod(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """The selector of a Gateway matches no running pod with a proxy, in any namespace: none of its servers exists."""
    if gateway_pods_of(mesh, gateway):
        return
    wanted = gateway.spec.selector
    asleep = [w for kind in WORKLOADS for w in mesh[kind].everywhere() if wanted.items() <= w.template.metadata.labels.items()]
    near = sorted({_label(p, wanted) for p in gateway_pods(mesh)} - {""})
    yield fail(
        gateway,
        f"its selector {_words(wanted)} matches no running pod with a proxy",
        at="spec.selector",
        why=f"gateway pods carry {'; '.join(near)}" if near else "",
        evidence=(
            quote(gateway, "spec.selector", _words(wanted)),
            Evidence("no pod of any namespace carries these labels", "pods", "", f"kubectl get pods -A -l {_words(wanted)}"),
        ),
        also=(*asleep, *_users(mesh, gateway)),
    )


def _words(labels: dict[str, str]) -> str:
    return ",".join(f"{k}={v}" for k, v in labels.items())


def _label(pod: Pod, wanted: dict[str, str]) -> str:
    """What a pod carries under the keys that are wanted."""
    return _words({k: pod.labels[k] for k in wanted if k in pod.labels})


def _users(mesh: Mesh, gateway: Gateway) -> tuple[VirtualService, ...]:
    """The VirtualServices that name it, as far as they may be read."""
    if mesh.state(VirtualService) not in USABLE:
        return ()
    name = f"{gateway.namespace}/{gateway.name}"
    return tuple(v for v in mesh[VirtualService] if name in gateway_names(v))


@probe("GW-003", needs=(Gateway, Pod))
def conflicting_servers(mesh: Mesh) -> Iterator[Draft]:
    """Two servers on one port of the same pods differ in protocol or share a TLS host: the later one is skipped."""
    every = [(g, i, s) for g in mesh[Gateway] for i, s in enumerate(g.spec.servers)]
    every.sort(key=lambda e: (e[0].created.timestamp() if e[0].created else 0.0, e[0].namespace, e[0].name, e[1]))
    ports: dict[tuple[int, str], list[tuple[Gateway, int, Server]]] = {}
    for each in every:
        ports.setdefault((each[2].port.number, each[2].bind), []).append(each)
    for (number, _), servers in ports.items():
        told: set[Subject] = set()
        for (older, i, one), (younger, j, other) in combinations(servers, 2):
            problem = _conflict(older, one, younger, other)
            if not problem or younger.subject in told or not _shared(mesh, older, younger):
                continue
            plain = is_plain_http(one) and is_plain_http(other)
            if not plain:
                told.add(younger.subject)
            yield fail(
                younger,
                f"port {number}: {problem} as {older.subject}",
                at=f"spec.servers[{j}]",
                why="Istio merges them: routes of both answer" if plain else "the younger one is skipped",
                evidence=(
                    quote(younger, f"spec.servers[{j}]", _server(other)),
                    quote(older, f"spec.servers[{i}]", _server(one)),
                ),
                severity="medium" if plain else None,
                confidence=STRONG if plain else None,
                also=(older,),
            )


def _conflict(older: Gateway, one: Server, younger: Gateway, other: Server) -> str:
    """Why istiod skips the second of two servers on a port (istio: model/gateway.go mergeGateways), or how they double."""
    first, second = one.port.protocol.upper(), other.port.protocol.upper()
    same = {h.name for h in server_hosts(older, one)} & {h.name for h in server_hosts(younger, other)}
    if is_tls(one) != is_tls(other) or (not is_tls(one) and not (is_plain_http(one) and is_plain_http(other))):
        return f"protocol {second} cannot share the port with {first}, the same port"
    if older.subject == younger.subject or not same:
        return f"the same host {min(same)}" if same and is_tls(one) else ""
    return f"the same host {min(same)}"


def _shared(mesh: Mesh, one: Gateway, other: Gateway) -> bool:
    if one.subject == other.subject:
        return bool(gateway_pods_of(mesh, one))
    names = {p.subject for p in gateway_pods_of(mesh, one)}
    return any(p.subject in names for p in gateway_pods_of(mesh, other))


def _server(server: Server) -> str:
    mode = f" {server.tls.mode}" if server.tls else ""
    return f"{server.port.protocol} {server.port.number}{mode} {', '.join(server.hosts)}"


@probe("GW-004", over=Service, needs=(Service, Pod, Event, Gateway))
def no_external_address(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A LoadBalancer Service of a gateway has had no external address for two minutes."""
    if service.spec.type != "LoadBalancer" or any(service.addresses) or service.spec.external_ips:
        return
    pods = [p for p in pods_of(mesh, service) if p.proxy is not None]
    if not any(is_gateway(p) or _carries_gateway(mesh, p) for p in pods):
        return
    events = _events(mesh, service)
    if not events and service.changed and mesh.now - service.changed < PATIENCE:
        return
    yield fail(
        service,
        "it is of type LoadBalancer and has no external address",
        at="status.loadBalancer.ingress",
        why=events[0].message if events else "no event tells why: is there a load balancer controller?",
        evidence=(
            quote(service, "status.loadBalancer.ingress", "none"),
            *(
                Evidence(
                    f"event {e.reason}",
                    f"Event {service.namespace}",
                    e.message,
                    f"kubectl -n {service.namespace} describe service {service.name}",
                )
                for e in events[:2]
            ),
        ),
        also=tuple(by_owner(mesh, pods)),
    )


def _carries_gateway(mesh: Mesh, pod: Pod) -> bool:
    return any(g.spec.selector and g.spec.selector.items() <= pod.labels.items() for g in mesh[Gateway])


def _events(mesh: Mesh, service: Service) -> list[Event]:
    """What the load balancer's controller complained of; none where events may not be read, for they only explain."""
    if mesh.state(Event) not in USABLE:
        return []
    return [
        e
        for e in mesh[Event]
        if e.reason in LB_TROUBLE
        and (e.involved_object.kind, e.involved_object.namespace, e.involved_object.name)
        == ("Service", service.namespace, service.name)
    ]


@probe("GW-010", over=Gateway, needs=(Gateway, VirtualService, Pod))
def tls_mode_against_routes(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """A server passes TLS through but its VirtualServices have no tls routes, or terminates it and they have no http routes."""
    for i, server in enumerate(gateway.spec.servers):
        if not (is_passthrough(server) or terminates(server)):
            continue
        users = [v for v in bound(mesh, gateway) if any(takes(gateway, server, v, h) for h in v.spec.hosts)]
        if not users or any(_fits(v, server) for v in users):
            continue
        mode = server.tls.mode if server.tls else ""
        wanted = "tls" if is_passthrough(server) else "http"
        user = users[0]
        has = next((k for k in ("http", "tls", "tcp") if getattr(user.spec, k)), "http")
        others = [s for s in gateway.spec.servers if s is not server and _fits(user, s) and _takes_any(gateway, s, user)]
        # a VirtualService that works on another server of this Gateway is not the odd one
        subject: KubernetesObject = gateway if others else user
        yield fail(
            subject,
            f"server {server.port.name!r} of {gateway.subject} has TLS mode {mode or 'SIMPLE'}, which needs {wanted} routes; "
            f"{user.subject} has {has} routes only",
            at=f"spec.servers[{i}].tls.mode" if others else f"spec.{has}",
            evidence=(
                quote(gateway, f"spec.servers[{i}].tls.mode", mode or "SIMPLE"),
                quote(user, f"spec.{has}"),
            ),
            also=(gateway, *users),
        )


def _fits(virtual_service: VirtualService, server: Server) -> bool:
    """Whether a server finds rules of its kind: http for plain and terminated, tls or tcp for what passes through."""
    spec = virtual_service.spec
    if is_passthrough(server):
        return bool(spec.tls or spec.tcp)
    if terminates(server) or is_plain_http(server):
        return bool(spec.http)
    return bool(spec.tcp or spec.tls or spec.http)


def _takes_any(gateway: Gateway, server: Server, virtual_service: VirtualService) -> bool:
    return any(takes(gateway, server, virtual_service, h) for h in virtual_service.spec.hosts)


@probe("GW-012", over=VirtualService, needs=(VirtualService, Gateway, Pod, Service, ServiceEntry, Envoy))
def host_not_routed(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A VirtualService names a Gateway that does not exist or does not take its host, or no Gateway though one waits for it."""
    if not virtual_service.spec.hosts:
        return
    names = [n for n in gateway_names(virtual_service) if n != MESH and GENERATED not in n]
    gateways = {n: gateway_of(mesh, n) for n in names}
    for name in (n for n, g in gateways.items() if g is None):
        yield _unbound(mesh, virtual_service, f"names gateway {name}, which does not exist", _namesakes(mesh, name))
    known = [g for g in gateways.values() if g is not None]
    if known:
        lost = [h for h in _public(mesh, virtual_service) if not any(_listens(g, virtual_service, h) for g in known)]
        if lost:
            offered = ", ".join(dict.fromkeys(h for g in known for s in g.spec.servers for h in s.hosts))
            total = len(lost) == len(virtual_service.spec.hosts)
            yield _unbound(
                mesh,
                virtual_service,
                f"has host {', '.join(lost)}, which no server of {', '.join(str(g.subject) for g in known)} takes",
                f"their hosts are {offered}",
                at="spec.hosts",
                known=known,
                partial=not total,
            )
    elif not names:
        yield from _waiting(mesh, virtual_service)


def _public(mesh: Mesh, virtual_service: VirtualService) -> list[str]:
    """The hosts it must share with its gateways: beside `mesh`, not those of the service registry."""
    hosts = list(virtual_service.spec.hosts)
    if MESH not in gateway_names(virtual_service):
        return hosts
    return [h for h in hosts if not resolve(mesh, h, virtual_service.namespace)]


def _listens(gateway: Gateway, virtual_service: VirtualService, host: str) -> bool:
    name = fqdn(host, virtual_service.namespace)
    return any(takes(gateway, s, virtual_service, n) for s in gateway.spec.servers for n in (host, name))


def _waiting(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """It is for sidecars only, but its host is none of the mesh's and a Gateway without any route for it takes it."""
    for host in virtual_service.spec.hosts:
        if "." not in host or "*" in host or resolve(mesh, host, virtual_service.namespace):
            continue
        for gateway in mesh[Gateway].everywhere():
            exact = any(h.name == host.lower() for s in gateway.spec.servers for h in server_hosts(gateway, s))
            if not exact or not gateway_pods_of(mesh, gateway):
                continue
            name = f"{gateway.namespace}/{gateway.name}"
            if not any(matches(h, host) for v in by_gateway(mesh).get(name, ()) for h in v.spec.hosts):
                says = f"has host {host} for sidecars only, and {gateway.subject}, which takes it, has no route for it"
                yield _unbound(mesh, virtual_service, says, "", known=[gateway], confidence=STRONG)


def _unbound(
    mesh: Mesh,
    virtual_service: VirtualService,
    says: str,
    why: str,
    *,
    at: str = "spec.gateways",
    known: list[Gateway] | None = None,
    partial: bool = False,
    confidence: float | None = None,
) -> Draft:
    known = known or []
    lines = (x for h in virtual_service.spec.hosts for x in log.lines_to(mesh, h, virtual_service.changed))
    lost = log.chosen(log.flagged(lines, "NR"), lambda x: x.entry.code == 404)
    value = list(virtual_service.spec.hosts if at == "spec.hosts" else virtual_service.spec.gateways)
    return fail(
        virtual_service,
        f"it {says}",
        at=at,
        why=why,
        evidence=(
            quote(virtual_service, at, value or "none, which means mesh"),
            *(quote(g, "spec.servers", [_server(s) for s in g.spec.servers]) for g in known[:1]),
            *log.shown(mesh, lost),
        ),
        confidence=confidence,
        severity="medium" if partial and not lost else None,
        harm=log.harm(mesh, lost),
        also=(*known, *log.clients(mesh, lost)),
    )


def _namesakes(mesh: Mesh, name: str) -> str:
    own = name.rpartition("/")[2]
    found = [f"{g.namespace}/{g.name}" for g in mesh[Gateway] if g.name == own]
    return f"there is {', '.join(found)}" if found else ""
