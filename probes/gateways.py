"""Istio's Gateways: what their pods, Services, servers and VirtualServices must agree on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.gateways import (
    bound,
    gateway_names,
    gateway_pods_of,
    is_passthrough,
    is_plain_http,
    services_of_pods,
    takes,
    terminates,
)
from meshdoctor.istio.workloads import by_owner, gateway_pods, gateways_seen, is_gateway, pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Event, Service, ServicePort
from meshdoctor.model.findings import Evidence
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, Server, VirtualService
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

PATIENCE = timedelta(minutes=2)  # how long a cloud may take to give an address
LB_TROUBLE = {"SyncLoadBalancerFailed", "AllocationFailed", "EnsuringLoadBalancerFailed", "CreatingLoadBalancerFailed"}


@probe("GW-001", over=Gateway, needs=(Gateway, Pod, Service))
def port_not_exposed(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """No Service of the gateway's pods has a server's port, as port or as targetPort: nobody can reach that server."""
    pods = gateway_pods_of(mesh, gateway)
    services = services_of_pods(mesh, pods)
    if any(p.spec.host_network for p in pods):
        return
    if not services:
        yield from _without_service(mesh, gateway, pods)
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


def _without_service(mesh: Mesh, gateway: Gateway, pods: tuple[Pod, ...]) -> Iterator[Draft]:
    """Nothing leads to the gateway, where Services are used; where one of them selects nothing, RT-022 tells so."""
    on_nodes = any(c.host_port for p in pods for k in p.all_containers for c in k.ports)
    spaces = {p.namespace for p in pods}
    there = [s for space in spaces for s in mesh[Service].within(space)]
    astray = any(s.spec.selector and not pods_of(mesh, s) for s in there)
    if there and not on_nodes and not astray:
        words = ", ".join(sorted(f"{k}={v}" for k, v in gateway.spec.selector.items()))
        says = f"no Service selects its pods ({words}): nothing leads to its servers"
        command = f"kubectl -n {pods[0].namespace} get services"
        evidence = (quote(gateway, "spec.selector", words), Evidence("no Service selects them", "services", "", command))
        yield fail(gateway, says, at="spec.selector", evidence=evidence, also=by_owner(mesh, pods), codes=(), lacking=(Service,))


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
    if asleep and not mesh.given(Pod):
        return  # their pods are not among the manifests
    labelled = any(mesh[Pod].matching(ns, wanted) for ns in mesh[Pod].namespaces)
    said = {"IST0101": not labelled and len(mesh[Pod]) > 0, "KIA0302": not labelled and not asleep}
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
        codes=[code for code, says in said.items() if says],
        lacking=(Pod,),
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


@probe("GW-004", over=Service, needs=(Service, Pod, Event, Gateway))
def no_external_address(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A LoadBalancer Service of a gateway has had no external address for two minutes."""
    gateways_seen(mesh)
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
