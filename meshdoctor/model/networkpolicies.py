"""networking.k8s.io: which connections the cluster's network lets through."""

from __future__ import annotations

from typing import ClassVar

from meshdoctor.model.base import KubernetesObject, Record
from meshdoctor.model.workloads import LabelSelector


class IPBlock(Record, rename={"except_": "except"}, frozen=True):
    cidr: str = ""
    except_: tuple[str, ...] = ()


class NetworkPolicyPeer(Record, frozen=True):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(Record, frozen=True):
    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class NetworkPolicyIngressRule(Record, rename={"from_": "from"}, frozen=True):
    from_: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicyEgressRule(Record, frozen=True):
    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(Record, frozen=True):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()


class NetworkPolicy(KubernetesObject, frozen=True):
    GROUP = "networking.k8s.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    KIND = "NetworkPolicy"
    PLURAL = "networkpolicies"

    spec: NetworkPolicySpec = NetworkPolicySpec()
