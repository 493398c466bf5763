"""From a snapshot to a diagnosis: run the rules, draw the causes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from meshdoctor.model.findings import Cause, Diagnosis, Finding, Seconds, Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage.causes import causes_of
from meshdoctor.triage.places import places_of
from probes.runner import ahead, coverage, run


def judge_ahead(mesh: Mesh) -> Iterator[None]:
    """Judge what can be judged while others are awaited, a rule a step; `judge` then judges the rest, wherever this was ended."""
    return ahead(mesh)


def judge(mesh: Mesh, *, collect_seconds: float = 0.0, namespace: str | None = None) -> Diagnosis:
    """Everything the rules say of a mesh, causes first. `namespace` limits what is reported, not what was read."""
    began = time.perf_counter()
    everything, checks = run(mesh)
    causes = causes_of(everything, mesh.cluster.context, places_of(mesh))
    findings = everything
    if namespace is not None:
        findings = tuple(f for f in everything if _concerns(f, namespace))
        kept = {f.id for f in findings}
        causes = tuple(c for c in causes if _harms(c, namespace, kept))
    return Diagnosis(
        cluster=mesh.cluster,
        observed_at=mesh.now,
        sources=mesh.sources,
        causes=causes,
        findings=findings,
        checks=checks,
        coverage=coverage(checks),
        seconds=Seconds(round(collect_seconds, 3), round(time.perf_counter() - began, 3)),
        notes=mesh.notes,
    )


def _concerns(finding: Finding, namespace: str) -> bool:
    """Whether a finding is about a namespace, about the whole cluster, or about what could not be seen."""
    if finding.status in (Status.UNKNOWN, Status.ERROR):
        return True
    if finding.subject.kind == "Namespace":
        return finding.subject.name == namespace
    return finding.subject.namespace in (namespace, "")


def _harms(cause: Cause, namespace: str, kept: set[str]) -> bool:
    """Whether a cause lies in a namespace, or what it explains or harms does."""
    return bool({cause.finding, *cause.explains} & kept) or any(w.startswith(f"{namespace}/") for w in cause.impact.workloads)
