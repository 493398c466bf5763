"""Whether the workloads survive the loss of a pod or a node."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.availability import schedulable_nodes
from meshdoctor.model.findings import Evidence
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, PodDisruptionBudget, StatefulSet
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from meshdoctor.onboarding.workloads import Unit
from probes.registry import get


@check(
    "24",
    "Workloads are available",
    weight="warning",
    problems=("GW-015", "OP-001"),
    do="Run two replicas or more, with a PodDisruptionBudget that allows one disruption, spread over nodes.",
    before=True,
)
def available(scope: Scope) -> Iterator[Outcome]:
    """Each Deployment and StatefulSet has two replicas, a budget that lets one go, and pods on more than one node."""
    units = [u for u in scope.units if isinstance(u.thing, (Deployment, StatefulSet)) and u.desired > 0]
    if not units:
        yield skips("no Deployment or StatefulSet runs here")
        return
    weak = 0
    for unit in units:
        reasons = list(_reasons(scope, unit))
        if reasons:
            weak += 1
            words = ", ".join(reasons)
            yield breaks(f"{unit.subject.name}: {words}", Evidence(words, str(unit.subject), words, get(unit.subject)))
    if not weak:
        yield holds(f"{counted(len(units), 'workload')} with replicas, budget and spread")


def _reasons(scope: Scope, unit: Unit) -> Iterator[str]:
    if unit.desired < 2:
        yield "1 replica"
        return
    labels = unit.template.metadata.labels
    table = scope.mesh[PodDisruptionBudget].within(scope.name)
    budgets = [b for b in table if b.spec.selector is not None and b.spec.selector.matches(labels)]
    if not budgets:
        yield "no PodDisruptionBudget"
    elif not any(b.status.disruptions_allowed for b in budgets):
        yield f"{budgets[0].name} allows no disruption"
    nodes = {p.spec.node_name for p in unit.pods if p.spec.node_name}
    if len(nodes) == 1 and len(unit.pods) > 1 and len(schedulable_nodes(scope.mesh, unit.pods[0])) > 1:
        yield "all pods on one node"
