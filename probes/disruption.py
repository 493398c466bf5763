"""What stands in the way of draining a node, and which gateways would not survive it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.availability import schedulable_nodes
from meshdoctor.istio.workloads import by_owner, gateway_pods, is_live
from meshdoctor.model.cluster import Node
from meshdoctor.model.findings import HINT, STRONG, Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, HorizontalPodAutoscaler, Pod, PodDisruptionBudget, Workload
from probes.registry import Draft, fail, get, probe, quote

PASSING = timedelta(minutes=2)
Reason = tuple[str, str]  # in words, and the command that shows it


@probe("OP-001", over=PodDisruptionBudget, needs=(PodDisruptionBudget, Pod))
def drain_blocked(mesh: Mesh, budget: PodDisruptionBudget) -> Iterator[Draft]:
    """A PodDisruptionBudget of istiod, a gateway or a mesh workload allows no eviction though all its pods are healthy."""
    said = budget.status
    stale = said.observed_generation < budget.metadata.generation
    if stale or not said.expected_pods or said.disruptions_allowed or said.current_healthy < said.expected_pods:
        return
    selector = budget.spec.selector
    pods = [p for p in mesh[Pod].within(budget.namespace) if is_live(p) and selector and selector.matches(p.labels)]
    if not any(p.proxy is not None or p.labels.get("app") == "istiod" for p in pods):
        return
    rule = "maxUnavailable" if budget.spec.max_unavailable is not None else "minAvailable"
    value = budget.spec.max_unavailable if budget.spec.max_unavailable is not None else budget.spec.min_available
    yield fail(
        budget,
        f"it allows no eviction of its {counted(said.expected_pods, 'healthy pod')} ({rule} {value}): a drain of their nodes hangs",
        at=f"spec.{rule}",
        evidence=(
            quote(budget, f"spec.{rule}", value),
            quote(budget, "status.disruptionsAllowed", said.disruptions_allowed),
        ),
        also=tuple(by_owner(mesh, pods)),
    )


@probe("GW-015", needs=(Pod, Deployment, PodDisruptionBudget, HorizontalPodAutoscaler, Node))
def not_highly_available(mesh: Mesh) -> Iterator[Draft]:
    """A gateway has fewer than two replicas, no PodDisruptionBudget, no room to scale, or all its pods on one of several nodes."""
    for owner, pods in by_owner(mesh, gateway_pods(mesh)).items():
        workload = mesh[Deployment].get(owner.namespace, owner.name) if owner.kind == "Deployment" else None
        if workload is None:
            continue
        reasons = [*_few(workload), *_unguarded(mesh, workload, pods), *_full(mesh, workload), *_together(mesh, pods)]
        if reasons:
            yield fail(
                workload,
                f"the gateway is not highly available: {'; '.join(r for r, _ in reasons)}",
                at="spec.replicas",
                evidence=[Evidence(r, str(workload.subject), r, command or get(workload)) for r, command in reasons[:3]],
                also=(p.subject for p in _budgets(mesh, pods)),
            )
        elif workload.status.ready_replicas < 2:
            ready = workload.status.ready_replicas
            certainty = STRONG if _long_unready(mesh, pods) else HINT  # a rollout passes
            yield fail(workload, f"{ready} of {workload.desired} replicas ready", at="status", confidence=certainty)


def _long_unready(mesh: Mesh, pods: list[Pod]) -> bool:
    return any(not p.is_ready and p.ready_since and mesh.now - p.ready_since > PASSING for p in pods)


def _few(workload: Workload) -> Iterator[Reason]:
    if workload.desired < 2:
        yield f"{workload.desired} replica", ""


def _budgets(mesh: Mesh, pods: list[Pod]) -> list[PodDisruptionBudget]:
    return [
        b
        for b in mesh[PodDisruptionBudget].within(pods[0].namespace)
        if b.spec.selector is not None and any(b.spec.selector.matches(p.labels) for p in pods)
    ]


def _unguarded(mesh: Mesh, workload: Workload, pods: list[Pod]) -> Iterator[Reason]:
    if not _budgets(mesh, pods):
        yield "no PodDisruptionBudget", f"kubectl -n {workload.namespace} get poddisruptionbudget"


def _full(mesh: Mesh, workload: Workload) -> Iterator[Reason]:
    for scaler in mesh[HorizontalPodAutoscaler].within(workload.namespace):
        target = scaler.spec.scale_target_ref
        most = scaler.spec.max_replicas
        if (target.get("kind"), target.get("name")) == ("Deployment", workload.name) and (
            scaler.status.current_replicas >= most > (scaler.spec.min_replicas or 1)
        ):
            yield f"its autoscaler is at its maximum of {most}", get(scaler)


def _together(mesh: Mesh, pods: list[Pod]) -> Iterator[Reason]:
    """All on one node, where the pods could run on others."""
    nodes = {p.spec.node_name for p in pods if p.spec.node_name}
    if len(pods) > 1 and len(nodes) == 1 and len(schedulable_nodes(mesh, pods[0])) > 1:
        names = f"kubectl -n {pods[0].namespace} get pods -o wide"
        yield f"all {len(pods)} pods are on node {min(nodes)}", names
