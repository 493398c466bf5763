"""All faults of the fields of all manifests, found once a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from meshdoctor.istio.fields.reading import Field
from meshdoctor.istio.fields.virtual_service import virtual_service
from meshdoctor.istio.schema.definitions import Definition, served
from meshdoctor.istio.schema.fault import Fault
from meshdoctor.istio.schema.objects import named, schema_faults
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import Mesh

Judge = Callable[[Field], Iterable[Fault]]
_NETWORKING = "networking.istio.io"
JUDGES: dict[tuple[str, str], Judge] = {
    (_NETWORKING, "VirtualService"): virtual_service,
}
Judged = tuple[tuple[Manifest, Fault], ...]


def field_faults(mesh: Mesh) -> Judged:
    """Each manifest with each of its faults."""
    if "field faults" not in mesh.memo:
        definitions = served(m.body for m in mesh.manifests if m.body.get("kind") == "CustomResourceDefinition")
        mesh.memo["field faults"] = tuple((m, f) for m in mesh.manifests for f in faults_of(m, definitions))
    found: Judged = mesh.memo["field faults"]
    return found


def faults_of(manifest: Manifest, definitions: dict[tuple[str, str], Definition] | None = None) -> Iterator[Fault]:
    """What its schema refuses, one a field, then what istiod says of the rest."""
    told: dict[str, Fault] = {}
    for fault in schema_faults(manifest.body, definitions):
        told.setdefault(fault.path, fault)
    yield from told.values()
    group, _, kind = named(manifest.body)
    judge = JUDGES.get((group, kind))
    seen = set()
    for fault in judge(Field(manifest.body)) if judge else ():
        if not _is_said(fault, told) and (fault.path, fault.says) not in seen:
            seen.add((fault.path, fault.says))
            yield fault


def _is_said(fault: Fault, told: dict[str, Fault]) -> bool:
    """Whether the schema already refuses the field, a part of it, or what it is part of."""
    return any(
        path == fault.path or _within(path, fault.path) or (other.broken and _within(fault.path, path))
        for path, other in told.items()
    )


def _within(inner: str, outer: str) -> bool:
    return inner.startswith((f"{outer}.", f"{outer}["))
