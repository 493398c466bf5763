"""DestinationRules that have no effect: outside the lookup path, or without what their setting needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshdoctor.istio.hosts import registered
from meshdoctor.istio.routing import rule_host
from meshdoctor.istio.workloads import client_namespaces
from meshdoctor.model.cluster import Node, Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, TrafficPolicy
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

ZONE = "topology.kubernetes.io/zone"
SHIFTS = ("distribute", "failover", "failoverPriority")


@probe("RT-011", over=DestinationRule, needs=(DestinationRule, Service, ServiceEntry, Pod))
def outside_the_lookup_path(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule lies in a namespace that no client looks in: neither the host's, nor the root, nor one with clients."""
    if rule.namespace == mesh.mesh_config.root_namespace or not mesh.given(Pod):
        return
    found = registered(mesh, rule_host(rule, mesh.cluster.domain)) if not rule.spec.host.startswith("*") else ()
    owners = {r.namespace for r in found}
    clients = client_namespaces(mesh) if found else frozenset()
    if not clients or rule.namespace in owners or rule.namespace in clients:
        return
    yield fail(
        rule,
        f"nobody looks for it in {rule.namespace}, where no client runs: {rule.spec.host} is in {', '.join(sorted(owners))}",
        at="metadata.namespace",
        evidence=(quote(rule, "metadata.namespace", rule.namespace),),
        also=[r.origin for r in found],
    )


@probe("RT-021", over=DestinationRule, needs=(DestinationRule, Node))
def failover_without_detection(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule shifts traffic between localities, but does not detect outliers, or no node says where it is."""
    policy = rule.spec.traffic_policy
    at = "spec.trafficPolicy.loadBalancer.localityLbSetting"
    wanted = _shifts(policy)
    if policy is None or not wanted:
        return
    if wanted != "distribute" and policy.outlier_detection is None:
        says = f"{wanted} needs outlierDetection, which {rule.spec.host} does not have: no endpoint is ever taken for failed"
        yield fail(rule, says, at=at, evidence=(quote(rule, at, wanted),))
        return
    nodes = list(mesh[Node]) if mesh.state(Node) in USABLE else []
    if nodes and not any(ZONE in n.labels for n in nodes):
        says = f"{wanted} goes by zones, and no node has the label {ZONE}"
        yield fail(rule, says, at=at, evidence=(quote(nodes[0], "metadata.labels", "no zone"),), also=nodes[:1])


def _shifts(policy: TrafficPolicy | None) -> str:
    """Which locality setting is used; empty for none."""
    setting: Any = (policy.load_balancer or {}).get("localityLbSetting") if policy else None
    if not isinstance(setting, dict) or setting.get("enabled") is False:
        return ""
    return next((name for name in SHIFTS if setting.get(name)), "")
