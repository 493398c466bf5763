"""Sidecar objects that compete for one workload, or that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.selecting import SELECTABLE, has_ambient, is_ambient, is_ambient_namespace, labels_of, selected
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from probes.registry import Draft, fail, probe, quote

AT = "spec.workloadSelector"


@probe(
    "MD5012",
    over=Sidecar,
    needs=(Sidecar, Namespace, *SELECTABLE),
    title="Sidecar object in ambient mode",
    codes=("IST0167",),
    severity="low",
)
def sidecar_in_ambient(mesh: Mesh, sidecar: Sidecar) -> Iterator[Draft]:
    """A Sidecar holds for workloads in ambient mode, which have no sidecar that would read it."""
    labels = labels_of(sidecar)
    if not has_ambient(mesh, sidecar.namespace):
        return
    if labels:
        found = next((c for c in selected(mesh, sidecar) if is_ambient(mesh, c)), None)
        who = str(found.thing.subject) if found else ""
    else:
        who = f"namespace {sidecar.namespace}" if only_ambient(mesh, sidecar.namespace) else ""
    if who:
        yield fail(sidecar, f"holds for {who}, which is in ambient mode and has no sidecar", at=AT, evidence=[quote(sidecar, AT)])


def only_ambient(mesh: Mesh, namespace: str) -> bool:
    """Whether a namespace is in ambient mode and asks for no sidecars beside it."""
    found = mesh[Namespace].get("", namespace)
    return found is not None and is_ambient_namespace(mesh, namespace) and not _also_injected(found)


def _also_injected(namespace: Namespace) -> bool:
    return namespace.labels.get("istio-injection") == "enabled" or "istio.io/rev" in namespace.labels
