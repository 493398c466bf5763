"""Ambient mode on the nodes: ztunnel, the pods it should take, its certificates, and what waypoints are for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshdoctor.istio.ambient import captured_pods, waypoint_of
from meshdoctor.istio.injection import namespace_labels
from meshdoctor.istio.running import WORKLOADS
from meshdoctor.istio.selecting import REDIRECTION
from meshdoctor.istio.workloads import all_live_pods, by_owner
from meshdoctor.model import gatewayapi
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import DaemonSet, Pod
from probes.ambient_workloads import asks_for_ambient, concerned, is_proxy_alone
from probes.registry import Draft, fail, get, probe, quote

ZTUNNEL = {"app": "ztunnel"}
FOR = "istio.io/waypoint-for"
EXPIRED = re.compile(r"CertificateExpired|certificate (has )?expired", re.IGNORECASE)


def _ztunnels(mesh: Mesh) -> list[Pod]:
    return [p for p in all_live_pods(mesh) if p.metadata.labels.get("app") == ZTUNNEL["app"]]


@probe("AM-001", needs=(Pod, DaemonSet))
def node_without_ztunnel(mesh: Mesh) -> Iterator[Draft]:
    """Pods in ambient mode run on a node without a ready ztunnel: they have no network but for what goes past the mesh."""
    captured = captured_pods(mesh)
    if not captured:
        return
    ztunnels = _ztunnels(mesh)
    served = {p.spec.node_name for p in ztunnels if p.is_ready}
    lost = [p for p in captured if p.spec.node_name and p.spec.node_name not in served]
    if lost:
        nodes = sorted({p.spec.node_name for p in lost})
        daemon = next((d for d in mesh[DaemonSet] if ZTUNNEL.items() <= d.template.metadata.labels.items()), None)
        there = next((p for p in ztunnels if p.spec.node_name in nodes), None)
        subject = daemon.subject if daemon else mesh.owner(there or lost[0])
        owners = by_owner(mesh, lost)
        says = f"no ready ztunnel for {counted(len(lost), 'pod')} on {', '.join(nodes[:5])}"
        proof = there or lost[0]
        evidence = Evidence(says, str(proof.subject), f"node {proof.spec.node_name}", get(proof))
        yield fail(
            subject, says, evidence=(evidence,), harm=Harm(tuple(f"{o.namespace}/{o.name}" for o in owners)), also=(*owners, *lost)
        )


@probe("AM-002", needs=(Namespace, *WORKLOADS))
def not_captured(mesh: Mesh) -> Iterator[Draft]:
    """A workload is asked to be in ambient mode, and its running pods are not taken by ztunnel: plain text, no policies."""
    for workload in concerned(mesh):
        if is_proxy_alone(workload) or workload.has_sidecar or not asks_for_ambient(mesh, workload):
            continue
        bare = [
            p
            for p in workload.pods
            if p.status.phase == "Running" and not p.spec.host_network and p.annotations.get(REDIRECTION) != "enabled"
        ]
        if bare:
            said = bare[0].annotations.get(REDIRECTION, "")
            how = "is still pending" if said == "pending" else "is not there"
            says = f"ztunnel does not capture {counted(len(bare), 'pod')} of it: the redirection {how}"
            at = f"metadata.annotations[{REDIRECTION}]"
            yield fail(workload.subject, says, at=at, evidence=(quote(bare[0], at, said or "none"),), also=bare)


@probe("AM-005", needs=(Namespace, Service, gatewayapi.Gateway))
def waypoint_for_other_traffic(mesh: Mesh) -> Iterator[Draft]:
    """A Service asks for a waypoint that is for workloads only, or for nothing: calls to it go past the waypoint."""
    told: set[tuple[str, str]] = set()
    for service in mesh[Service]:
        asked = waypoint_of(service.labels, namespace_labels(mesh, service.namespace), service.namespace)
        gateway = mesh[gatewayapi.Gateway].get(*asked) if asked else None
        kind = gateway.labels.get(FOR, "service") if gateway else "service"
        if gateway is None or kind in ("service", "all") or gateway.subject.key in told:
            continue
        told.add(gateway.subject.key)
        at = f"metadata.labels[{FOR}]"
        says = f"it is for {kind}, and {service.subject} asks for it: calls to Services go past it"
        yield fail(gateway, says, at=at, evidence=(quote(gateway, at, kind),), also=(service,))


@probe("AM-006", needs=(Pod, Envoy, DaemonSet))
def ztunnel_certificates_end(mesh: Mesh) -> Iterator[Draft]:
    """A ztunnel's log says that certificates have expired: it was not given new ones."""
    found: dict[Subject, tuple[list[Pod], str]] = {}
    for pod in _ztunnels(mesh):
        envoy = mesh.envoy(pod)
        line = next((t for _, t in reversed(envoy.logs.lines) if EXPIRED.search(t)), "") if envoy and envoy.has("logs") else ""
        if line:
            found.setdefault(mesh.owner(pod), ([], line))[0].append(pod)
    for owner, (pods, line) in found.items():
        command = f"kubectl -n {pods[0].namespace} logs {pods[0].name} --since=5m"
        says = f"expired certificates at {counted(len(pods), 'ztunnel')}"
        yield fail(owner, says, evidence=(Evidence(says, f"log of {pods[0].name}", line, command),), also=pods)
