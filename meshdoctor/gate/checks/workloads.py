"""Whether what was deployed runs, and whether the proxies beside it do."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.gate.compared import lost, wrong
from meshdoctor.gate.looked import Looked
from meshdoctor.gate.parts import readiness
from meshdoctor.gate.registry import question
from meshdoctor.model.findings import Evidence, Status
from meshdoctor.model.text import counted
from meshdoctor.onboarding.outcome import Outcome, holds, skips
from probes.registry import get


@question("ready", "Workloads are ready")
def ready(looked: Looked) -> Iterator[Outcome]:
    """Every Deployment, StatefulSet and DaemonSet has its replicas ready and its rollout done; none is gone."""
    now = readiness(looked.mesh, looked.counts)
    before = looked.before.workloads if looked.before else None
    if not now and not before:
        yield skips("there is no workload")
        return
    for name, why in now.items():
        if why:
            kind, _, rest = name.partition(" ")
            namespace, _, own = rest.partition("/")
            shown = Evidence(why, name, why, f"kubectl -n {namespace} describe {kind.lower()} {own}")
            yield wrong(f"{name}: {why}", shown, was_so=bool((before or {}).get(name)))
    for name in lost(before, now):
        yield Outcome(Status.WARN, f"{name} was there before and is gone")
    if not any(now.values()):
        yield holds(f"{counted(len(now), 'workload')} ready")


@question("causes", "No new cause")
def no_new_cause(looked: Looked) -> Iterator[Outcome]:
    """The diagnosis has no cause that was not there before; without a before, none that is critical or high."""
    before = looked.before.causes if looked.before else None
    causes = looked.diagnosis.causes
    for cause in causes:
        name = f"{cause.problem} {cause.subject}"
        was_so = before is not None and name in before
        says = f"{cause.problem} {cause.subject}: {cause.summary or cause.title}"
        if cause.severity in ("critical", "high"):
            yield wrong(says, *(cause.evidence or (Evidence(says, name, "", get(cause.subject)),)), was_so=was_so)
        else:
            yield Outcome(Status.WARN, says, cause.evidence)
    if not causes:
        asked = looked.diagnosis.coverage
        yield holds(f"none: {asked.rules} rules were asked, {asked.unknown} could not see enough")
