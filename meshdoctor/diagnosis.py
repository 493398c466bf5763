"""From a snapshot to a diagnosis: run the rules, draw the causes."""

from __future__ import annotations

import time

from meshdoctor.model.findings import Diagnosis, Seconds
from meshdoctor.model.mesh import Mesh
from meshdoctor.triage.causes import causes_of
from probes.runner import coverage, run


def judge(mesh: Mesh, *, collect_seconds: float = 0.0, namespace: str | None = None) -> Diagnosis:
    """Everything the rules say of a mesh, causes first. `namespace` limits what is reported, not what was read."""
    began = time.perf_counter()
    findings, checks = run(mesh)
    if namespace is not None:
        findings = tuple(f for f in findings if f.subject.namespace in (namespace, "") or f.status in ("UNKNOWN", "ERROR"))
    return Diagnosis(
        cluster=mesh.cluster,
        observed_at=mesh.now,
        sources=mesh.sources,
        causes=causes_of(findings, mesh.cluster.context),
        findings=findings,
        checks=checks,
        coverage=coverage(checks),
        seconds=Seconds(round(collect_seconds, 3), round(time.perf_counter() - began, 3)),
        notes=mesh.notes,
    )
