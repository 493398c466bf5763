"""NetworkPolicies in the way of the mesh: between proxies and istiod, gateways and workloads, scrapers and proxies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.admission_events import unanswered
from meshdoctor.istio.ambient import captured_pods
from meshdoctor.istio.asking import the_prometheus
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.gateways import MESH, by_gateway, gateway_pods_of
from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.networkpolicies import Blocked, blocked
from meshdoctor.istio.routing import destinations
from meshdoctor.istio.workloads import injected_pods, is_gateway, is_live, pods_of, workload_name
from meshdoctor.model.cluster import Event, Namespace, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Evidence, Harm, Severity
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, VirtualService
from meshdoctor.model.networkpolicies import NetworkPolicy
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote
from probes.xds import connected

XDS, WEBHOOK, HBONE = 15012, 15017, 15008
METRICS = (15020, 15090)
NO_ISTIOD = re.compile(r":15012\b.*(i/o timeout|connection refused)|upstream connect error.*xds-grpc|DeadlineExceeded.*15012")


def _closed(found: Blocked, port: int) -> Evidence:
    """The policy that does not let a port through."""
    words = f"{found.direction} of {found.pod.namespace}/{found.pod.name}: no rule allows TCP {port}"
    return quote(found.youngest, f"spec.{found.direction.lower()}", says=words)


def _by_policy(found: Iterable[tuple[Pod, Blocked]]) -> dict[NetworkPolicy, list[tuple[Pod, Blocked]]]:
    groups: dict[NetworkPolicy, list[tuple[Pod, Blocked]]] = {}
    for pod, each in found:
        groups.setdefault(each.youngest, []).append((pod, each))
    return groups


@probe("XDS-004", needs=(NetworkPolicy, Pod, Namespace, Istiod, Envoy))
def istiod_port_closed(mesh: Mesh) -> Iterator[Draft]:
    """A NetworkPolicy keeps proxies from port 15012 of every istiod: they get no configuration and no certificate."""
    istiods = istiod_pods(mesh)
    if not istiods or not len(mesh[NetworkPolicy]):
        return
    lost = []
    for pod in injected_pods(mesh):
        found = [blocked(mesh, pod, istiod, XDS) for istiod in istiods]
        if all(found) and found[0] is not None:
            lost.append((pod, found[0]))
    known = {(s.namespace, s.name) for s in connected(mesh)}
    for policy, those in _by_policy(lost).items():
        cut = [p for p, _ in those if mesh.istiods and (p.namespace, p.name) not in known]
        says = f"it keeps {counted(len(those), 'proxy', 'proxies')} from port {XDS} of istiod"
        says += (
            f"; {len(cut)} of them are connected to none" if cut else "; those connected now keep their connection until it ends"
        )
        yield fail(
            policy,
            says,
            at=f"spec.{those[0][1].direction.lower()}",
            evidence=(_closed(those[0][1], XDS), *_says_the_log(mesh, [p for p, _ in those])),
            severity=None if cut else "medium",
            harm=Harm(tuple(sorted({workload_name(mesh, p) for p in cut}))) if cut else None,
            also=(*(p for p, _ in those), *dict.fromkeys(mesh.owner(p) for p, _ in those)),
        )


def _says_the_log(mesh: Mesh, pods: list[Pod]) -> list[Evidence]:
    """What a proxy says of its connection to istiod."""
    for pod in pods:
        envoy = mesh.envoy(pod)
        for _, line in reversed(envoy.logs.lines if envoy and envoy.has("logs") else ()):
            if NO_ISTIOD.search(line):
                command = f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=5m"
                return [Evidence(f"{pod.name} does not reach istiod", f"istio-proxy log of {pod.name}", line, command)]
    return []


@probe("INJ-009", needs=(NetworkPolicy, Pod, Namespace, Service, Event))
def webhook_port_closed(mesh: Mesh) -> Iterator[Draft]:
    """The API server does not reach port 15017 of a ready istiod: a NetworkPolicy closes it, or events say so."""
    ready = [p for p in istiod_pods(mesh) if p.is_ready]
    services = [s for p in ready[:1] for s in mesh[Service].within(p.namespace) if p in pods_of(mesh, s)]
    # what was refused before istiod was ready, or before its Service was mended, tells nothing of now
    mended = [m for m in (*(s.changed for s in services), min((p.ready_since or mesh.now for p in ready), default=None)) if m]
    events = unanswered(mesh, max(mended)) if mended else []
    called = [f"//{s.name}.{s.namespace}.svc" for s in services]  # another Service that a webhook names is not istiod's fault
    events = [e for e in events if ".svc" not in e.quote or any(name in e.quote for name in called)]
    closed = {b.youngest: b for p in ready if (b := blocked(mesh, None, p, WEBHOOK)) is not None}
    for policy, found in closed.items():
        yield fail(
            policy,
            f"it lets nobody but pods reach port {WEBHOOK} of istiod, where the API server calls its webhooks",
            at="spec.ingress",
            evidence=(_closed(found, WEBHOOK), *events),
            severity=None if events else "medium",
            harm=Harm() if events else None,
            also=ready,
        )
    if events and not closed and services:
        webhook = next((s for s in services if any(p.target == WEBHOOK for p in s.spec.ports)), services[0])
        says = "istiod is ready, and the API server does not reach its webhook"
        yield fail(webhook, says, at="spec.ports", evidence=events, harm=Harm(), also=ready)


@probe("PS-001", needs=(NetworkPolicy, Pod, Namespace, Service, Gateway, VirtualService, Envoy))
def data_path_closed(mesh: Mesh) -> Iterator[Draft]:
    """A NetworkPolicy closes a way that requests take: from a gateway to a workload, or from a workload to an egress gateway."""
    told: set[tuple[NetworkPolicy, Service]] = set()
    for client, service in _ways(mesh) if len(mesh[NetworkPolicy]) else ():
        found = _way(mesh, client, service)
        if found is not None and (found[0], service) not in told:
            told.add((found[0], service))
            yield found[1]


def _ways(mesh: Mesh) -> Iterator[tuple[Pod, Service]]:
    """Who calls what by the routes: pods of gateways, and of workloads towards gateways; one pod of each."""
    for gateway in mesh[Gateway]:
        clients = gateway_pods_of(mesh, gateway)
        for virtual_service in by_gateway(mesh).get(f"{gateway.namespace}/{gateway.name}", ()) if clients else ():
            yield from ((clients[0], s) for s in _destinations(mesh, virtual_service))
    for virtual_service in by_gateway(mesh).get(MESH, ()):
        inside = [p for p in mesh[Pod].within(virtual_service.namespace) if p.proxy is not None and is_live(p)]
        for service in _destinations(mesh, virtual_service) if inside else ():
            if any(is_gateway(p) for p in pods_of(mesh, service)):
                yield inside[0], service


def _destinations(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Service]:
    for route in destinations(virtual_service, mesh.cluster.domain):
        service = service_of(mesh, route.host, virtual_service.namespace)
        if service is not None:
            yield service


def _way(mesh: Mesh, client: Pod, service: Service) -> tuple[NetworkPolicy, Draft] | None:
    """What is to be said of the way from a gateway's pod to a Service."""
    for pod in pods_of(mesh, service)[:1]:
        for port in service.spec.ports:
            target = port.target if isinstance(port.target, int) else 0
            found = blocked(mesh, client, pod, target) if target and port.protocol == "TCP" else None
            if found is None:
                continue
            policy = found.youngest
            calls = log.chosen(
                log.lines_to(mesh, f"{service.name}.{service.namespace}.svc.{mesh.cluster.domain}", policy.changed),
                lambda x: x.pod.namespace == client.namespace,
            )
            failed = log.flagged(calls, "UF", "URX", "UH")
            flows = bool(calls) and not failed
            severity: Severity | None = None if failed else "info" if flows else "medium"
            remark = "; requests pass all the same: the network does not enforce it" if flows else ""
            draft = fail(
                policy,
                f"it keeps {workload_name(mesh, client)} from port {target} of {service.namespace}/{service.name}{remark}",
                at=f"spec.{found.direction.lower()}",
                evidence=(_closed(found, target), *log.shown(mesh, failed)),
                severity=severity,
                harm=log.harm(mesh, failed),
                also=(service, mesh.owner(pod), mesh.owner(client)),
            )
            return policy, draft
    return None


