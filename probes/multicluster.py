"""Several clusters and networks in one mesh: whether istiod reads them, and whether traffic finds its way between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.clusters import CLUSTER, PREFIX, REMOTE
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.workloads import by_owner, injected_pods, live_pods, pods_of
from meshdoctor.model.cluster import Namespace, Secret, Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, WorkloadEntry
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote
from probes.xds import those_asked

NETWORK = "topology.istio.io/network"
EAST_WEST = {"istio": "eastwestgateway"}
CROSS_NETWORK = 15443
STATUS = "istiod_remote_cluster_sync_status"
NO_ACCESS = re.compile(r"provide credentials|Unauthorized|(?<![\w.])401(?![\w.])")


def _secret_of(mesh: Mesh, cluster: str, namespace: str) -> Secret | None:
    """The Secret by which istiod reads a cluster."""
    if mesh.state(Secret) not in USABLE:
        return None
    remote = (s for s in mesh[Secret].within(namespace) if s.labels.get(REMOTE) == "true")
    return next((s for s in remote if cluster in (s.annotations.get(CLUSTER), s.name.removeprefix(PREFIX))), None)


@probe("MC-001", needs=(Istiod, Pod, Secret, Deployment))
def cluster_not_synced(mesh: Mesh) -> Iterator[Draft]:
    """istiod does not read a remote cluster: its endpoints are unknown, or stand still."""
    told: set[str] = set()
    for istiod in those_asked(mesh, "metrics"):
        for sample in istiod.metrics:
            cluster, state = sample.labels.get("cluster", ""), sample.labels.get("status", "")
            if sample.name != STATUS or state in ("", "synced") or not sample.value or cluster in told:
                continue
            told.add(cluster)
            secret = _secret_of(mesh, cluster, istiod.namespace)
            pod = mesh[Pod].get(istiod.namespace, istiod.name)
            subject = secret.subject if secret else mesh.owner(pod) if pod else Subject(kind="Secret", name=cluster)
            words = f'{STATUS}{{cluster="{cluster}",status="{state}"}} 1'
            evidence = Evidence(f"{istiod.name} says {state}", f"/metrics of {istiod.name}", words, "istioctl remote-clusters")
            also = (secret,) if secret else ()
            yield fail(subject, f"istiod is not in sync with cluster {cluster}: {state}", evidence=(evidence,), also=also)


@probe("MC-002", needs=(Istiod, Pod, Secret, Deployment))
def stale_credential(mesh: Mesh) -> Iterator[Draft]:
    """A replica of istiod is refused by a remote cluster whose Secret was renewed after the replica started."""
    for istiod in those_asked(mesh, "log"):
        line = next((t for _, t in reversed(istiod.log) if NO_ACCESS.search(t) and "cluster" in t), "")
        pod = mesh[Pod].get(istiod.namespace, istiod.name) if line else None
        if pod is None or pod.created is None:
            continue
        for secret in mesh[Secret].within(istiod.namespace):
            cluster = secret.annotations.get(CLUSTER) or secret.name.removeprefix(PREFIX)
            named = secret.labels.get(REMOTE) == "true" and (cluster in line or secret.name in line)
            if named and secret.changed and secret.changed > pod.created:
                command = f"kubectl -n {istiod.namespace} logs {istiod.name} -c discovery --since=5m"
                evidence = (Evidence(f"{istiod.name} is refused", f"log of {istiod.name}", line, command), quote(secret))
                says = f"{istiod.name} still uses an old credential of cluster {cluster}"
                yield fail(mesh.owner(pod), says, at=cluster, evidence=evidence, also=(secret, pod), since=secret.changed)


@probe("MC-003", needs=(Service, Pod))
def east_west_not_usable(mesh: Mesh) -> Iterator[Draft]:
    """An east-west gateway has no external address, or does not say of which network it is."""
    for service in mesh[Service]:
        if not EAST_WEST.items() <= service.labels.items() and not EAST_WEST.items() <= service.spec.selector.items():
            continue
        pods = pods_of(mesh, service)
        labelled = service.labels.get(NETWORK) or next((p.labels[NETWORK] for p in pods if NETWORK in p.labels), "")
        if service.spec.type == "LoadBalancer" and not any(service.addresses) and not service.spec.external_ips:
            at = "status.loadBalancer.ingress"
            says = "the east-west gateway has no external address: other networks do not reach this one"
            yield fail(service, says, at=at, evidence=(quote(service, at, "none"),), also=by_owner(mesh, pods))
        elif not labelled:
            at = f"metadata.labels[{NETWORK}]"
            says = "the east-west gateway does not say of which network it is: istiod sends nobody to it"
            yield fail(service, says, at=at, evidence=(quote(service, at, "none"),), also=by_owner(mesh, pods))


@probe("MC-004", needs=(Namespace, Pod, Service, WorkloadEntry))
def network_unknown(mesh: Mesh) -> Iterator[Draft]:
    """The mesh spans several networks, and the control plane's namespace or some pods do not say in which they are."""
    table = mesh[WorkloadEntry] if mesh.state(WorkloadEntry) in USABLE else ()
    said = {s.labels.get(NETWORK, "") for s in mesh[Service]} | {e.spec.network for e in table} | set(mesh.mesh_networks)
    pods = injected_pods(mesh)
    said |= {p.labels.get(NETWORK, "") for p in pods}
    root = mesh[Namespace].get("", mesh.mesh_config.root_namespace)
    networks = sorted((said | ({root.labels.get(NETWORK, "")} if root else set())) - {""})
    if len(networks) < 2 or root is None or NETWORK in root.labels:
        return
    at = f"metadata.labels[{NETWORK}]"
    says = f"it does not say in which network it is, of {', '.join(networks)}: pods without the label count as of none"
    yield fail(root, says, at=at, evidence=(quote(root, at, "none"),), also=istiod_pods(mesh))


@probe("MC-007", needs=(Service, Pod, Gateway))
def not_exposed_across_networks(mesh: Mesh) -> Iterator[Draft]:
    """An east-west gateway runs, and no Gateway opens port 15443 on it with AUTO_PASSTHROUGH."""
    found = {ns: pods for ns in mesh[Pod].namespaces if (pods := live_pods(mesh, ns, EAST_WEST))}
    for pods in found.values():
        open_ = [g for g in mesh[Gateway] if g.spec.selector.items() <= pods[0].labels.items() and _opens(g)]
        if not open_:
            owner = mesh.owner(pods[0])
            says = f"no Gateway opens port {CROSS_NETWORK} (TLS AUTO_PASSTHROUGH) on it: other networks are reset"
            command = "kubectl get gateways.networking.istio.io -A"
            yield fail(
                owner, says, evidence=(Evidence(says, "gateways", "", command), Evidence("it runs", str(owner), "", get(owner)))
            )


def _opens(gateway: Gateway) -> bool:
    return any(s.port.number == CROSS_NETWORK and s.tls and s.tls.mode == "AUTO_PASSTHROUGH" for s in gateway.spec.servers)
