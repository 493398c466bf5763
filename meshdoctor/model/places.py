"""Where in the files an object, or a field of it, stands."""

from __future__ import annotations

from meshdoctor.model.manifest import Complaint, Manifest
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject

Where = tuple[str | None, int | None, int | None]
NOWHERE: Where = (None, None, None)


def place_of(mesh: Mesh, subject: Subject, path: str) -> Where:
    """File, line and column of a path of an object, else of the nearest part above it; of nothing where no file has it."""
    if not mesh.manifests and not mesh.complaints:
        return NOWHERE
    manifests, complaints = _index(mesh)
    if said := complaints.get((subject, path)):
        return said.file, said.line, said.column
    written = manifests.get(subject)
    if not written or not written[0].file:
        return NOWHERE
    manifest = next((m for m in written if path in m.places), written[0])
    line, column = manifest.place(path) or (None, None)
    return manifest.file, line, column


def _index(mesh: Mesh) -> tuple[dict[Subject, list[Manifest]], dict[tuple[Subject, str], Complaint]]:
    if "places" not in mesh.memo:
        manifests: dict[Subject, list[Manifest]] = {}
        for manifest in reversed(mesh.manifests):  # of an object that is given twice the last counts
            manifests.setdefault(manifest.subject, []).append(manifest)
        complaints = {(c.subject, c.path): c for c in reversed(mesh.complaints)}
        mesh.memo["places"] = (manifests, complaints)
    found: tuple[dict[Subject, list[Manifest]], dict[tuple[Subject, str], Complaint]] = mesh.memo["places"]
    return found
