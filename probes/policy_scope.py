"""What an AuthorizationPolicy is attached to: workloads by selector, gateways and Services by reference."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.selecting import SELECTABLE, is_in_mesh, is_mesh_wide, labels_of, selected, unknown_workloads
from meshdoctor.model import gatewayapi
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import PROOF
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry
from meshdoctor.model.security import AuthorizationPolicy
from probes.registry import Draft, fail, probe, quote
from probes.selectors import in_words

AT = "spec.selector.matchLabels"
TARGETS: dict[tuple[str, str], type[KubernetesObject]] = {
    ("gateway.networking.k8s.io", "Gateway"): gatewayapi.Gateway,
    ("gateway.networking.k8s.io", "GatewayClass"): gatewayapi.GatewayClass,
    ("", "Service"): Service,
    ("core", "Service"): Service,
    ("networking.istio.io", "ServiceEntry"): ServiceEntry,
}


@probe(
    "AZ-005",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy, Namespace, Service, gatewayapi.Gateway, ServiceEntry, *SELECTABLE),
)
def policy_selects_nothing(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy's selector matches no workload, or its target does not exist: it protects nothing."""
    for target in policy.spec.targets:
        kind = TARGETS.get((target.group, target.kind))
        if kind is not None and kind.NAMESPACED and mesh[kind].get(policy.namespace, target.name) is None:
            says = f"targets {target.kind} {target.name}, which does not exist"
            yield fail(policy, says, at="spec.targetRefs", codes=(), lacking=(kind,))
    if policy.spec.targets:
        return
    if not labels_of(policy) and is_mesh_wide(mesh, policy):
        return
    count = 0
    for carrier in selected(mesh, policy):
        count += 1
        if is_in_mesh(mesh, carrier):
            return
    if labels_of(policy) and not count:
        yield _labels_of_nobody(mesh, policy)
    elif count or not unknown_workloads(mesh):
        yield _outside_the_mesh(mesh, policy, count)


def _labels_of_nobody(mesh: Mesh, policy: AuthorizationPolicy) -> Draft:
    words = in_words(labels_of(policy))
    says = f"selects {words}, and no pod {_where(mesh, policy)} has these labels"
    codes = ("IST0127", "KIA0004")
    proof = [quote(policy, AT, words)]
    return fail(policy, says, at=AT, evidence=proof, confidence=PROOF, codes=codes, lacking=unknown_workloads(mesh))


def _outside_the_mesh(mesh: Mesh, policy: AuthorizationPolicy, count: int) -> Draft:
    """Such a policy may wait for workloads to come, so it is only noted."""
    who = f"{count} workloads, none of them" if count else "no workload that is"
    says = f"covers {who} in the mesh: nobody enforces it"
    at = AT if labels_of(policy) else ""
    return fail(policy, says, at=at, severity="info", codes=("IST0127",))


def _where(mesh: Mesh, policy: AuthorizationPolicy) -> str:
    return "of the mesh" if is_mesh_wide(mesh, policy) else f"in {policy.namespace}"
