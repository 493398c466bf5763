"""Services whose requests reach nobody: no endpoints, a port nobody listens on, a full pool, all ejected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import matches, service_host, service_of
from meshdoctor.istio.routing import destination_rules, routes_to, rule_host
from meshdoctor.istio.workloads import by_owner, makers, owner_object, pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Event, Service, ServicePort
from meshdoctor.model.envoy import ClusterStatus, Envoy
from meshdoctor.model.findings import HINT, Evidence, Severity
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.workloads import Pod, Workload
from probes.registry import Draft, fail, get, probe, quote

STARTING = timedelta(seconds=30)
TRIES = 3  # of a probe, as the API's default has it
SOME, SHARE = 5, 0.05  # refused requests that are too few to be the fault: fewer, and a smaller part of all
REFUSED = re.compile(r"connect[ _]error:[ _]*111|connection[ _]refused", re.IGNORECASE)


@probe("RT-022", over=Service, needs=(Service, EndpointSlice, Pod, *WORKLOADS, VirtualService, Envoy, Event))
def no_ready_endpoints(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A Service has no ready endpoint, or none with a port that its targetPort names: Envoy answers 503 UH."""
    slices = mesh.slices_of(service)
    if service.spec.type == "ExternalName" or not (service.spec.selector or slices) or not mesh.given(EndpointSlice):
        return  # of manifests nobody has made endpoints yet
    if not any(e.is_ready and e.addresses for s in slices for e in s.endpoints or ()):
        if not _is_about_to(mesh, service):
            yield _without_endpoints(mesh, service)
        return
    pods = pods_of(mesh, service)
    for i, port in enumerate(service.spec.ports):
        if isinstance(port.target, str) and not port.target.isdigit() and pods and not _named(pods, port.target):
            offered = sorted({c.name for p in pods for k in p.app_containers or p.all_containers for c in k.ports if c.name})
            yield _unreachable(
                mesh,
                service,
                f"port {port.port} has no endpoint: no pod has a port named {port.target!r}",
                f"spec.ports[{i}].targetPort",
                why=f"its pods name the ports {', '.join(offered)}" if offered else "its pods name no port",
                pods=pods,
            )


def _is_about_to(mesh: Mesh, service: Service) -> bool:
    """Whether a Service that manifests bring just now will have endpoints: pods are there, or a workload will make some."""
    if service.created is None or service.created < mesh.now:
        return False
    return bool(pods_of(mesh, service) or makers(mesh, service.namespace, service.spec.selector))


def _named(pods: tuple[Pod, ...], name: str) -> bool:
    return any(c.name == name for p in pods for k in p.all_containers for c in k.ports)


def _without_endpoints(mesh: Mesh, service: Service) -> Draft:
    pods = pods_of(mesh, service)
    makers = _makers(mesh, service)
    selector = ",".join(f"{k}={v}" for k, v in service.spec.selector.items())
    if pods:
        why = f"none of its {len(pods)} pods is ready"
    elif makers:
        why = f"{makers[0].subject} has no running pod ({makers[0].desired} desired)"
    else:
        why = f"its selector {selector} matches no pod" if selector else "nobody fills its EndpointSlices"
    asleep = bool(makers) and all(m.desired == 0 for m in makers)
    quiet = (asleep or not _has_proxies(mesh, service.namespace)) and not _is_used(mesh, service)
    severity: Severity | None = "medium" if quiet else None
    # pods that have just been made are about to be ready: a rollout, until it lasts, or their probes keep failing
    starting = bool(pods) and all(p.created is not None and mesh.now - p.created < STARTING for p in pods)
    starting = starting and not any(_fails_its_probe(mesh, p) for p in pods)
    says, confidence = "it has no ready endpoint", HINT if starting else None
    return _unreachable(mesh, service, says, "spec.selector", why, pods, severity, confidence)


