"""The state of a namespace, and what to do next, from how its checks ended."""

from __future__ import annotations

from collections.abc import Sequence

from meshdoctor.model.findings import Status
from meshdoctor.model.onboarding import CheckResult, State
from meshdoctor.onboarding.scope import Scope

ORDER = ("20", "8", "25", "17", "1", "2", "4", "3", "AM2", "AM1", "6", "21", "14", "27", "28", "16", "13", "12", "AM3", "15")
"""In which order steps are taken: what stands in the way of enrolling, the label, the pods, then what is demanded of callers."""

STEPS = {"12", "13"}
"""Checks that a sound namespace fails while it is on its way: it takes plain text until nobody sends any."""

LABEL = "Label it: kubectl label namespace {name} istio-injection=enabled (or istio.io/rev=REVISION), then restart one workload."


def state_of(scope: Scope, checks: Sequence[CheckResult]) -> State:
    """The state of a namespace that is not exempt. Raises Unseen where pods or workloads were not read."""
    if not scope.is_enrolled and not scope.sidecars:
        return State.NOT_ENROLLED
    blocking = {c.id for c in checks if c.blocks}
    if not blocking:
        return State.ONBOARDED if scope.pods else State.ENROLLING
    steps = STEPS | ({"3"} if _only_to_restart(scope) else set())
    return State.ENROLLING if blocking <= steps else State.DEGRADED


def _only_to_restart(scope: Scope) -> bool:
    """Whether its pods without a sidecar are just older than its label: they get one when they are created anew."""
    if not scope.asks:
        return not scope.sidecars or bool(scope.injectors)
    labelled = scope.namespace.changed
    bare = [p for p in scope.pods if p not in scope.proxies and scope.eligible(p)]
    return not scope.sidecars or (labelled is not None and all(p.created and p.created <= labelled for p in bare))


def next_step(scope: Scope, state: State | None, checks: Sequence[CheckResult]) -> str:
    """What to do first: the first blocking check in the order of the steps; the label where nothing stands in its way."""
    by_id = {c.id: c for c in checks}
    ordered = [by_id[i] for i in ORDER if i in by_id] + [c for c in checks if c.id not in ORDER]
    first = next((c for c in ordered if c.status is Status.FAIL), None)
    if first is not None:
        return f"{first.says}. {first.do}"
    if state is State.NOT_ENROLLED:
        return LABEL.format(name=scope.name)
    blind = next((c for c in ordered if c.status is Status.UNKNOWN and c.weight == "blocking"), None)
    if blind is not None:
        return f"Settle what could not be seen (check {blind.id}): {blind.says}"
    warned = next((c for c in ordered if c.status is Status.WARN), None)
    return f"{warned.says}. {warned.do}" if warned else ""
