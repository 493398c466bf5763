"""Mutual TLS: clients and servers that do not agree, and policies that do not mean what they say."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.competing import Competitor, codes_of, competing
from meshdoctor.istio.hosts import DOMAIN, fqdn, matches, service_host, service_of
from meshdoctor.istio.mtls import scope_of, server_mode, speaks_mtls
from meshdoctor.istio.mtls_wide import WHOLE_MESH, rules_for, strict_as_wide, tls_mode
from meshdoctor.istio.mutual.targets import workload_port
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.selecting import SELECTABLE
from meshdoctor.istio.workloads import asked_pods, injected_pods, live_pods, pods_of, services_of, workload_name
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import HINT, Evidence, Harm, Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ClientTLSSettings, DestinationRule
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod, ReplicaSet
from probes.registry import Draft, fail, get, probe, quote

NO_CHAIN = "filter_chain_not_found"
WIDE = "spec.trafficPolicy.tls.mode"


def _entries(mesh: Mesh, pod: Pod) -> tuple[AccessLogEntry, ...]:
    envoy = mesh.envoy(pod)
    return envoy.logs.access if envoy and envoy.has("logs") else ()


def _log_command(pod: Pod) -> str:
    return f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=5m"


@probe("MTL-001", needs=(PeerAuthentication, Pod, Envoy, Service, ReplicaSet))
def plain_text_refused(mesh: Mesh) -> Iterator[Draft]:
    """A STRICT server refuses connections that come in plain text: the caller has no proxy, or goes past it."""
    found: dict[Subject, list[tuple[Pod, Pod, AccessLogEntry]]] = {}
    for server, _ in asked_pods(mesh):
        for entry in _entries(mesh, server):
            if NO_CHAIN not in entry.details and NO_CHAIN not in entry.connection_details and entry.flags != "NR":
                continue
            address, _, port = entry.downstream_local.rpartition(":")
            caller = mesh.pods_by_ip.get(entry.downstream_remote.rpartition(":")[0])
            if entry.sni or caller is None or caller.name == server.name or address not in ("", server.status.pod_ip):
                continue
            strict = server_mode(mesh, server, int(port) if port.isdigit() else None)
            newer = strict.policy is None or not strict.policy.changed or not entry.time or entry.time > strict.policy.changed
            if strict.mode == "STRICT" and newer and not speaks_mtls(caller):
                found.setdefault(mesh.owner(caller), []).append((caller, server, entry))
    for owner, refused in found.items():
        yield _plain(mesh, owner, refused)


def _plain(mesh: Mesh, owner: Subject, refused: list[tuple[Pod, Pod, AccessLogEntry]]) -> Draft:
    caller, server, entry = refused[-1]
    port = entry.downstream_local.rpartition(":")[2]
    policy = server_mode(mesh, server, int(port) if port.isdigit() else None).policy
    rate = per_second((e.time for _, _, e in refused), mesh.now, 60.0)
    words = f"{entry.flags} {NO_CHAIN} from {entry.downstream_remote} to {entry.downstream_local}"
    evidence = [
        Evidence(f"{counted(len(refused), 'connection')} refused", f"access log of {server.name}", words, _log_command(server)),
        Evidence(f"{caller.name} has no sidecar", str(caller.subject), "no label security.istio.io/tlsMode=istio", get(caller)),
    ]
    if policy is not None:
        evidence.append(quote(policy, "spec.mtls.mode", "STRICT", f"{policy.subject} decides STRICT"))
    servers = {workload_name(mesh, s): s for _, s, _ in refused}
    says = f"{owner.namespace}/{owner.name} calls {', '.join(servers)} in plain text, and STRICT refuses it"
    also = [mesh.owner(s) for s in servers.values()] + [v.subject for s in servers.values() for v in services_of(mesh, s)]
    harm = Harm((f"{owner.namespace}/{owner.name}",), rate)
    return fail(
        owner, says, evidence=evidence, harm=harm, also=[*also, *([policy.subject] if policy else [])], since=caller.created
    )


def tls_settings(rule: DestinationRule) -> Iterator[tuple[str, int | None, str, ClientTLSSettings]]:
    """Every tls block of a DestinationRule as (path, port or None, subset, settings)."""
    policies = [("spec.trafficPolicy", "", rule.spec.traffic_policy)]
    policies += [(f"spec.subsets[{i}].trafficPolicy", s.name, s.traffic_policy) for i, s in enumerate(rule.spec.subsets)]
    for path, subset, policy in policies:
        if policy is None:
            continue
        if policy.tls is not None:
            yield f"{path}.tls.mode", None, subset, policy.tls
        for i, setting in enumerate(policy.port_level_settings):
            if setting.tls is not None and setting.port is not None:
                yield f"{path}.portLevelSettings[{i}].tls.mode", setting.port.number, subset, setting.tls


def targets(mesh: Mesh, rule: DestinationRule) -> list[Service]:
    """The Kubernetes Services that a rule's host means; of a wildcard those for which no rule of their own takes its place."""
    host = fqdn(rule.spec.host, rule.namespace)
    if not host.startswith("*"):
        service = service_of(mesh, host, rule.namespace)
        return [service] if service else []
    space = host.split(".")[1] if host.endswith(f".svc.{DOMAIN}") and host.count(".") == 4 else ""
    found = mesh[Service].within(space) if space else mesh[Service]
    return [s for s in found if matches(host, service_host(s)) and not rules_for(mesh, service_host(s))]


