"""The cluster's DNS, on which every proxy depends to find istiod."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.workloads import pods_of
from meshdoctor.model.cluster import EndpointSlice, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import DaemonSet, Deployment, Pod, Workload
from probes.registry import Draft, fail, probe, quote

_NOT_FOUND = re.compile(r"lookup (?P<name>\S+\.(svc|cluster\.local)\S*)[^:]*: .*?(no such host|server misbehaving|i/o timeout)")

MADE_UP = "240.240."


@probe("DNS-001", needs=(Service, EndpointSlice, Pod, Deployment, DaemonSet, Envoy))
def cluster_dns_down(mesh: Mesh) -> Iterator[Draft]:
    """The cluster's DNS Service has no ready endpoint, or fewer than half of what it should have."""
    for service in mesh[Service].within("kube-system") if mesh.given(EndpointSlice) else ():
        if service.labels.get("k8s-app") != "kube-dns" and service.name not in {"kube-dns", "coredns", "rke2-coredns-rke2-coredns"}:
            continue
        if not service.spec.selector:
            continue
        ready = {
            e.target_ref.name if e.target_ref else a
            for s in mesh.slices_of(service)
            for e in s.endpoints or ()
            if e.is_ready
            for a in e.addresses
        }
        workload = _workload(mesh, service)
        desired = _desired(workload)
        if ready and len(ready) * 2 >= desired:
            continue
        subject = workload.subject if workload else _owner(mesh, service)
        words = f"{counted(len(ready), 'ready endpoint')}, {counted(desired, 'replica')} wanted"
        command = f"kubectl -n kube-system get endpointslices -l kubernetes.io/service-name={service.name}"
        evidence = [Evidence(words, str(service.subject), words, command), *_lookups(mesh)]
        if workload is not None:
            evidence.append(quote(workload, "spec.replicas", workload.spec.replicas))
        says = f"cluster DNS {service.name} has {counted(len(ready), 'ready endpoint')}"
        yield fail(subject, says, evidence=evidence, harm=Harm((f"{service.namespace}/{service.name}",)), also=[service])


def _workload(mesh: Mesh, service: Service) -> Workload | None:
    """The Deployment or DaemonSet whose pods the Service selects."""
    kinds: tuple[type[Workload], ...] = (Deployment, DaemonSet)
    for kind in kinds:
        for workload in mesh[kind].within(service.namespace):
            if service.spec.selector.items() <= workload.template.metadata.labels.items():
                return workload
    return None


def _desired(workload: Workload | None) -> int:
    if workload is None:
        return 1
    return workload.status.desired_number_scheduled if isinstance(workload, DaemonSet) else workload.desired


def _owner(mesh: Mesh, service: Service) -> Subject:
    pods = pods_of(mesh, service)
    return mesh.owner(pods[0]) if pods else service.subject


def _lookups(mesh: Mesh) -> list[Evidence]:
    """Proxies that could not resolve a name of the cluster within the last minute."""
    for envoy in mesh.envoys:
        for _, line in reversed(envoy.logs.lines if envoy.has("logs") else ()):
            if _NOT_FOUND.search(line):
                command = f"kubectl -n {envoy.namespace} logs {envoy.name} -c istio-proxy --since=5m"
                return [Evidence(f"{envoy.name} cannot resolve", f"istio-proxy log of {envoy.name}", line, command)]
    return []


@probe("DNS-002", needs=(Pod, Envoy))
def unknown_virtual_address(mesh: Mesh) -> Iterator[Draft]:
    """A client calls an address that the mesh made up for a host (240.240.0.0/16), and its proxy no longer knows it."""
    log.must_have(mesh, "logs")
    lost: dict[Subject, list[log.Line]] = {}
    for line in log.unrouted(mesh):
        address = line.entry.upstream_host or line.entry.downstream_local
        if address.startswith(MADE_UP):
            lost.setdefault(mesh.owner(line.pod), []).append(line)
    for owner, lines in lost.items():
        says = f"{counted(len(lines), 'call')} went to an address that its proxy does not know: the name was resolved earlier"
        yield fail(owner, says, evidence=log.shown(mesh, lines), harm=log.harm(mesh, lines))