def _fails_its_probe(mesh: Mesh, pod: Pod) -> bool:
    """Whether a readiness probe of the pod has failed as often as makes it not ready, as the kubelet says."""
    for event in mesh[Event].within(pod.namespace) if mesh.state(Event) in USABLE else ():
        about = event.involved_object
        if (about.kind, about.name, event.reason) == ("Pod", pod.name, "Unhealthy") and event.count >= TRIES:
            began = event.first_timestamp or event.created
            if event.message.startswith("Readiness probe failed") and not (began and pod.created and began < pod.created):
                return True
    return False


def _unreachable(
    mesh: Mesh,
    service: Service,
    says: str,
    at: str,
    why: str,
    pods: tuple[Pod, ...],
    severity: Severity | None = None,
    confidence: float | None = None,
) -> Draft:
    failed = log.flagged(log.lines_to(mesh, service_host(service, mesh.cluster.domain), service.changed), "UH")
    command = f"kubectl -n {service.namespace} get endpointslice -l kubernetes.io/service-name={service.name}"
    return fail(
        service,
        says,
        at=at,
        why=why,
        evidence=(Evidence(why, str(service.subject), at, command), *log.shown(mesh, failed)),
        confidence=confidence,
        severity=severity,
        harm=log.harm(mesh, failed),
        also=(*by_owner(mesh, pods), *_makers(mesh, service), *log.clients(mesh, failed)),
    )


def _makers(mesh: Mesh, service: Service) -> tuple[Workload, ...]:
    """The controllers whose pods it would select."""
    return makers(mesh, service.namespace, service.spec.selector)


def _has_proxies(mesh: Mesh, namespace: str) -> bool:
    return any(p.proxy is not None for p in mesh[Pod].within(namespace))


def _is_used(mesh: Mesh, service: Service) -> bool:
    """Whether a route leads to it or somebody asks for it."""
    host = service_host(service, mesh.cluster.domain)
    if log.lines_to(mesh, host, service.changed):
        return True
    return mesh.state(VirtualService) in USABLE and any(not r.is_idle for r in routes_to(mesh, host))


