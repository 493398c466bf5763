"""NetworkPolicies: a default that denies, and what the mesh needs in spite of it."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.networkpolicy import denies_by_default, isolating, lets_in, lets_out
from meshdoctor.istio.workloads import by_owner, is_live
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networkpolicies import NetworkPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.exposed import behind_gateways, server_pods
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, remarks, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote

XDS, DNS, HBONE, METRICS = 15012, 53, 15008, (15020, 15090)


@check(
    "17",
    "NetworkPolicies deny by default and let the mesh work",
    weight="blocking",
    problems=("XDS-004", "PS-001", "PS-002", "AM-007"),
    do="Allow egress to istiod 15012 and DNS 53, ingress from gateways to the application's ports and from Prometheus to 15020.",
    before=True,
)
def network_policies(scope: Scope) -> Iterator[Outcome]:
    """A default denies what nobody allowed, and what the mesh needs is allowed."""
    policies = scope.mesh[NetworkPolicy].within(scope.name)
    if not scope.pods:
        yield skips("no pod runs here")
        return
    if not policies:
        command = f"kubectl -n {scope.name} get networkpolicies"
        yield remarks(
            "no NetworkPolicy: nothing is denied, nothing blocked",
            Evidence("none", f"NetworkPolicies of {scope.name}", "", command),
        )
        return
    blocked = list(_blocked(scope))
    yield from blocked
    default = next((p for p in policies if denies_by_default(p)), None)
    if default is None:
        yield remarks("no NetworkPolicy denies by default", quote(policies[0], "spec.podSelector"))
    elif not blocked:
        yield holds(
            f"{default.name} denies by default; istiod, DNS and gateways are let through", quote(default, "spec.podSelector")
        )


def _blocked(scope: Scope) -> Iterator[Outcome]:
    """What the policies keep from the workloads, one pod each."""
    for owner, pods in by_owner(scope.mesh, (p for p in scope.pods if not p.spec.host_network)).items():
        yield from _blocked_out(scope.mesh, owner, pods[0])
        yield from _blocked_in(scope, owner, pods[0])
    for each in behind_gateways(scope.mesh).get(scope.name, ()):
        for pod, port in server_pods(scope.mesh, each)[:1]:
            gateway = each.gateways[0]
            if port and not lets_in(scope.mesh, pod, gateway, port):
                ways = f"{scope.mesh.owner(gateway)} cannot reach {scope.mesh.owner(pod)} on {port}"
                yield _stop(scope.mesh, pod, "Ingress", f"{ways}, though {each.route.subject} routes to it", "PS-001")


def _blocked_out(mesh: Mesh, owner: Subject, pod: Pod) -> Iterator[Outcome]:
    if any(not lets_out(mesh, pod, istiod, XDS) for istiod in istiod_pods(mesh)[:1]):
        yield _stop(mesh, pod, "Egress", f"{owner} cannot reach istiod on {XDS}", "XDS-004")
    if any(not lets_out(mesh, pod, dns, DNS, "UDP") for dns in _dns(mesh)[:1]):
        yield _stop(mesh, pod, "Egress", f"{owner} cannot reach the cluster's DNS on {DNS}/UDP", "XDS-004")


def _blocked_in(scope: Scope, owner: Subject, pod: Pod) -> Iterator[Outcome]:
    mesh = scope.mesh
    for scraper in _scrapers(mesh) if pod.proxy is not None else ():
        if not any(lets_in(mesh, pod, scraper, port) for port in METRICS):
            yield _stop(mesh, pod, "Ingress", f"{owner} cannot be scraped by {mesh.owner(scraper)} on 15020 or 15090", "PS-002")
    others = [p for p in scope.pods if p is not pod] if scope.is_ambient else []
    if others and not any(lets_in(mesh, pod, other, HBONE) for other in others):
        yield _stop(mesh, pod, "Ingress", f"{owner} cannot be reached on {HBONE} (HBONE)", "AM-007")


def _stop(mesh: Mesh, pod: Pod, direction: str, says: str, problem: str) -> Outcome:
    policies = isolating(mesh, pod, "Ingress" if direction == "Ingress" else "Egress")
    return breaks(says, *(quote(p, f"spec.{direction.lower()}") for p in policies[:2]), problem=problem)


def _dns(mesh: Mesh) -> tuple[Pod, ...]:
    return tuple(p for p in mesh[Pod].matching("kube-system", {"k8s-app": "kube-dns"}) if is_live(p))


def _scrapers(mesh: Mesh) -> tuple[Pod, ...]:
    """A pod of the Prometheus that was found."""
    workload = mesh.prometheus.workload if mesh.prometheus else None
    if workload is None:
        return ()
    pods = (p for p in mesh[Pod].within(workload.namespace) if is_live(p) and mesh.owner(p) == workload)
    return tuple(pods)[:1]
