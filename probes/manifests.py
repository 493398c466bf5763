"""Files that cannot be judged as they are: broken, not what the API takes, or contradicting themselves."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.fields.judged import field_faults
from meshdoctor.model.manifest import Complaint, Manifest, Wrong
from meshdoctor.model.mesh import Mesh
from probes.registry import Draft, fail, probe


def complaints(mesh: Mesh, *wrong: Wrong) -> Iterator[Complaint]:
    """What reading the files found."""
    return (c for c in mesh.complaints if c.wrong in wrong)


@probe("MD5400", needs=(Manifest,), title="File of manifests cannot be read", severity="high")
def unreadable(mesh: Mesh) -> Iterator[Draft]:
    """A file, or a document of one, cannot be read or is neither YAML nor JSON: nothing in it is applied."""
    for each in complaints(mesh, "unread", "unparsed"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5401", needs=(Manifest,), title="Object does not fit its kind", severity="high", codes=("IST0106",))
def does_not_fit(mesh: Mesh) -> Iterator[Draft]:
    """A field has a type that its kind does not take: the API server refuses the object."""
    refused = {m.subject for m, fault in field_faults(mesh) if fault.level == "error"}  # by its schema: MD5300 says so
    for each in complaints(mesh, "unfit"):
        if each.subject not in refused:
            yield fail(each.subject, each.says, at=each.path)


@probe("MD5402", needs=(Manifest,), title="Key written twice in a mapping", severity="high")
def key_twice(mesh: Mesh) -> Iterator[Draft]:
    """A mapping has a key twice: kubectl refuses it, and other tools keep one of the values without a word."""
    for each in complaints(mesh, "repeated-key"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5403", needs=(Manifest,), title="Kind or apiVersion that nothing serves", severity="high")
def not_served(mesh: Mesh) -> Iterator[Draft]:
    """An object of Istio or Kubernetes has an apiVersion or kind that does not exist: it cannot be applied."""
    refused = {m.subject for m, fault in field_faults(mesh) if fault.path == "apiVersion"}  # MD5300 says so
    for each in complaints(mesh, "unknown-kind"):
        if each.subject not in refused:
            yield fail(each.subject, each.says, at=each.path)


@probe("MD5404", needs=(Manifest,), title="Object given twice", severity="low")
def object_twice(mesh: Mesh) -> Iterator[Draft]:
    """Two manifests have one kind, namespace and name: which of them the mesh gets depends on the order they are applied in."""
    for each in complaints(mesh, "repeated-object"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5405", needs=(Manifest,), title="Object without apiVersion, kind or name", severity="high")
def not_named(mesh: Mesh) -> Iterator[Draft]:
    """An object has no apiVersion, no kind or no name: the API server cannot tell what it is."""
    for each in complaints(mesh, "unnamed"):
        yield fail(each.subject, each.says, at=each.path)
