"""The parts of a moment, each from one subject of the snapshot. They raise Unseen where it was not read."""

from __future__ import annotations

from collections.abc import Callable

from meshdoctor.istio.accesslog_lookup import NO_CLUSTER, Line, lines
from meshdoctor.istio.gateways import by_gateway, gateway_names, gateway_of, gateway_pods_of, takes
from meshdoctor.istio.sync import ORDER, proxy_rows
from meshdoctor.istio.workloads import injected_pods, is_gateway, workload_name
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.gate import Calls
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.workloads import DaemonSet, Deployment, Pod, Workload
from meshdoctor.onboarding.checks.mutual_tls import modes_of

Counts = Callable[[str], bool]
FLAGS = frozenset({"UH", "UF", "UC", "UT", "LR", "UR", "UO", "NR", "NC", "URX", "UMSDR", "DPE", "UPE"})
"""Response flags that mean a call failed on its way. Source: Envoy, access log command operators."""


def readiness(mesh: Mesh, counts: Counts) -> dict[str, str]:
    """What keeps each workload from being ready; empty where nothing does."""
    found = {}
    for kind in WORKLOADS:
        for workload in mesh[kind]:
            if counts(workload.namespace):
                found[str(workload.subject)] = _unready(workload)
    return found


def _unready(workload: Workload) -> str:
    status = workload.status
    if status.observed_generation < workload.metadata.generation:
        return "its controller has not seen the last change"
    wanted = status.desired_number_scheduled if isinstance(workload, DaemonSet) else workload.desired
    ready = status.number_ready if isinstance(workload, DaemonSet) else status.ready_replicas
    if ready < wanted:
        return f"{ready} of {wanted} ready"
    if isinstance(workload, Deployment) and (status.updated_replicas < wanted or status.replicas > wanted):
        return f"rolling out: {status.updated_replicas} of {wanted} updated, {status.replicas} running"
    return ""


def exposed(mesh: Mesh, counts: Counts) -> dict[str, str]:
    """What keeps each host from being served that VirtualServices of these namespaces give a gateway."""
    by_gateway(mesh)
    found = {}
    for virtual_service in mesh[VirtualService]:
        names = [n for n in gateway_names(virtual_service) if n != "mesh"]
        if names and counts(virtual_service.namespace):
            for host in virtual_service.spec.hosts:
                found[host] = _unserved(mesh, virtual_service, names, host)
    return found


def _unserved(mesh: Mesh, virtual_service: VirtualService, names: list[str], host: str) -> str:
    gateways = [g for n in names if (g := gateway_of(mesh, n)) is not None]
    taking = [g for g in gateways if any(takes(g, s, virtual_service, host) for s in g.spec.servers)]
    if not taking:
        return f"no server of {', '.join(names)} takes it"
    if not any(p.is_ready for g in taking for p in gateway_pods_of(mesh, g)):
        return f"no pod of {taking[0].subject} is ready"
    return ""


def proxies(mesh: Mesh, counts: Counts) -> dict[str, str]:
    """The worst sync state of the proxies of each workload."""
    owners = {(p.namespace, p.name): workload_name(mesh, p) for p in injected_pods(mesh)}
    found: dict[str, str] = {}
    for row in proxy_rows(mesh):
        if counts(row.namespace):
            name = owners.get((row.namespace, row.name), f"{row.namespace}/{row.name}")
            found[name] = min(found.get(name, row.state), row.state, key=ORDER.index)
    return found


def failed(line: Line) -> bool:
    """Whether a call failed: a status of 5xx, or a flag that says that it did not arrive."""
    return line.entry.code >= 500 or bool(line.flags & FLAGS)


def calls_in_mesh(mesh: Mesh, counts: Counts) -> dict[str, Calls]:
    """Calls of clients in the mesh to its hosts, where either lies in a namespace that counts; gateways are clients, too."""
    suffix = f".svc.{mesh.cluster.domain}"

    def meant(line: Line) -> bool:
        host = line.upstream.host
        return line.upstream.direction == "outbound" and host.endswith(suffix) and _either(line, host.split(".")[1], counts)

    return _summed(mesh, meant, lambda line: line.upstream.host)


def _either(line: Line, server: str, counts: Counts) -> bool:
    return counts(line.pod.namespace) or counts(server)


def calls_out(mesh: Mesh, counts: Counts) -> dict[str, Calls]:
    """Calls out of the mesh: to hosts of ServiceEntries, or past the registry."""
    suffix = f".svc.{mesh.cluster.domain}"

    def meant(line: Line) -> bool:
        if not counts(line.pod.namespace) or is_gateway(line.pod) or not line.is_outbound:
            return False
        host = line.upstream.host
        return not host.endswith(suffix) if host else line.entry.upstream_cluster in NO_CLUSTER - {"", "-"}

    return _summed(mesh, meant, lambda line: line.upstream.host or f"{line.named or '?'} ({line.entry.upstream_cluster})")


def _summed(mesh: Mesh, meant: Callable[[Line], bool], host: Callable[[Line], str]) -> dict[str, Calls]:
    total: dict[str, list[bool]] = {}
    for line in lines(mesh):
        if meant(line):
            total.setdefault(f"{workload_name(mesh, line.pod)} -> {host(line)}", []).append(failed(line))
    return {way: Calls(len(ended), sum(ended)) for way, ended in total.items()}


def modes(mesh: Mesh, counts: Counts) -> dict[str, str]:
    """What every workload with a sidecar accepts, and each port that accepts something else."""
    by_namespace: dict[str, list[Pod]] = {}
    for pod in injected_pods(mesh):
        if counts(pod.namespace) and not is_gateway(pod):
            by_namespace.setdefault(pod.namespace, []).append(pod)
    return {
        f"{namespace}/{name}" + (f":{port}" if port else ""): decided.mode
        for namespace, pods in by_namespace.items()
        for (name, port), decided in modes_of(mesh, pods).items()
    }


def policies(mesh: Mesh, counts: Counts) -> dict[str, str]:
    """The AuthorizationPolicies that hold for these namespaces, those of the root among them, and what each does."""
    root = mesh.mesh_config.root_namespace
    return {
        _key(p): "dry run" if p.is_dry_run else p.spec.action
        for p in mesh[AuthorizationPolicy]
        if counts(p.namespace) or p.namespace == root
    }


def _key(thing: KubernetesObject) -> str:
    return f"{thing.namespace}/{thing.name}"


def causes(diagnosis: Diagnosis) -> dict[str, str]:
    """The causes of a diagnosis, each with its severity."""
    return {f"{c.problem} {c.subject}": c.severity for c in diagnosis.causes}
