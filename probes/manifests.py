"""Files that cannot be judged as they are: broken, not what the API takes, or contradicting themselves."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.manifest import Complaint, Wrong
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from probes.registry import Draft, fail, probe


def complaints(mesh: Mesh, *wrong: Wrong) -> Iterator[Complaint]:
    """What reading the files found; a mesh without files has none to judge."""
    if not mesh.manifests and not mesh.complaints:
        raise Unseen(Source(name="manifests", state=SourceState.SKIPPED, reason="no files were given"))
    return (c for c in mesh.complaints if c.wrong in wrong)


@probe("MD5400", needs=(), title="File of manifests cannot be read", severity="high")
def unreadable(mesh: Mesh) -> Iterator[Draft]:
    """A file, or a document of one, cannot be read or is neither YAML nor JSON: nothing in it is applied."""
    for each in complaints(mesh, "unread", "unparsed"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5401", needs=(), title="Object does not fit its kind", severity="high", codes=("IST0106",))
def does_not_fit(mesh: Mesh) -> Iterator[Draft]:
    """A field has a type that its kind does not take, or the object has no kind or name: the API server refuses it."""
    for each in complaints(mesh, "unfit"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5402", needs=(), title="Key written twice in a mapping", severity="high")
def key_twice(mesh: Mesh) -> Iterator[Draft]:
    """A mapping has a key twice: kubectl refuses it, and other tools keep one of the values without a word."""
    for each in complaints(mesh, "repeated-key"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5403", needs=(), title="Kind or apiVersion that nothing serves", severity="high")
def not_served(mesh: Mesh) -> Iterator[Draft]:
    """An object of Istio or Kubernetes has an apiVersion or kind that does not exist: it cannot be applied."""
    for each in complaints(mesh, "unknown-kind"):
        yield fail(each.subject, each.says, at=each.path)


@probe("MD5404", needs=(), title="Object given twice", severity="low")
def object_twice(mesh: Mesh) -> Iterator[Draft]:
    """Two manifests have one kind, namespace and name: which of them the mesh gets depends on the order they are applied in."""
    for each in complaints(mesh, "repeated-object"):
        yield fail(each.subject, each.says, at=each.path)