def _is_wide(rule: DestinationRule) -> bool:
    """Whether a rule's host covers several namespaces."""
    return rule.spec.host.startswith("*") and not (rule.spec.host.endswith(f".svc.{DOMAIN}") and rule.spec.host.count(".") == 4)


def _servers(
    mesh: Mesh, rule: DestinationRule, service: Service, port: int | None, subset: str
) -> Iterator[tuple[Pod, int | None, int]]:
    """(pod, its port, the Service's port) of everything that a tls block is about."""
    labels = next((s.labels for s in rule.spec.subsets if s.name == subset), {})
    for pod in pods_of(mesh, service):
        if labels.items() <= pod.labels.items():
            for service_port in service.spec.ports:
                if port in (None, service_port.port):
                    yield pod, workload_port(pod, service_port.target), service_port.port


@probe("MTL-002", over=DestinationRule, needs=(DestinationRule, PeerAuthentication, Service, Pod, Envoy, ReplicaSet))
def tls_off_towards_strict(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule sends plain text or foreign TLS to a mesh server that accepts only Istio's mutual TLS."""
    proven = set()
    for path, port, subset, tls in tls_settings(rule):
        if tls_mode(tls) not in {"DISABLE", "SIMPLE", "MUTUAL"}:
            continue
        for service in targets(mesh, rule):
            strict = [
                (pod, service_port)
                for pod, number, service_port in _servers(mesh, rule, service, port, subset)
                if pod.proxy is not None and server_mode(mesh, pod, number).mode == "STRICT"
            ]
            if strict:
                proven.add(path)
                yield _off(mesh, rule, path, tls, service, strict)
    strict_policy = strict_as_wide(mesh, rule)
    if strict_policy is not None and WIDE not in proven:
        yield _off_for_all(mesh, rule, strict_policy)


def _off_for_all(mesh: Mesh, rule: DestinationRule, policy: PeerAuthentication) -> Draft:
    """As wide as the policy; a hint only where no server is seen that refuses, as none may be there yet."""
    covered = (p for p in injected_pods(mesh) if rule.spec.host == WHOLE_MESH or p.namespace == rule.namespace)
    server = next((p for p in covered if server_mode(mesh, p).mode == "STRICT"), None)
    says = f"switches TLS off for {rule.spec.host}, and {policy.subject} is STRICT there"
    evidence = [quote(rule, WIDE, "DISABLE"), quote(policy, "spec.mtls.mode", "STRICT")]
    also: list[KubernetesObject | Subject] = [policy, *([mesh.owner(server)] if server else [])]
    confidence = None if server else HINT
    return fail(rule, says, at=WIDE, evidence=evidence, confidence=confidence, codes=_code(mesh, policy), also=also)


def _code(mesh: Mesh, policy: PeerAuthentication) -> tuple[str, ...]:
    return ("KIA0208",) if scope_of(policy, mesh.mesh_config.root_namespace) == "mesh" else ("KIA0207",)


def _off(
    mesh: Mesh, rule: DestinationRule, path: str, tls: ClientTLSSettings, service: Service, strict: list[tuple[Pod, int]]
) -> Draft:
    server, port = strict[0]
    policy = server_mode(mesh, server, port).policy
    harm, clients, seen = _failing_clients(mesh, rule, service, {"UC", "UF", "URX"})
    evidence = [quote(rule, path, tls_mode(tls))]
    if policy is not None:
        evidence.append(quote(policy, "spec.mtls.mode", "STRICT", f"{policy.subject} makes {service.name} accept only mutual TLS"))
    says = f"it sets tls.mode {tls_mode(tls)} for {service.name}.{service.namespace}, which is STRICT"
    also = [service.subject, mesh.owner(server), *clients]
    codes = _code(mesh, policy) if policy else None
    return fail(rule, says, at=path, evidence=[*seen, *evidence], harm=harm, also=also, codes=codes)


def _failing_clients(
    mesh: Mesh, rule: DestinationRule, service: Service, flags: set[str]
) -> tuple[Harm | None, list[Subject], list[Evidence]]:
    """Clients whose calls to the Service fail with these flags since the rule's last change."""
    suffix = f"|{service_host(service)}"
    failing: list[tuple[Pod, AccessLogEntry]] = []
    for pod, _ in asked_pods(mesh):
        for entry in _entries(mesh, pod):
            wanted = entry.upstream_cluster.startswith("outbound|") and entry.upstream_cluster.endswith(suffix)
            newer = entry.time is None or rule.changed is None or entry.time > rule.changed
            if wanted and newer and flags & set(entry.flags.split(",")):
                failing.append((pod, entry))
    if not failing:
        return None, [], []
    pod, entry = failing[-1]
    words = f"{entry.code} {entry.flags} {entry.details} {entry.upstream_cluster}"
    shown = Evidence(f"{counted(len(failing), 'call')} failed", f"access log of {pod.name}", words, _log_command(pod))
    owners = list(dict.fromkeys(mesh.owner(p) for p, _ in failing))
    rate = per_second((e.time for _, e in failing), mesh.now, 60.0)
    return Harm(tuple(f"{o.namespace}/{o.name}" for o in owners), rate), owners, [shown]


@probe("MTL-003", over=DestinationRule, needs=(DestinationRule, Service, Pod, PeerAuthentication, Envoy, ReplicaSet))
def mutual_towards_plain(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule forces Istio's mutual TLS towards a pod that has no sidecar, or whose policy switches mTLS off."""
    for path, port, subset, tls in tls_settings(rule):
        if tls.mode != "ISTIO_MUTUAL":
            continue
        for service in targets(mesh, rule):
            plain = [
                pod
                for pod, number, _ in _servers(mesh, rule, service, port, subset)
                if not speaks_mtls(pod) or server_mode(mesh, pod, number).mode == "DISABLE"
            ]
            if not plain:
                continue
            pod = plain[0]
            harm, clients, seen = _failing_clients(mesh, rule, service, {"UF", "URX", "UC"})
            if harm is None and _is_wide(rule):
                continue  # how whole meshes are set to mutual TLS: what is not called suffers nothing
            shown = Evidence(f"{pod.name} takes no mutual TLS", str(pod.subject), f"labels: {pod.labels}", get(pod))
            says = f"it forces ISTIO_MUTUAL, and {pod.name} behind {service.name} takes no mutual TLS"
            also = [service.subject, mesh.owner(pod), *clients]
            yield fail(rule, says, at=path, evidence=[*seen, quote(rule, path, tls.mode), shown], harm=harm, also=also)


@probe("MTL-004", needs=(PeerAuthentication, *SELECTABLE))
def several_policies(mesh: Mesh) -> Iterator[Draft]:
    """Several PeerAuthentications compete for one scope: the oldest counts, the others are ignored."""
    table = mesh[PeerAuthentication]
    for namespace in sorted(table.namespaces):
        for found in competing(mesh, namespace, table.within(namespace)):
            yield _one_of_several(mesh, found)


def _one_of_several(mesh: Mesh, found: Competitor) -> Draft:
    one, rest = found.one, found.rest
    evidence = [quote(p, "metadata.creationTimestamp", p.created) for p in (one, *rest[:2])]
    if found.is_oldest:
        says = f"decides for {found.scope}: it is older than {found.others}, which are ignored"
    else:
        says = f"{one.name} is ignored: {rest[0].name} is older and decides for {found.scope}"
    severity: Severity | None = "info" if found.is_oldest else None
    codes = codes_of(mesh, found, ("KIA0002",), ("KIA0003",))
    return fail(one, says, at="spec.selector", evidence=evidence, also=rest, codes=codes, severity=severity)


@probe("MTL-005", over=PeerAuthentication, needs=(PeerAuthentication, Pod, Service))
def port_level_without_effect(mesh: Mesh, policy: PeerAuthentication) -> Iterator[Draft]:
    """portLevelMtls needs a selector and the workload's port; a Service's port there has no effect."""
    if not policy.spec.port_level_mtls:
        return
    selector = policy.spec.selector.wanted if policy.spec.selector else {}
    if not selector:
        yield fail(policy, "portLevelMtls has no effect without a selector", at="spec.portLevelMtls")
        return
    pods = live_pods(mesh, policy.namespace, selector)
    open_ports = {p.container_port for pod in pods for c in pod.app_containers for p in c.ports}
    for key in policy.spec.port_level_mtls:
        if not pods or not key.isdigit() or int(key) in open_ports:
            continue
        for service in {s.name: s for pod in pods for s in services_of(mesh, pod)}.values():
            port = next((p for p in service.spec.ports if p.port == int(key)), None)
            number = workload_port(pods[0], port.target) if port else None
            if port is not None and number not in (None, int(key)):
                says = f"{key} is the port of Service {service.name}; its pods listen on {number}"
                place = f"spec.portLevelMtls[{key}]"
                yield fail(
                    policy,
                    says,
                    at=place,
                    evidence=[quote(policy, place), quote(service, "spec.ports", f"{key} -> {number}")],
                    also=[service],
                )
                break
