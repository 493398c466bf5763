"""NetworkPolicies as Kubernetes defines them: which isolate a pod, and whether one connection is let through.

Source: kubernetes.io, Network Policies (policies add up; a pod that none selects for a direction is open in it). What a
network plugin really enforces is not known here.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from meshdoctor.istio.injection import namespace_labels
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networkpolicies import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from meshdoctor.model.workloads import Pod

Direction = Literal["Ingress", "Egress"]


def isolating(mesh: Mesh, pod: Pod, direction: Direction) -> tuple[NetworkPolicy, ...]:
    """The policies of its namespace that isolate a pod in one direction; none means that it is open."""
    return tuple(
        p
        for p in mesh[NetworkPolicy].within(pod.namespace)
        if direction in p.spec.isolates and p.spec.pod_selector.matches(pod.labels)
    )


def lets_in(mesh: Mesh, server: Pod, client: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether the server's side lets a client in on a port."""
    policies = isolating(mesh, server, "Ingress")
    rules = ((r.from_, r.ports) for p in policies for r in p.spec.ingress)
    return not policies or any(
        _takes_port(ports, port, protocol, server) and (not peers or any(_is(mesh, c, client, server.namespace) for c in peers))
        for peers, ports in rules
    )


def lets_out(mesh: Mesh, client: Pod, server: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether the client's side lets it go to a port of a server."""
    policies = isolating(mesh, client, "Egress")
    rules = ((r.to, r.ports) for p in policies for r in p.spec.egress)
    return not policies or any(
        _takes_port(ports, port, protocol, server) and (not peers or any(_is(mesh, c, server, client.namespace) for c in peers))
        for peers, ports in rules
    )


def denies_by_default(policy: NetworkPolicy) -> bool:
    """Whether it isolates every pod of its namespace for what comes in: a default that denies."""
    everybody = not policy.spec.pod_selector.match_labels and not policy.spec.pod_selector.match_expressions
    return everybody and "Ingress" in policy.spec.isolates


def _takes_port(ports: tuple[NetworkPolicyPort, ...], port: int, protocol: str, server: Pod) -> bool:
    return not ports or any((p.protocol or "TCP") == protocol and _means(p, port, server) for p in ports)


def _means(said: NetworkPolicyPort, port: int, server: Pod) -> bool:
    if said.port is None:
        return True
    if isinstance(said.port, int):
        return said.port <= port <= (said.end_port or said.port)
    return any(p.name == said.port and p.container_port == port for c in server.all_containers for p in c.ports)


def _is(mesh: Mesh, peer: NetworkPolicyPeer, pod: Pod, own: str) -> bool:
    """Whether a peer of a rule of namespace `own` means a pod."""
    if peer.ip_block is not None:
        return _within(pod.status.pod_ip, peer.ip_block.cidr, peer.ip_block.excluded)
    if peer.namespace_selector is None:
        if pod.namespace != own:
            return False
    elif not peer.namespace_selector.matches(namespace_labels(mesh, pod.namespace)):
        return False
    return peer.pod_selector is None or peer.pod_selector.matches(pod.labels)


def _within(ip: str, cidr: str, excluded: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
        return address in ipaddress.ip_network(cidr, strict=False) and not any(
            address in ipaddress.ip_network(e, strict=False) for e in excluded
        )
    except ValueError:
        return False
