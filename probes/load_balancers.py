"""What lies before a gateway: the load balancer's checks, the nodes it sends to, and how it hands connections over."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.availability import schedulable_nodes
from meshdoctor.istio.gateways import gateway_pods_of, services_of_pods
from meshdoctor.istio.proxyconfig import setting
from meshdoctor.istio.workloads import by_owner, gateways_seen, is_gateway, pods_of
from meshdoctor.model.cluster import Node, Service
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.findings import STRONG
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

HEALTH = 15021
CLOUD = "service.beta.kubernetes.io/"
# annotations by which clouds are told what to check, to speak the PROXY protocol, to terminate TLS
CHECK_PORT = (
    f"{CLOUD}aws-load-balancer-healthcheck-port",
    f"{CLOUD}do-loadbalancer-healthcheck-port",
    f"{CLOUD}azure-load-balancer-health-probe-port",
)
CHECK_PATH = (
    f"{CLOUD}aws-load-balancer-healthcheck-path",
    f"{CLOUD}azure-load-balancer-health-probe-request-path",
    f"{CLOUD}do-loadbalancer-healthcheck-path",
)
PROXY_PROTOCOL = (
    f"{CLOUD}aws-load-balancer-proxy-protocol",
    f"{CLOUD}do-loadbalancer-enable-proxy-protocol",
    "load-balancer.hetzner.cloud/uses-proxyprotocol",
    "service.beta.kubernetes.io/ovh-loadbalancer-proxy-protocol",
    "loadbalancer.openstack.org/proxy-protocol",
)
TERMINATES = (f"{CLOUD}aws-load-balancer-ssl-cert", f"{CLOUD}do-loadbalancer-certificate-id", "cloud.google.com/app-protocols")
READY_PATH = "/healthz/ready"


def _fronts(mesh: Mesh, service: Service) -> list[Pod]:
    """The gateway pods behind a LoadBalancer or NodePort Service."""
    gateways_seen(mesh)
    if service.spec.type not in ("LoadBalancer", "NodePort"):
        return []
    return [p for p in pods_of(mesh, service) if is_gateway(p)]


@probe("GW-005", over=Service, needs=(Service, Pod))
def health_check_astray(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """The load balancer of a gateway cannot check it: port 15021 is not among the Service's, or it asks for another path."""
    pods = [p for p in _fronts(mesh, service) if p.is_ready]
    if not pods or service.spec.type != "LoadBalancer" or service.spec.external_traffic_policy == "Local":
        return  # Local: kube-proxy answers the check, on a port of its own
    wrong = next(((a, service.annotations[a]) for a in CHECK_PATH if service.annotations.get(a, READY_PATH) != READY_PATH), None)
    if wrong:
        at = f"metadata.annotations[{wrong[0]}]"
        says = f"its load balancer asks for {wrong[1]}, the gateway answers {READY_PATH} on port {HEALTH}"
        yield fail(service, says, at=at, evidence=(quote(service, at, wrong[1]),), also=by_owner(mesh, pods))
    elif not any(HEALTH in (p.port, p.target) for p in service.spec.ports):
        told = next((service.annotations[a] for a in CHECK_PORT if a in service.annotations), "")
        checks = f"; it is told to check port {told}" if told else ""
        says = f"port {HEALTH}, on which gateways say that they are ready, is not among its ports{checks}"
        ports = [p.port for p in service.spec.ports]
        yield fail(
            service,
            says,
            at="spec.ports",
            evidence=(quote(service, "spec.ports", ports),),
            severity=None if told == str(HEALTH) else "medium",
            also=by_owner(mesh, pods),
        )


