"""What manifests would change on a mesh: objects, their effects, and findings."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.istio.changes.every import effects
from meshdoctor.istio.changes.objects import of_manifests
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.changes import Blind, FindingChanges, Gone, Preview
from meshdoctor.model.findings import Diagnosis, Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen


def preview(before: Mesh, after: Mesh, things: Iterable[KubernetesObject], findings: FindingChanges) -> Preview:
    """What becomes of a mesh by the objects of manifests; `after` is `before` with them applied."""
    told, blind = [], []
    for thing in things:
        try:
            told += list(of_manifests(before, after, (thing,)))
        except Unseen as unseen:
            blind.append(Blind(about=str(thing.subject), reason=str(unseen)))
    changes, unseen_subjects = effects(before, after) if blind or any(o.state != "same" for o in told) else ((), ())
    return Preview(objects=tuple(told), effects=changes, blind=(*blind, *unseen_subjects), findings=findings)


def finding_changes(before: Diagnosis, after: Diagnosis) -> FindingChanges:
    """Findings of the mesh with the manifests against those of it as it is."""
    old, new = {f.id: f for f in before.findings}, {f.id for f in after.findings}
    hidden = {s.finding.id for s in after.suppressed}
    return FindingChanges(
        added=tuple(f.id for f in after.findings if f.id not in old),
        gone=tuple(_gone(f) for f in old.values() if f.id not in new and f.id not in hidden),
        same=tuple(f.id for f in after.findings if f.id in old),
    )


def _gone(finding: Finding) -> Gone:
    return Gone(
        id=finding.id,
        code=finding.code,
        problem=finding.problem,
        status=str(finding.status),
        severity=finding.severity,
        subject=finding.subject,
        path=finding.path,
        summary=finding.summary,
    )
