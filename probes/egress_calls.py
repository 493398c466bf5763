"""Calls to hosts outside the mesh: refused, unresolved, encrypted twice or not at all, led through an egress gateway by halves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import MESH, gateway_pods_of, services_of_pods
from meshdoctor.istio.hosts import registered, service_host
from meshdoctor.istio.imports import sidecar_of
from meshdoctor.istio.mutual.client_rules import client_tls
from meshdoctor.istio.routing import Route, destination_rules, destinations, rule_host, virtual_services_for
from meshdoctor.istio.selecting import SELECTABLE, labels_of, selected, unknown_workloads
from meshdoctor.istio.visibility import sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

JUST_MADE = timedelta(seconds=20)
ENCRYPTED = {"HTTPS", "TLS"}
BEGINS_TLS = {"SIMPLE", "MUTUAL"}


@probe("EG-001", needs=(Sidecar, ServiceEntry, Service, Pod, Envoy))
def refused_as_unknown(mesh: Mesh) -> Iterator[Draft]:
    """A workload calls a host that the mesh does not know, where only known hosts may be called (REGISTRY_ONLY)."""
    log.must_have(mesh, "logs")
    found: dict[tuple[Subject, str], list[log.Line]] = {}
    for line in log.unrouted(mesh):
        if line.entry.upstream_cluster == "PassthroughCluster":
            continue
        host = line.entry.sni.lower() or line.named or line.entry.downstream_local.rpartition(":")[0]
        if log.called_service(mesh, line) is None and _is_shut(mesh, line.pod) and not _is_known(mesh, line.pod, host):
            found.setdefault((mesh.owner(line.pod), host), []).append(line)
    for (owner, host), lines in found.items():
        sidecar = sidecar_of(mesh, lines[0].pod)
        since = sidecar.changed if sidecar and _mode(sidecar) else None
        refused = log.newer(lines, since)
        hidden = [r.origin for r in registered(mesh, host)]
        if refused:
            yield fail(
                hidden[0].subject if hidden else owner,
                f"calls of {owner} to {host} are refused: "
                + (f"{hidden[0].subject} is not exported to {owner.namespace}" if hidden else "no ServiceEntry has that host"),
                at="spec.exportTo" if hidden else host,
                evidence=(*log.shown(mesh, refused), _setting(mesh, sidecar)),
                harm=log.harm(mesh, refused),
                also=(owner, *((sidecar,) if sidecar else ())),
            )


def _mode(sidecar: Sidecar) -> str:
    policy = sidecar.spec.outbound_traffic_policy
    return (policy.mode or "REGISTRY_ONLY") if policy else ""


def _is_shut(mesh: Mesh, pod: Pod) -> bool:
    """Whether a pod may call known hosts only."""
    sidecar = sidecar_of(mesh, pod)
    mode = _mode(sidecar) if sidecar else ""
    return mode == "REGISTRY_ONLY" or (not mode and mesh.mesh_config.registry_only)


def _is_known(mesh: Mesh, pod: Pod, host: str) -> bool:
    return any(sees(mesh, pod.namespace, r.origin) for r in registered(mesh, host))


def _setting(mesh: Mesh, sidecar: Sidecar | None) -> Evidence:
    if sidecar is not None and _mode(sidecar):
        return quote(sidecar, "spec.outboundTrafficPolicy.mode", _mode(sidecar))
    return Evidence("the mesh's setting", "MeshConfig", f"outboundTrafficPolicy: {mesh.mesh_config.outbound_traffic_policy}", "")


@probe("EG-002", over=ServiceEntry, needs=(ServiceEntry, Envoy, *SELECTABLE))
def not_resolved(mesh: Mesh, entry: ServiceEntry) -> Iterator[Draft]:
    """A ServiceEntry leads nowhere: its names do not resolve, or its resolution does not fit its hosts and endpoints."""
    wrong = _does_not_fit(entry)
    if wrong:
        yield fail(entry, wrong, at="spec.resolution", evidence=(quote(entry, "spec.resolution", entry.spec.resolution),), codes=())
    elif _selects_nothing(mesh, entry):
        at, labels = "spec.workloadSelector.labels", ", ".join(f"{k}={v}" for k, v in labels_of(entry).items())
        says = f"no pod and no WorkloadEntry of {entry.namespace} has {labels}: it has no endpoint"
        yield fail(entry, says, at=at, evidence=(quote(entry, at, labels),), codes=(), lacking=unknown_workloads(mesh))
    if wrong or not entry.spec.resolution.startswith("DNS") or (entry.changed and mesh.now - entry.changed < JUST_MADE):
        return
    for host in entry.spec.hosts:
        asked = [(e, c) for e in mesh.envoys if e.has("clusters") for c in e.clusters if log.upstream(c.name).host == host.lower()]
        empty = [(e, c) for e, c in asked if not c.hosts and log.upstream(c.name).direction == "outbound"]
        if empty and len(empty) == len(asked):
            envoy, cluster = empty[0]
            command = f"istioctl proxy-config endpoint {envoy.name}.{envoy.namespace} --cluster '{cluster.name}'"
            source = f"/clusters of {envoy.namespace}/{envoy.name}"
            failed = log.flagged(log.lines_to(mesh, host, entry.changed), "UH", "UF")
            yield fail(
                entry,
                f"{host} does not resolve: no proxy has an address for it",
                at="spec.hosts",
                evidence=(Evidence("it has no host", source, cluster.name, command), *log.shown(mesh, failed)),
                harm=log.harm(mesh, failed),
                also=log.clients(mesh, failed),
            )


def _selects_nothing(mesh: Mesh, entry: ServiceEntry) -> bool:
    """Whether its endpoints are what a selector finds, and it finds nothing."""
    is_static = entry.spec.resolution == "STATIC" and not entry.spec.endpoints
    return is_static and bool(labels_of(entry)) and next(selected(mesh, entry), None) is None


def _does_not_fit(entry: ServiceEntry) -> str:
    spec = entry.spec
    made_up = bool(spec.endpoints or spec.workload_selector)
    wild = [h for h in spec.hosts if h.startswith("*")]
    if spec.resolution == "DNS" and wild and not made_up:
        return f"{wild[0]} cannot be resolved: a wildcard is no name of the DNS"
    if spec.resolution == "STATIC" and not made_up:
        return "resolution STATIC has neither endpoints nor a workloadSelector"
    return ""


@probe("EG-004", over=DestinationRule, needs=(DestinationRule, ServiceEntry, Service))
def encrypted_twice(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule begins TLS towards a port on which applications speak TLS themselves."""
    host = rule_host(rule, mesh.cluster.domain)
    for entry in (r.origin for r in registered(mesh, host) if isinstance(r.origin, ServiceEntry)):
        for port in entry.spec.ports:
            tls = client_tls((rule,), "", port.number).tls
            if tls is not None and tls.mode in BEGINS_TLS and port.protocol.upper() in ENCRYPTED:
                at = "spec.trafficPolicy.tls.mode"
                protocol = quote(entry, f"spec.ports[{port.number}].protocol", port.protocol)
                says = f"TLS {tls.mode} to port {port.number} of {host}, which is declared {port.protocol}: encrypted twice"
                yield fail(rule, says, at=at, evidence=(quote(rule, at, tls.mode), protocol), also=(entry,))
                return


