"""NetworkPolicies of networking.k8s.io: which pods they isolate, and what they let through."""

from __future__ import annotations

from msgspec import field

from meshdoctor.model.base import KubernetesObject, Record
from meshdoctor.model.workloads import LabelSelector


class IPBlock(Record, frozen=True):
    cidr: str = ""
    excluded: tuple[str, ...] = field(default=(), name="except")


class NetworkPolicyPeer(Record, frozen=True):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(Record, frozen=True):
    """A port by number or name; without one all ports of the protocol."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class IngressRule(Record, frozen=True):
    """Who may come in; no peer means everybody, no port every port."""

    from_: tuple[NetworkPolicyPeer, ...] = field(default=(), name="from")
    ports: tuple[NetworkPolicyPort, ...] = ()


class EgressRule(Record, frozen=True):
    """Where pods may go; no peer means everywhere, no port every port."""

    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(Record, frozen=True):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()

    @property
    def isolates(self) -> tuple[str, ...]:
        """The directions that it isolates; where it names none, Ingress, and Egress if it has such rules."""
        return self.policy_types or (("Ingress", "Egress") if self.egress else ("Ingress",))


class NetworkPolicy(KubernetesObject, frozen=True):
    GROUP = "networking.k8s.io"
    KIND = "NetworkPolicy"
    PLURAL = "networkpolicies"

    spec: NetworkPolicySpec = NetworkPolicySpec()
