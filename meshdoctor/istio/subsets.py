"""Subsets: which pods, workloads and endpoints carry their labels.

Source: istio.io, DestinationRule reference (`Subset.labels` select among the endpoints of the host), and "Locality load
balancing": istiod adds the topology labels of a pod's node to those of the pod.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.routing import Route, client_namespaces, destination_rules, routes_to
from meshdoctor.istio.workloads import makers, pods_of
from meshdoctor.model.cluster import Node, Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, WorkloadEntry
from meshdoctor.model.workloads import Pod, Workload

TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone", "kubernetes.io/hostname")
GIVEN = ("topology.istio.io/cluster", "topology.istio.io/network")  # of the whole cluster: every endpoint has some


def pods_in(mesh: Mesh, service: Service, labels: dict[str, str]) -> tuple[Pod, ...]:
    """The live pods of a Service that carry these labels, their nodes' topology included."""
    own = {k: v for k, v in labels.items() if k not in GIVEN}
    pods = pods_of(mesh, service)
    if own.keys().isdisjoint(TOPOLOGY) or mesh.state(Node) not in USABLE:
        return tuple([p for p in pods if own.items() <= p.metadata.labels.items()])
    return tuple([p for p in pods if own.items() <= _labels(mesh, p).items()])


def _labels(mesh: Mesh, pod: Pod) -> dict[str, str]:
    """The labels that a pod has as an endpoint: its own, and the topology of its node."""
    node = mesh[Node].get("", pod.spec.node_name)
    topology = {k: v for k in TOPOLOGY if (v := node.labels.get(k))} if node else {}
    return {**topology, TOPOLOGY[-1]: pod.spec.node_name, **pod.labels} if pod.spec.node_name else pod.labels


def makers_of(mesh: Mesh, service: Service, labels: dict[str, str]) -> tuple[Workload, ...]:
    """The controllers whose pods would carry the selector of a Service and these labels, but for their topology."""
    own = {k: v for k, v in labels.items() if k not in TOPOLOGY and k not in GIVEN}
    return makers(mesh, service.namespace, {**service.spec.selector, **own})


def virtual_machines_in(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> bool:
    """Whether a WorkloadEntry of the namespace carries these labels."""
    return any(wanted.items() <= e.spec.labels.items() for e in mesh[WorkloadEntry].within(namespace))


def entry_supplies(mesh: Mesh, entry: ServiceEntry, labels: dict[str, str]) -> bool:
    """Whether an endpoint of a ServiceEntry carries these labels: one that it lists, or one that its selector picks."""
    if any(labels.items() <= e.labels.items() for e in entry.spec.endpoints):
        return True
    picked = entry.spec.workload_selector.wanted if entry.spec.workload_selector else {}
    wanted = {**picked, **labels}
    return bool(picked) and (
        bool(mesh[Pod].matching(entry.namespace, wanted)) or virtual_machines_in(mesh, entry.namespace, wanted)
    )


def users_of(mesh: Mesh, rule: DestinationRule, host: str, subset: str, owner: str) -> Iterator[Route]:
    """The routes that take this subset of the host from this rule. `owner` is the namespace of the host's Service."""
    for route in routes_to(mesh, host):
        if route.subset == subset and not route.is_idle:
            clients = client_namespaces(mesh, route)
            if any(rule in destination_rules(mesh, route.host, c, (owner,)) for c in clients):
                yield route
