"""What can be called: each port of each Service or mesh-internal ServiceEntry, with the endpoints behind it.

Sources: istio.io, ServiceEntry reference (`location`, `workloadSelector`, `endpoints`); istio, pilot/pkg/serviceregistry
(`security.istio.io/tlsMode` of an endpoint's labels tells clients whether it takes mutual TLS).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.hosts import Registered, service_host
from meshdoctor.istio.protocols import protocol_at
from meshdoctor.istio.workloads import is_live, live_pods, pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Port, ServiceEntry, WorkloadEntry, WorkloadEntrySpec
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

TLS_MODE = "security.istio.io/tlsMode"
REDIRECTION = "ambient.istio.io/redirection"


class Endpoint(msgspec.Struct, frozen=True, eq=False):
    """One endpoint: a pod, or a machine that a WorkloadEntry or an entry's own list tells of. `port` is the workload's."""

    owner: Subject
    labels: dict[str, str]
    port: int
    pod: Pod | None = None

    @property
    def namespace(self) -> str:
        return self.owner.namespace

    @property
    def has_proxy(self) -> bool:
        """Whether a sidecar answers. A machine has one where its label says that it takes mutual TLS."""
        return self.pod.proxy is not None if self.pod else self.offers_mtls

    @property
    def offers_mtls(self) -> bool:
        """Whether clients are told that it takes Istio's mutual TLS."""
        return self.labels.get(TLS_MODE) == "istio"

    @property
    def is_ambient(self) -> bool:
        """Whether the node's ztunnel takes its traffic."""
        return self.pod is not None and self.pod.proxy is None and self.pod.annotations.get(REDIRECTION) == "enabled"


class Target(msgspec.Struct, frozen=True, eq=False):
    """A port under a name that clients call; `origin` is None for calls to a pod's own address."""

    origin: Service | ServiceEntry | None
    host: str
    namespace: str
    port: int
    protocol: str
    endpoints: tuple[Endpoint, ...]

    @property
    def is_headless(self) -> bool:
        """Whether its clients choose the address themselves: a headless Service, an entry without resolution."""
        if isinstance(self.origin, Service):
            return self.origin.spec.cluster_ip == "None"
        return self.origin is not None and self.origin.spec.resolution == "NONE"

    @property
    def is_external(self) -> bool:
        return isinstance(self.origin, ServiceEntry) and self.origin.spec.location != "MESH_INTERNAL"

    @property
    def address(self) -> str:
        """The address that clients connect to, where one is known."""
        if isinstance(self.origin, Service):
            return self.origin.spec.cluster_ip if self.origin.spec.cluster_ip not in ("None", "") else ""
        return self.origin.spec.addresses[0] if self.origin and self.origin.spec.addresses else ""


def targets(mesh: Mesh) -> tuple[Target, ...]:
    """Everything that can be called by name. Found once a snapshot."""
    services = mesh[Service]  # each time, so that each caller is blind where they were not seen
    found: tuple[Target, ...] | None = mesh.memo.get("mtls targets")
    if found is None:
        named = [t for s in services for t in _of_service(mesh, s)]
        if mesh.state(ServiceEntry) in USABLE:
            named += [t for e in mesh[ServiceEntry] for t in _of_entry(mesh, e)]
        found = mesh.memo["mtls targets"] = tuple(named)
    return found


def addresses(mesh: Mesh) -> tuple[Target, ...]:
    """The ports of workloads as they are called by their pods' own addresses: those that Services lead to, or pods declare."""
    ends: dict[tuple[Subject, int], dict[str, Endpoint]] = {}
    for each in (e for t in targets(mesh) for e in t.endpoints if e.pod):
        ends.setdefault((each.owner, each.port), {})[each.pod.name if each.pod else ""] = each
    for pod in (p for p in mesh[Pod] if is_live(p)):
        for port in {p.container_port for c in pod.app_containers for p in c.ports if p.protocol == "TCP"}:
            ends.setdefault((mesh.owner(pod), port), {}).setdefault(pod.name, _of_pod(mesh, pod, port))
    return tuple(Target(None, "", owner.namespace, port, "auto", tuple(found.values())) for (owner, port), found in ends.items())


def _of_service(mesh: Mesh, service: Service) -> Iterator[Target]:
    host = service_host(service, mesh.cluster.domain)
    pods = pods_of(mesh, service)
    machines = _machines(mesh, service.namespace, service.spec.selector)
    for port in service.spec.ports:
        if port.protocol != "TCP":
            continue
        ends = [_of_pod(mesh, p, number) for p in pods if (number := workload_port(p, port.target))]
        target = port.target if isinstance(port.target, int) else port.port
        ends += [Endpoint(w.subject, {**w.labels, **w.spec.labels}, w.spec.ports.get(port.name, target)) for w in machines]
        protocol = protocol_at([Registered(host, service.namespace, service)], port.port).name
        yield Target(service, host, service.namespace, port.port, protocol, tuple(ends))


def _of_entry(mesh: Mesh, entry: ServiceEntry) -> Iterator[Target]:
    """Of what lies outside the mesh only what leads back to its pods and machines matters here."""
    picked = entry.spec.workload_selector.wanted if entry.spec.workload_selector else {}
    pods = live_pods(mesh, entry.namespace, picked) if picked else ()
    machines = _machines(mesh, entry.namespace, picked)
    listed = entry.spec.endpoints if entry.spec.location == "MESH_INTERNAL" else ()
    for host in entry.spec.hosts:
        for port in entry.spec.ports:
            number = port.target_port or port.number
            ends = [_of_pod(mesh, p, number) for p in pods]
            ends += [Endpoint(w.subject, {**w.labels, **w.spec.labels}, w.spec.ports.get(port.name, number)) for w in machines]
            ends += [_listed(mesh, entry, each, port, number) for each in listed]
            if ends:
                yield Target(entry, host.lower(), entry.namespace, port.number, port.protocol.lower() or "tcp", tuple(ends))


def _listed(mesh: Mesh, entry: ServiceEntry, each: WorkloadEntrySpec, port: Port, number: int) -> Endpoint:
    """An endpoint that a ServiceEntry lists: the pod of that address where there is one."""
    pod = mesh.pods_by_ip.get(each.address)
    owner = mesh.owner(pod) if pod else entry.subject
    return Endpoint(owner, each.labels, each.ports.get(port.name, number), pod)


def _of_pod(mesh: Mesh, pod: Pod, port: int) -> Endpoint:
    return Endpoint(mesh.owner(pod), pod.labels, port, pod)


def _machines(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> list[WorkloadEntry]:
    if not wanted or mesh.state(WorkloadEntry) not in USABLE:
        return []
    return [w for w in mesh[WorkloadEntry].within(namespace) if wanted.items() <= {**w.labels, **w.spec.labels}.items()]


def workload_port(pod: Pod, target: int | str) -> int | None:
    """The port of a pod that a Service's targetPort means; None where it has no port of that name."""
    if isinstance(target, int):
        return target
    return next((p.container_port for c in pod.app_containers for p in c.ports if p.name == target), None)
