"""What a gateway really listens on, and who it turns away there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import by_gateway, gateway_pods_of, is_passthrough, is_plain_http, server_hosts, services_of_pods
from meshdoctor.istio.scaling import autoscalers_of, is_at_its_limit, throttled
from meshdoctor.istio.workloads import by_owner, gateways_seen
from meshdoctor.model.cluster import Service, ServicePort
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Evidence, Harm
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, Server, VirtualService
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.workloads import Deployment, HorizontalPodAutoscaler, Pod, Sysctl
from probes.registry import Draft, fail, get, probe, quote
from probes.xds import connected, those_asked

CANNOT_BIND = re.compile(r"cannot bind '[^']*?:(?P<port>\d+)': Permission denied")
UNPRIVILEGED = "net.ipv4.ip_unprivileged_port_start"


@probe("GW-009", over=Gateway, needs=(Gateway, Pod, Service, VirtualService, Envoy))
def no_listener(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """A ready pod of the gateway listens on no port that a server of it, as the Service leads there, is for."""
    pods = [p for p in gateway_pods_of(mesh, gateway) if p.is_ready]
    services = services_of_pods(mesh, tuple(pods))
    for pod in pods:
        envoy = mesh.envoy(pod)
        if envoy is None or not envoy.has("listeners") or not envoy.listeners:  # none at all is no answer
            continue
        bound = {int(a.rpartition(":")[2]) for a in envoy.listeners if a.rpartition(":")[2].isdigit()}
        for i, server in enumerate(gateway.spec.servers):
            ports = _bound_as(server, services, pod)
            if ports and not ports & bound and not _is_for_other_networks(server):
                at = f"spec.servers[{i}].port"
                words = f"bound: {', '.join(map(str, sorted(bound)))}"
                command = f"istioctl proxy-config listener {pod.name}.{pod.namespace}"
                listens = Evidence(f"{pod.name} does not listen", f"/listeners of {pod.name}", words, command)
                says = f"{pod.name} does not listen on port {', '.join(map(str, sorted(ports)))} for server {server.port.name!r}"
                why = (
                    "" if _needs_none(mesh, gateway, server) else "no VirtualService names it: TCP and TLS that passes need a route"
                )
                evidence = (quote(gateway, at, server.port.number), listens)
                yield fail(gateway, says, at=at, why=why, evidence=evidence, also=(*services, pod))
        return


def _bound_as(server: Server, services: tuple[Service, ...], pod: Pod) -> set[int]:
    """The ports that a pod binds for a server: the targets of Service ports of that number; nothing where none leads there."""
    if server.bind:
        return set()
    return {t for s in services for p in s.spec.ports if p.port == server.port.number for t in _targets(p, pod)}


def _targets(port: ServicePort, pod: Pod) -> tuple[int, ...]:
    if isinstance(port.target, int):
        return (port.target,)
    return tuple(c.container_port for k in pod.all_containers for c in k.ports if c.name == port.target)


def _is_for_other_networks(server: Server) -> bool:
    """Whether its listener is made of the Services that there are, whatever routes say."""
    return server.tls is not None and server.tls.mode == "AUTO_PASSTHROUGH"


def _needs_none(mesh: Mesh, gateway: Gateway, server: Server) -> bool:
    """Whether a server has a listener without a route of its own, or some VirtualService names its Gateway."""
    if is_plain_http(server) or (server.tls is not None and not is_passthrough(server)):
        return True
    return bool(by_gateway(mesh).get(f"{gateway.namespace}/{gateway.name}"))


@probe("GW-014", over=Gateway, needs=(Gateway, Pod, Envoy))
def no_server_name(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """Clients that send no server name (SNI) are turned away: every TLS server of the Gateway is for certain names."""
    named = [s for s in gateway.spec.servers if s.tls is not None and not is_plain_http(s)]
    if not named or any(h.name == "*" for s in named for h in server_hosts(gateway, s)):
        return
    pods = {p.subject for p in gateway_pods_of(mesh, gateway)}
    refused = log.chosen(log.newer(log.lines(mesh), gateway.changed), lambda x: x.pod.subject in pods and _is_unnamed(x))
    if refused:
        i = gateway.spec.servers.index(named[0])
        at = f"spec.servers[{i}].hosts"
        yield fail(
            gateway,
            "connections without a server name (SNI) are reset: no server takes them",
            at=at,
            evidence=(quote(gateway, at, list(named[0].hosts)), *log.shown(mesh, refused)),
            confidence=STRONG,
            harm=log.harm(mesh, refused),
        )


def _is_unnamed(line: log.Line) -> bool:
    """A connection for which there was no filter chain, without a server name, that began TLS: plain HTTP finds one."""
    entry = line.entry
    return "NR" in line.flags and "filter_chain_not_found" in f"{entry.details} {entry.connection_details}" and not entry.sni


@probe("GW-016", needs=(Pod, HorizontalPodAutoscaler, Prometheus))
def gateway_overloaded(mesh: Mesh) -> Iterator[Draft]:
    """A gateway may not grow though its autoscaler wants to, or is held back at its CPU limit."""
    held = dict(throttled(mesh, "istio-proxy"))
    for owner, pods in by_owner(mesh, gateways_seen(mesh)).items():
        for autoscaler in autoscalers_of(mesh, owner):
            if is_at_its_limit(autoscaler):
                at = "spec.maxReplicas"
                says = f"{owner.name} has all {autoscaler.spec.max_replicas} replicas that it may have, and needs more"
                evidence = quote(autoscaler, at, autoscaler.spec.max_replicas)
                yield fail(autoscaler, says, at=at, evidence=(evidence,), also=(owner, *pods))
        slow = [p for p in pods if p in held]
        if slow:
            says = f"{len(slow)} of its proxies are held back at their CPU limit in {held[slow[0]]:.0%} of the periods"
            harm = Harm((f"{owner.namespace}/{owner.name}",))
            yield fail(owner, says, evidence=(Evidence(says, str(slow[0].subject), "", get(slow[0])),), also=slow, harm=harm)


@probe("GW-018", needs=(Pod, Istiod, Envoy, Service, Deployment))
def port_not_permitted(mesh: Mesh) -> Iterator[Draft]:
    """A gateway's Envoy may not bind a port below 1024: it runs without the right, and no sysctl gives it."""
    denied: dict[Pod, tuple[str, str]] = {}
    gateways_seen(mesh)
    if not tuple(mesh.envoys):
        those_asked(mesh, "syncz")
    for pod, text, source in _complaints(mesh):
        found = CANNOT_BIND.search(text)
        if found and int(found["port"]) < 1024 and not any(s.name == UNPRIVILEGED for s in _sysctls(pod)):
            denied.setdefault(pod, (text, source))
    for owner, pods in by_owner(mesh, denied).items():
        pod = pods[0]
        text, source = denied[pod]
        found = CANNOT_BIND.search(text)
        says = f"it may not bind port {found['port'] if found else '?'}: its listener is refused"
        evidence = (Evidence(says, source, text, f"istioctl proxy-status {pod.name}.{pod.namespace}"),)
        also = (*pods, *services_of_pods(mesh, tuple(pods)))
        at = "spec.template.spec.securityContext.sysctls"
        yield fail(owner, says, at=at, evidence=evidence, also=also, harm=Harm((f"{owner.namespace}/{owner.name}",)))


def _sysctls(pod: Pod) -> Iterator[Sysctl]:
    context = pod.spec.security_context
    return (s for s in (context.sysctls if context else ()) if s.value == "0")


def _complaints(mesh: Mesh) -> Iterator[tuple[Pod, str, str]]:
    """Refused listeners: as istiod heard of them, and as Envoy keeps them."""
    for proxy in connected(mesh):
        pod = mesh[Pod].get(proxy.namespace, proxy.name)
        for sync in proxy.types.values() if pod else ():
            if pod is not None and sync.error:
                yield pod, sync.error, f"/debug/syncz of {proxy.istiod}"
    for envoy in mesh.envoys:
        pod = mesh[Pod].get(envoy.namespace, envoy.name)
        for error in envoy.rejected_listeners.values() if pod and envoy.has("rejected") else ():
            if pod is not None:
                yield pod, error, f"Envoy of {pod.name}"