@probe("PS-002", needs=(NetworkPolicy, Pod, Namespace, Prometheus, Service))
def metrics_ports_closed(mesh: Mesh) -> Iterator[Draft]:
    """A NetworkPolicy keeps Prometheus from the metrics ports of proxies, 15020 and 15090."""
    prometheus = the_prometheus(mesh)
    service = mesh[Service].get(*prometheus.service.key)
    scrapers = pods_of(mesh, service) if service else ()
    closed = []
    for pod in injected_pods(mesh) if scrapers and len(mesh[NetworkPolicy]) else ():
        found = [blocked(mesh, scrapers[0], pod, port) for port in METRICS]
        if all(found) and found[0] is not None:
            closed.append((pod, found[0]))
    down = _down(prometheus)
    for policy, those in _by_policy(closed).items():
        missed = [p for p, _ in those if (p.namespace, p.name) in down]
        words = f"; {len(missed)} are down there" if missed else ""
        yield fail(
            policy,
            f"it keeps Prometheus from the metrics of {len(those)} proxies{words}",
            at=f"spec.{those[0][1].direction.lower()}",
            evidence=(_closed(those[0][1], METRICS[0]),),
            severity=None if missed else "low",
            also=(*(p for p, _ in those), scrapers[0], mesh.owner(scrapers[0])),
        )


def _down(prometheus: Prometheus) -> set[tuple[str, str]]:
    samples = prometheus.answer("up") if prometheus.has("up") else ()
    return {(s.labels.get("namespace", ""), s.labels.get("pod", "")) for s in samples if s.value == 0}


@probe("AM-007", needs=(NetworkPolicy, Pod, Namespace))
def hbone_port_closed(mesh: Mesh) -> Iterator[Draft]:
    """A NetworkPolicy allows a captured pod's own ports to somebody, but not 15008, by which ztunnel brings all traffic."""
    captured = captured_pods(mesh)
    closed = []
    for pod in captured if len(mesh[NetworkPolicy]) else ():
        peers = [p for p in captured if p.namespace == pod.namespace] or captured
        ports = [c.container_port for k in pod.app_containers for c in k.ports]
        for port in ports:
            client = next((c for c in peers if blocked(mesh, c, pod, port) is None), None)
            found = blocked(mesh, client, pod, HBONE) if client else None
            if found is not None:
                closed.append((pod, found))
                break
    for policy, those in _by_policy(closed).items():
        yield fail(
            policy,
            f"it opens ports of {counted(len(those), 'pod')} in ambient mode, but not {HBONE}, which carries them",
            at=f"spec.{those[0][1].direction.lower()}",
            evidence=(_closed(those[0][1], HBONE),),
            confidence=STRONG,
            also=(*(p for p, _ in those), *dict.fromkeys(mesh.owner(p) for p, _ in those)),
        )
