"""Which labels take pods in: found by asking the cluster's own injection webhooks, as the API server would."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.controlplane import control_planes
from meshdoctor.istio.injection import AMBIENT, INJECT, NAMESPACE_LABEL, REVISION, Injector, called, revisions
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import PodTemplate

Labels = dict[str, str]
ENROLS = (NAMESPACE_LABEL, REVISION, AMBIENT)


class Way(msgspec.Struct, frozen=True):
    """The labels that are set and removed, and the one webhook that injects then. Nothing is set where it does so already."""

    add: Labels
    drop: tuple[str, ...]
    injector: Injector

    @property
    def revision(self) -> str:
        return self.injector.revision


def of_namespace(mesh: Mesh, namespace: Namespace, wanted: str = "") -> Way:
    """The label that the namespace needs. Raises UsageError where no webhook, or more than one, would inject its pods."""
    if (already := _one(called(mesh, namespace.labels, {}), wanted)) is not None:
        return Way({}, (), already)
    rest = {k: v for k, v in namespace.labels.items() if k not in ENROLS}
    for labels in _labels_of_namespace(mesh, wanted):
        injector = _one(called(mesh, {**rest, **labels}, {}), wanted)
        if injector is not None:
            drop = tuple(k for k in ENROLS if k in namespace.labels and k not in labels)
            return Way(labels, drop, injector)
    raise _nobody(mesh, f"namespace {namespace.name}", wanted)


def of_workload(mesh: Mesh, namespace: Namespace, name: str, template: PodTemplate, wanted: str = "") -> Way:
    """The labels that a workload's pods need to be taken in alone. Raises UsageError as `of_namespace`."""
    own = template.metadata.labels
    if (already := _one(called(mesh, namespace.labels, own), wanted)) is not None:
        return Way({}, (), already)
    rest = {k: v for k, v in own.items() if k not in (INJECT, REVISION)}
    named = [{INJECT: "true", REVISION: r} for r in _revisions(mesh, wanted)]
    for labels in ({INJECT: "true"}, *named):
        injector = _one(called(mesh, namespace.labels, {**rest, **labels}), wanted)
        if injector is not None:
            return Way(labels, tuple(k for k in (REVISION,) if k in own and k not in labels), injector)
    raise _nobody(mesh, name, wanted)


def _labels_of_namespace(mesh: Mesh, wanted: str) -> Iterator[Labels]:
    """`istio-injection` where nobody asks for a revision; then each revision by its name."""
    enabled = {NAMESPACE_LABEL: "enabled"}
    if not wanted:
        yield enabled
    yield from ({REVISION: r} for r in _revisions(mesh, wanted))
    if wanted:
        yield enabled


def _revisions(mesh: Mesh, wanted: str) -> tuple[str, ...]:
    """The one that is wanted; else the only one, for among several somebody has to choose."""
    if wanted:
        return (wanted,)
    running = {p.revision for p in control_planes(mesh)}
    return tuple(running) if len(running) == 1 else ()


def _one(found: tuple[Injector, ...], wanted: str) -> Injector | None:
    fits = len(found) == 1 and wanted in ("", found[0].revision, found[0].configuration.tag)
    return found[0] if fits else None


def _nobody(mesh: Mesh, what: str, wanted: str) -> UsageError:
    known = ", ".join(sorted(revisions(mesh)))
    says = f"revision {wanted!r}" if wanted else "exactly one injection webhook"
    return UsageError(
        f"No label was found by which {says} would inject the pods of {what}.",
        f"The webhooks know the revisions and tags: {known}." if known else "There is no injection webhook.",
        "Name one with --revision." if known else "Install one, or mend it (INJ-005, INJ-006).",
    )