@probe("GW-006", over=Service, needs=(Service, Pod, Node))
def nodes_without_gateway(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """externalTrafficPolicy is Local, and some nodes that the load balancer may send to run no ready gateway pod."""
    pods = _fronts(mesh, service)
    if not pods or service.spec.external_traffic_policy != "Local":
        return
    busy = {p.spec.node_name for p in pods if p.is_ready}
    idle = [n.name for n in _workers(mesh) if n.name not in busy]
    if busy and idle:
        checked = service.spec.health_check_node_port  # by it a load balancer finds out by itself
        says = f"no ready gateway pod on {counted(len(idle), 'node')}, where what is sent is dropped: {', '.join(sorted(idle)[:5])}"
        yield fail(
            service,
            says + (f"; a load balancer that asks port {checked} of each node knows" if checked else ""),
            at="spec.externalTrafficPolicy",
            evidence=(quote(service, "spec.externalTrafficPolicy", "Local"),),
            severity="info" if checked else None,
            also=by_owner(mesh, pods),
        )


def _workers(mesh: Mesh) -> list[Node]:
    """Nodes that load balancers send to: ready, not cordoned, not of the control plane, not left out by label."""
    skipped = ("node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers")
    ready = [n for n in mesh[Node] if not any(c.type == "Ready" and c.status != "True" for c in n.status.conditions)]
    return [n for n in ready if not n.spec.unschedulable and not any(label in n.labels for label in skipped)]


@probe("GW-007", needs=(Pod, Node))
def host_ports_missing(mesh: Mesh) -> Iterator[Draft]:
    """A gateway listens on ports of its nodes, and some nodes on which it might run have no ready pod of it."""
    bound = [p for p in gateways_seen(mesh) if p.spec.host_network or any(c.host_port for k in p.all_containers for c in k.ports)]
    for owner, pods in by_owner(mesh, bound).items():
        busy = {p.spec.node_name for p in pods if p.is_ready}
        idle = sorted({n.name for n in _workers(mesh)} - busy)
        if idle:
            may = {n.name for n in schedulable_nodes(mesh, pods[0])}
            why = "" if set(idle) <= may else "node selector, taints or cordons keep it from some of them"
            says = f"it listens on node ports, and no pod of it is ready on {counted(len(idle), 'node')}: {', '.join(idle[:5])}"
            yield fail(owner, says, why=why, evidence=(quote(pods[0], "spec.hostNetwork", pods[0].spec.host_network),), also=pods)


@probe("GW-011", over=Gateway, needs=(Gateway, Service, Pod))
def redirects_in_a_loop(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """A server redirects to HTTPS, but the load balancer ends TLS and hands HTTPS requests to that very server."""
    for i, server in enumerate(gateway.spec.servers):
        if server.tls is None or not server.tls.https_redirect:
            continue
        for service in services_of_pods(mesh, gateway_pods_of(mesh, gateway)):
            https = [p for p in service.spec.ports if p.port == 443]
            plain = {p.target for p in service.spec.ports if p.port == server.port.number} | {server.port.number}
            ends = next((a for a in TERMINATES if a in service.annotations), "")
            if service.spec.type == "LoadBalancer" and any(p.target in plain for p in https):
                at = f"spec.servers[{i}].tls.httpsRedirect"
                says = f"HTTPS requests come to this server without TLS, by port 443 of {service.subject}, and are redirected again"
                evidence = [quote(gateway, at, True), quote(service, "spec.ports", f"443 leads to {https[0].target}")]
                if ends:
                    evidence.append(quote(service, f"metadata.annotations[{ends}]", service.annotations[ends]))
                yield fail(gateway, says, at=at, evidence=evidence, also=(service,))
                break


@probe("GW-017", over=Service, needs=(Service, Pod, EnvoyFilter))
def proxy_protocol_on_one_side(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """The load balancer speaks the PROXY protocol and the gateway does not expect it, or the other way round."""
    pods = _fronts(mesh, service)
    if not pods or service.spec.type != "LoadBalancer":
        return
    sends = next((a for a in PROXY_PROTOCOL if service.annotations.get(a, "false").lower() not in ("false", "")), "")
    expects = _expects(mesh, pods[0])
    if bool(sends) != bool(expects):
        at = f"metadata.annotations[{sends}]" if sends else "metadata.annotations"
        says = (
            "its load balancer sends the PROXY protocol, which the gateway does not expect"
            if sends
            else f"the gateway expects the PROXY protocol ({expects}), and nothing tells the load balancer to send it"
        )
        words = service.annotations.get(sends, "no annotation of a PROXY protocol")
        owners = by_owner(mesh, pods)
        yield fail(service, says, at=at, evidence=(quote(service, at, words),), confidence=STRONG, also=owners)


def _expects(mesh: Mesh, pod: Pod) -> str:
    """What makes a gateway read the PROXY protocol; empty where nothing does."""
    topology = setting(mesh, pod, "gatewayTopology")
    if isinstance(topology, dict) and "proxyProtocol" in topology:
        return "gatewayTopology.proxyProtocol"
    for each in mesh[EnvoyFilter].within(pod.namespace) if mesh.state(EnvoyFilter) in USABLE else ():
        wanted = each.spec.workload_selector.wanted if each.spec.workload_selector else {}
        if wanted.items() <= pod.labels.items() and "proxy_protocol" in str([p.patch for p in each.spec.config_patches]):
            return str(each.subject)
    return ""
