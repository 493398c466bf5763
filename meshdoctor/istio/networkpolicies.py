"""NetworkPolicies: whether they let a connection through.

Source: kubernetes.io, Network Policies. A pod that no policy selects for a direction is open in it; of one that some
select, only what any of them allows passes. Whether the cluster's network enforces them is not seen here.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from meshdoctor.istio.injection import namespace_labels
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networkpolicies import NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from meshdoctor.model.workloads import Pod

Direction = Literal["Ingress", "Egress"]


class Blocked(msgspec.Struct, frozen=True):
    """A connection that is not let through: by which policies, in which direction, at which pod."""

    policies: tuple[NetworkPolicy, ...]
    direction: Direction
    pod: Pod

    @property
    def youngest(self) -> NetworkPolicy:
        """The one that was made last: what changed."""
        return max(self.policies, key=lambda p: (p.changed.timestamp() if p.changed else 0.0, p.name))


def isolating(mesh: Mesh, pod: Pod, direction: Direction) -> tuple[NetworkPolicy, ...]:
    """The policies that close a pod in one direction but for what they allow. Those of host network pods have no effect."""
    policies = mesh[NetworkPolicy].within(pod.namespace)
    if pod.spec.host_network:
        return ()
    return tuple(p for p in policies if direction in _directions(p) and p.spec.pod_selector.matches(pod.labels))


def _directions(policy: NetworkPolicy) -> tuple[str, ...]:
    """Its policyTypes; unset they are Ingress, and Egress where it has egress rules."""
    return policy.spec.isolates


def denies_by_default(policy: NetworkPolicy) -> bool:
    """Whether it closes every pod of its namespace for what comes in: a default that denies."""
    chosen = policy.spec.pod_selector
    return not chosen.match_labels and not chosen.match_expressions and "Ingress" in _directions(policy)


def blocked(mesh: Mesh, client: Pod | None, server: Pod | None, port: int, protocol: str = "TCP") -> Blocked | None:
    """What keeps a client from a port of a server; None where nothing does.

    A peer of None is outside the cluster's pods: a node, the API server, the internet.
    """
    if client is not None:
        closed = isolating(mesh, client, "Egress")
        if closed and not any(_lets_out(mesh, p, server, port, protocol) for p in closed):
            return Blocked(closed, "Egress", client)
    if server is not None:
        closed = isolating(mesh, server, "Ingress")
        if closed and not any(_lets_in(mesh, p, client, server, port, protocol) for p in closed):
            return Blocked(closed, "Ingress", server)
    return None


def _lets_out(mesh: Mesh, policy: NetworkPolicy, server: Pod | None, port: int, protocol: str) -> bool:
    return any(_covers_port(r.ports, port, protocol, server) and _is_peer(mesh, policy, r.to, server) for r in policy.spec.egress)


def _lets_in(mesh: Mesh, policy: NetworkPolicy, client: Pod | None, server: Pod, port: int, protocol: str) -> bool:
    rules = policy.spec.ingress
    return any(_covers_port(r.ports, port, protocol, server) and _is_peer(mesh, policy, r.from_, client) for r in rules)


def _covers_port(ports: tuple[NetworkPolicyPort, ...], port: int, protocol: str, server: Pod | None) -> bool:
    return not ports or any(p.protocol == protocol and _is_port(p, port, server) for p in ports)


def _is_port(allowed: NetworkPolicyPort, port: int, server: Pod | None) -> bool:
    if allowed.port is None:
        return True
    if isinstance(allowed.port, int):
        return allowed.port <= port <= (allowed.end_port or allowed.port)
    named = {c.name: c.container_port for k in server.all_containers for c in k.ports} if server else {}
    return named.get(allowed.port) == port


def _is_peer(mesh: Mesh, policy: NetworkPolicy, peers: tuple[NetworkPolicyPeer, ...], pod: Pod | None) -> bool:
    return not peers or any(_matches(mesh, policy, peer, pod) for peer in peers)


def _matches(mesh: Mesh, policy: NetworkPolicy, peer: NetworkPolicyPeer, pod: Pod | None) -> bool:
    if peer.ip_block is not None:
        # of an address that is not known the policy may well mean it
        return pod is None or _within(pod.status.pod_ip, peer.ip_block.cidr, peer.ip_block.excluded)
    if pod is None or pod.spec.host_network:
        return False
    if peer.namespace_selector is None:
        here = pod.namespace == policy.namespace
    else:
        name = {"kubernetes.io/metadata.name": pod.namespace}
        here = peer.namespace_selector.matches(name | namespace_labels(mesh, pod.namespace))
    return here and (peer.pod_selector is None or peer.pod_selector.matches(pod.labels))


def _within(address: str, cidr: str, left_out: tuple[str, ...]) -> bool:
    try:
        one = ipaddress.ip_address(address)
        return one in ipaddress.ip_network(cidr, strict=False) and not any(
            one in ipaddress.ip_network(e, strict=False) for e in left_out
        )
    except ValueError:
        return False
