"""Fields of manifests that the API server or istiod refuse, ignore or doubt."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.judged import field_faults
from meshdoctor.istio.schema.fault import Fault, Level
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh
from probes.registry import Draft, fail, probe


@probe("MD5300", needs=(Manifest,), title="Field is refused", severity="high", codes=("IST0106",))
def field_is_refused(mesh: Mesh) -> Iterator[Draft]:
    """A field has a value that the API server or istiod refuses: the object is not taken."""
    yield from _told(mesh, "error")


@probe("MD5301", needs=(Manifest,), title="Field is unknown", severity="high")
def field_is_unknown(mesh: Mesh) -> Iterator[Draft]:
    """The kind has no such field: kubectl refuses the object, other clients have the field dropped in silence."""
    yield from _told(mesh, "unknown field")


@probe("MD5302", needs=(Manifest,), title="Field is doubtful", severity="low", codes=("IST0133",))
def field_is_doubtful(mesh: Mesh) -> Iterator[Draft]:
    """istiod takes the field with a warning."""
    yield from _told(mesh, "warning")
    yield from _told(mesh, "remark", "info")


def _told(mesh: Mesh, level: Level, severity: Severity | None = None) -> Iterator[Draft]:
    for manifest, fault in field_faults(mesh):
        if fault.level == level:
            proof = _evidence(manifest, fault)
            yield fail(manifest.subject, fault.says, at=fault.path, why=fault.quote, evidence=(proof,), severity=severity)


def _evidence(manifest: Manifest, fault: Fault) -> Evidence:
    place = manifest.place(fault.path)
    where = f"{manifest.file}:{place[0]}" if manifest.file and place else manifest.file or str(manifest.subject)
    return Evidence(fault.quote or fault.says, where, fault.path)
