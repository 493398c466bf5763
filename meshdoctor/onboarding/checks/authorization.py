"""Authorization: a default, and gateways that are let through."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization import trust
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.rules import refusals
from meshdoctor.istio.authorization.scope import policies_for
from meshdoctor.istio.authorization.showing import principal_of
from meshdoctor.istio.workloads import by_owner, services_of
from meshdoctor.model.findings import Evidence
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.exposed import behind_gateways, server_pods
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get, quote


@check(
    "15",
    "AuthorizationPolicies cover exposed workloads",
    weight="warning",
    problems=("AZ-004", "AZ-005", "AZ-007"),
    do="Write an ALLOW policy for each exposed workload (first as a dry run), then a default that allows nothing.",
)
def covered(scope: Scope) -> Iterator[Outcome]:
    """Every workload that a Service exposes is covered by an ALLOW policy, its own or that of namespace or root."""
    exposed = {o: pods[0] for o, pods in by_owner(scope.mesh, scope.sidecars).items() if services_of(scope.mesh, pods[0])}
    if not exposed:
        yield skips("no workload with a sidecar is exposed by a Service")
        return
    bare = [o for o, pod in exposed.items() if not any(p.spec.action == "ALLOW" for p in policies_for(scope.mesh, pod))]
    if bare:
        command = f"kubectl get authorizationpolicies.security.istio.io -n {scope.name}"
        names = ", ".join(o.name for o in bare)
        shown = Evidence("no ALLOW policy covers them", f"AuthorizationPolicies of {scope.name}", names, command)
        yield breaks(f"{len(bare)} of {len(exposed)} exposed workloads let every caller in: {names}", shown)
        return
    first = next(iter(exposed.values()))
    policy = next(p for p in policies_for(scope.mesh, first) if p.spec.action == "ALLOW")
    yield holds(f"{counted(len(exposed), 'exposed workload')} covered by an ALLOW policy", quote(policy, "spec.action", "ALLOW"))


@check(
    "16",
    "Gateways may call what they route to",
    weight="blocking",
    problems=("AZ-001",),
    do="Name the gateway's ServiceAccount in an ALLOW policy of the workload.",
)
def gateways_allowed(scope: Scope) -> Iterator[Outcome]:
    """For each route of a gateway to a workload here, the policies let the gateway's identity through."""
    behind = behind_gateways(scope.mesh).get(scope.name, ())
    pairs: dict[tuple[str, str, int], tuple[Pod, Pod, str]] = {}
    for each in behind:
        for pod, port in server_pods(scope.mesh, each):
            gateway = each.gateways[0]
            principal = principal_of(scope.mesh, gateway)
            pairs.setdefault((principal, str(scope.mesh.owner(pod)), port), (gateway, pod, str(each.route.subject)))
    if not pairs:
        yield skips("no gateway routes to a workload here")
        return
    refused, domains = 0, trust.of_mesh(scope.mesh.mesh_config)
    for (principal, owner, port), (_, pod, route) in pairs.items():
        request = Request(principal=principal, port=port or None)
        policies = [p for p in policies_for(scope.mesh, pod) if p.spec.action == "ALLOW"] if pod.proxy is not None else []
        if policies and all(refusals(p, request, domains) for p in policies):
            refused += 1
            says = f"no ALLOW policy of {owner} lets the gateway in ({principal}, port {port}), though {route} routes to it"
            yield breaks(says, *(quote(p, "spec.rules") for p in policies[:3]), problem="AZ-001")
    if not refused:
        (principal, owner, _), (gateway, pod, route) = next(iter(pairs.items()))
        yield holds(
            f"{counted(len(pairs), 'way')} in from gateways: {principal} may call {owner}", Evidence(route, route, "", get(pod))
        )