@probe("EG-005", over=ServiceEntry, needs=(ServiceEntry, DestinationRule, Pod, Envoy))
def encrypted_port_declared_http(mesh: Mesh, entry: ServiceEntry) -> Iterator[Draft]:
    """Port 443 of a ServiceEntry is declared HTTP and nobody begins TLS for it: HTTPS sent there is no HTTP that Envoy knows."""
    for i, port in enumerate(entry.spec.ports):
        plain = port.protocol.upper() in {"HTTP", "HTTP2", "GRPC"}
        if port.number != 443 or not plain or entry.spec.location == "MESH_INTERNAL":
            continue
        for host in entry.spec.hosts:
            rules = destination_rules(mesh, host, entry.namespace, (entry.namespace,))
            tls = client_tls(rules, "", port.number).tls
            if tls is not None and tls.mode in BEGINS_TLS:
                continue
            failed = log.flagged(log.newer(log.lines(mesh), entry.changed), "DPE")
            failed = log.chosen(failed, lambda x: x.entry.code == 400 and x.entry.downstream_local.endswith(":443"))
            at = f"spec.ports[{i}].protocol"
            yield fail(
                entry,
                f"port 443 of {host} is declared {port.protocol}, and no DestinationRule begins TLS for it",
                at=at,
                evidence=(quote(entry, at, port.protocol), *log.shown(mesh, failed)),
                confidence=None if failed else STRONG,
                severity=None if failed else "medium",
                harm=log.harm(mesh, failed),
                also=(*rules, *log.clients(mesh, failed)),
                lacking=(DestinationRule,),
            )
            break


@probe("EG-006", over=Gateway, needs=(Gateway, VirtualService, Pod, Service, ServiceEntry))
def egress_by_halves(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """Calls to a host are to leave through an egress gateway, but one half of the way is not routed: to it, or on from it."""
    pods = gateway_pods_of(mesh, gateway)
    services = services_of_pods(mesh, pods)
    doors = {service_host(s, mesh.cluster.domain) for s in services}
    if not services or any(s.spec.type in ("LoadBalancer", "NodePort") for s in services):
        return  # what takes calls from outside is no way out
    name = f"{gateway.namespace}/{gateway.name}"
    hosts = dict.fromkeys(h.rpartition("/")[2].lower() for s in gateway.spec.servers for h in s.hosts)
    for host in hosts:
        entries = [r.origin for r in registered(mesh, host) if isinstance(r.origin, ServiceEntry)]
        routes = [r for v in virtual_services_for(mesh, host) for r in destinations(v)]
        leads_in = [r for r in routes if MESH in r.gateways and r.host in doors]
        leads_on = [r for r in routes if name in r.gateways and r.host not in doors]
        if (not entries and not leads_in) or host == "*" or bool(leads_in) == bool(leads_on):
            continue
        yield _half(gateway, host, leads_in or leads_on, arrives=bool(leads_in), also=(*services, *entries))


def _half(gateway: Gateway, host: str, routes: list[Route], *, arrives: bool, also: tuple[Service | ServiceEntry, ...]) -> Draft:
    virtual_service = routes[0].virtual_service
    says = (
        f"calls to {host} are led to the egress gateway, and nothing leads them on from {gateway.subject}: 404 there"
        if arrives
        else f"calls to {host} are led on from {gateway.subject}, and nothing of the mesh leads them there: they bypass it"
    )
    evidence = (quote(virtual_service, routes[0].path), quote(gateway, "spec.servers.hosts", host))
    return fail(virtual_service, says, at="spec.gateways", evidence=evidence, also=(gateway, *also))