@probe("RT-017", over=Service, needs=(Service, Pod, Envoy, *WORKLOADS))
def nobody_listens(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """Connections to a Service's targetPort are refused: no container listens on it."""
    pods = pods_of(mesh, service) if service.spec.type != "ExternalName" else ()
    if not pods:
        return
    log.must_have(mesh, "logs")
    for i, port in enumerate(service.spec.ports):
        refused = _refused(mesh, service, port, pods)
        undeclared = isinstance(port.target, int) and _is_undeclared(pods, port.target)
        counted = _never_connected(mesh, service, port) if undeclared and not refused else ()
        if refused or counted:
            yield _not_listening(mesh, service, i, pods, refused, counted, undeclared)


def _refused(mesh: Mesh, service: Service, port: ServicePort, pods: tuple[Pod, ...]) -> tuple[log.Line, ...]:
    """Lines of refused connections, at the server's proxy or at a client's, where the newest one still is."""
    inbound = f"inbound|{port.target}||"
    server = log.chosen(log.newer(log.lines_at(mesh, pods), service.changed), lambda x: x.entry.upstream_cluster == inbound)
    client = log.chosen(
        log.lines_to(mesh, service_host(service, mesh.cluster.domain), service.changed),
        lambda x: x.upstream.direction == "outbound" and x.upstream.port == port.port,
    )
    return log.still_failing((*server, *client), _is_refused)


def _is_refused(line: log.Line) -> bool:
    entry = line.entry
    words = " ".join((entry.transport_failure, entry.details, entry.connection_details))
    return bool(line.flags & {"UF", "URX"}) and bool(REFUSED.search(words))


def _is_undeclared(pods: tuple[Pod, ...], target: int) -> bool:
    """Whether the containers declare ports, and not this one."""
    declared = False
    for port in (port for pod in pods for container in pod.app_containers for port in container.ports):
        if port.container_port == target:
            return False  # the first pod says so, nearly always
        declared = True
    return declared


def _never_connected(mesh: Mesh, service: Service, port: ServicePort) -> tuple[tuple[Envoy, ClusterStatus], ...]:
    """Clients none of whose connections to any of its endpoints ever succeeded."""
    host = service_host(service, mesh.cluster.domain)
    found = []
    for envoy in mesh.envoys:
        for cluster in envoy.clusters if envoy.has("clusters") else ():
            up = log.upstream(cluster.name)
            if (up.direction, up.port, up.host) == ("outbound", port.port, host) and cluster.hosts:
                failed = [h.stats.get("cx_connect_fail", 0) for h in cluster.hosts]
                if all(failed) and not any(h.stats.get("rq_success", 0) or _connected(h.stats) for h in cluster.hosts):
                    found.append((envoy, cluster))
    return tuple(found)


def _connected(stats: dict[str, int]) -> bool:
    return stats.get("cx_active", 0) > 0 or stats.get("cx_total", 0) > stats.get("cx_connect_fail", 0)


def _not_listening(
    mesh: Mesh,
    service: Service,
    i: int,
    pods: tuple[Pod, ...],
    refused: tuple[log.Line, ...],
    counted: tuple[tuple[Envoy, ClusterStatus], ...],
    undeclared: bool,
) -> Draft:
    port = service.spec.ports[i]
    at = f"spec.ports[{i}].targetPort"
    owner = owner_object(mesh, pods[0])
    # a port that the containers declare is right in the Service: then the application does not listen
    subject: KubernetesObject = service if undeclared or owner is pods[0] else owner
    host = service_host(service, mesh.cluster.domain)
    calls = log.lines_to(mesh, host, service.changed)
    lost = log.chosen(calls, lambda x: x.upstream.port == port.port and (x.entry.code >= 500 or bool(x.flags & {"UF", "URX"})))
    declared = sorted({c.container_port for p in pods for k in p.app_containers for c in k.ports})
    return fail(
        subject,
        f"connections to port {port.port} of {host} are refused: nobody listens on {port.target}",
        at=at if subject is service else "spec.template.spec.containers",
        why=f"its containers declare {', '.join(map(str, declared))}" if declared else "its containers declare no port",
        evidence=(quote(service, at, port.target), *log.shown(mesh, refused), *map(_counters, counted[:1])),
        harm=log.harm(mesh, lost or refused),
        also=(service, *by_owner(mesh, pods), *log.clients(mesh, lost)),
        since=service.changed if subject is service else None,
    )


def _counters(seen: tuple[Envoy, ClusterStatus]) -> Evidence:
    envoy, cluster = seen
    failed = sum(h.stats.get("cx_connect_fail", 0) for h in cluster.hosts)
    return Evidence(
        f"none of {failed} connections succeeded",
        f"/clusters of {envoy.namespace}/{envoy.name}",
        f"{cluster.name}: cx_connect_fail {failed}",
        f"kubectl -n {envoy.namespace} exec {envoy.name} -c istio-proxy -- pilot-agent request GET clusters",
    )


@probe("RT-014", over=DestinationRule, needs=(DestinationRule, Service, Pod, Envoy))
def circuit_open(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """Requests are refused (503 UO) because a connection pool's limit is reached."""
    pools = dict(_pools(rule))
    if not pools:
        return
    log.must_have(mesh, "logs")
    host = rule_host(rule, mesh.cluster.domain)
    if "*" in host:
        lines = log.chosen(log.newer(log.lines(mesh), rule.changed), lambda x: matches(host, x.upstream.host or "-"))
    else:
        lines = log.lines_to(mesh, host, rule.changed)
    failed = log.chosen(lines, lambda x: "UO" in x.flags)
    if failed:
        at, limits = next(iter(pools.items()))
        once = len(failed) < SOME and len(failed) < len(lines) * SHARE  # a burst that a full pool is there for
        service = service_of(mesh, host, rule.namespace) if "*" not in host else None
        yield fail(
            rule,
            f"requests to {host} are refused: its connection pool is full",
            at=at,
            evidence=(quote(rule, at, limits), *log.shown(mesh, failed)),
            confidence=HINT if once else None,
            harm=log.harm(mesh, failed),
            also=(*([service] if service else []), *log.clients(mesh, failed)),
        )


def _pools(rule: DestinationRule) -> Iterator[tuple[str, str]]:
    """The connection pools of a rule: path and limits in words."""
    policies = [("spec.trafficPolicy", rule.spec.traffic_policy)]
    policies += [(f"spec.subsets[{i}].trafficPolicy", s.traffic_policy) for i, s in enumerate(rule.spec.subsets)]
    for path, policy in policies:
        if policy is None:
            continue
        pools = [(path, policy.connection_pool)]
        pools += [(f"{path}.portLevelSettings[{i}]", p.connection_pool) for i, p in enumerate(policy.port_level_settings)]
        for where, pool in pools:
            tcp, http = (pool.tcp, pool.http) if pool else (None, None)
            limits = {
                "maxConnections": tcp.max_connections if tcp else 0,
                "http1MaxPendingRequests": http.http1_max_pending_requests if http else 0,
                "http2MaxRequests": http.http2_max_requests if http else 0,
                "maxRetries": http.max_retries if http else 0,
            }
            said = ", ".join(f"{k} {v}" for k, v in limits.items() if v)
            if said:
                yield f"{where}.connectionPool", said


@probe("RT-015", needs=(Service, Pod, DestinationRule, Envoy))
def all_ejected(mesh: Mesh) -> Iterator[Draft]:
    """Outlier detection ejected every endpoint of a Service while its pods are Ready: 503 UH until ejection expires."""
    log.must_have(mesh, "clusters")
    for envoy in mesh.envoys:
        for cluster in envoy.clusters if envoy.has("clusters") else ():
            up = log.upstream(cluster.name)
            if up.direction != "outbound" or not cluster.hosts or not all(h.ejected for h in cluster.hosts):
                continue
            service = service_of(mesh, up.host, "")
            pods = [p for p in pods_of(mesh, service) if p.is_ready] if service else []
            if service is None or not pods:
                continue
            rules = [r for r in destination_rules(mesh, up.host, envoy.namespace, (service.namespace,)) if _detects(r)]
            subject: KubernetesObject = rules[0] if rules else service
            failed = log.flagged(log.lines_to(mesh, up.host, subject.changed), "UH")
            yield fail(
                subject,
                f"every endpoint of {up.host}{f', subset {up.subset},' if up.subset else ''} is ejected at "
                f"{envoy.namespace}/{envoy.name} ({len(cluster.hosts)} of {len(cluster.hosts)}), though its pods are Ready",
                at="spec.trafficPolicy.outlierDetection" if rules else "",
                evidence=(
                    Evidence(
                        "every host failed the outlier check",
                        f"/clusters of {envoy.namespace}/{envoy.name}",
                        f"{cluster.name}: /failed_outlier_check",
                        f"kubectl -n {envoy.namespace} exec {envoy.name} -c istio-proxy -- pilot-agent request GET clusters",
                    ),
                    Evidence(f"{subject.subject} sets it", str(subject.subject), "outlierDetection", get(subject)),
                    *log.shown(mesh, failed),
                ),
                harm=log.harm(mesh, failed),
                also=(service, *by_owner(mesh, pods), *log.clients(mesh, failed)),
            )


def _detects(rule: DestinationRule) -> bool:
    policies = [rule.spec.traffic_policy, *(s.traffic_policy for s in rule.spec.subsets)]
    return any(p is not None and (p.outlier_detection or any(x.outlier_detection for x in p.port_level_settings)) for p in policies)
