"""NetworkPolicies: a default that denies, and what the mesh needs in spite of it."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.networkpolicies import Blocked, blocked, denies_by_default
from meshdoctor.istio.workloads import by_owner, is_live
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networkpolicies import NetworkPolicy
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, remarks, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote

XDS, DNS = 15012, 53
NEEDED = ("XDS-004", "PS-001", "PS-002", "AM-007")


@check(
    "17",
    "NetworkPolicies deny by default and let the mesh work",
    weight="blocking",
    problems=NEEDED,
    demands=NEEDED,
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
    stopped = list(_blocked(scope))
    yield from stopped
    default = next((p for p in policies if denies_by_default(p)), None)
    if default is None:
        yield remarks("no NetworkPolicy denies by default", quote(policies[0], "spec.podSelector"))
    elif not stopped:
        yield holds(
            f"{default.name} denies by default; istiod, DNS and gateways are let through", quote(default, "spec.podSelector")
        )


def _blocked(scope: Scope) -> Iterator[Outcome]:
    """What the policies keep from the workloads that no rule tells: DNS, and istiod from pods that have no proxy yet."""
    mesh = scope.mesh
    for owner, pods in by_owner(mesh, scope.pods).items():
        pod = pods[0]
        stopped = [b for dns in _dns(mesh)[:1] if (b := blocked(mesh, pod, dns, DNS, "UDP"))]
        yield from (_stop(b, f"{owner} cannot reach the cluster's DNS on {DNS}/UDP") for b in stopped)
        if pod.proxy is None and scope.eligible(pod):
            found = [blocked(mesh, pod, istiod, XDS) for istiod in istiod_pods(mesh)]
            if found and all(found):
                yield _stop(found[0], f"{owner} could not reach istiod on {XDS}")


def _stop(found: Blocked | None, says: str) -> Outcome:
    policies = found.policies[:2] if found else ()
    direction = found.direction.lower() if found else ""
    return breaks(says, *(quote(p, f"spec.{direction}") for p in policies), problem="XDS-004")


def _dns(mesh: Mesh) -> tuple[Pod, ...]:
    return tuple(p for p in mesh[Pod].matching("kube-system", {"k8s-app": "kube-dns"}) if is_live(p))
