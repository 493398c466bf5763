"""Istio's annotations on objects: unknown, in the wrong place, with a value that is refused, or not settled yet."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.annotations import CAPTURE, IGNORED, Annotation, fits, is_istios, known
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote

KINDS = (Namespace, Service, Pod, Deployment)


Annotated = tuple[KubernetesObject, str, str, Annotation | None]


def annotated(mesh: Mesh) -> tuple[Annotated, ...]:
    """Istio's annotations that somebody wrote; those of a controlled pod are its template's. Read once a snapshot."""
    if "annotated" not in mesh.memo:
        mesh.memo["annotated"] = _read(mesh)
    found: tuple[Annotated, ...] = mesh.memo["annotated"]
    return found


def _read(mesh: Mesh) -> tuple[Annotated, ...]:
    found: list[Annotated] = []
    of_istio: dict[str, bool] = {}  # thousands of objects carry the same few names
    for thing in (*mesh[Namespace], *mesh[Service], *mesh[Pod], *mesh[Deployment]):
        meta = thing.metadata
        if meta.owner_references and isinstance(thing, Pod):
            continue
        for name, value in meta.annotations.items():
            read = of_istio.get(name)
            if read is None:
                read = of_istio[name] = is_istios(name) and name not in IGNORED
            if read:
                found.append((thing, name, value, known().get(name)))
    return tuple(found)


def place(name: str) -> str:
    """Where an annotation stands."""
    return f"metadata.annotations.{name}"


@probe("MD5260", needs=KINDS, title="Annotation is unknown", severity="info", codes=("IST0108",))
def annotation_unknown(mesh: Mesh) -> Iterator[Draft]:
    """An annotation in Istio's domain is none of Istio's: nobody reads it."""
    for thing, name, value, found in annotated(mesh):
        if found is None:
            yield fail(thing, f"Istio has no annotation {name}", at=place(name), evidence=(quote(thing, place(name), value),))


@probe("MD5261", needs=KINDS, title="Annotation is on the wrong kind", severity="info", codes=("IST0107",))
def annotation_misplaced(mesh: Mesh) -> Iterator[Draft]:
    """An annotation is on a kind of object on which Istio does not read it."""
    for thing, name, value, found in annotated(mesh):
        if found is not None and not found.belongs_to(thing.KIND):
            says = f"{name} is read on {', '.join(found.kinds)}, not on a {thing.KIND}"
            why = "put it on the pod template" if thing.KIND == "Deployment" and "Pod" in found.kinds else ""
            yield fail(thing, says, at=place(name), why=why, evidence=(quote(thing, place(name), value),))


@probe("MD5262", needs=KINDS, title="Annotation has a value that is refused", severity="medium", codes=("IST0125",))
def annotation_refused(mesh: Mesh) -> Iterator[Draft]:
    """The injector refuses the value of an annotation: pods with it are not created."""
    for thing, name, value, found in annotated(mesh):
        if found is not None and thing.KIND in found.kinds and not fits(found.value, value):
            yield fail(thing, f"{name} cannot be {value!r}", at=place(name), evidence=(quote(thing, place(name), value),))


@probe("MD5264", needs=KINDS, title="Annotation is not settled yet", severity="info", codes=("IST0136",))
def annotation_alpha(mesh: Mesh) -> Iterator[Draft]:
    """An annotation is of feature status alpha: it may change or go with any release."""
    for thing, name, _, found in annotated(mesh):
        by_cni = name in CAPTURE and isinstance(thing, Pod) and all(c.name != "istio-init" for c in thing.spec.init_containers)
        if found is not None and found.status == "alpha" and not by_cni:
            yield fail(thing, f"{name} is of feature status alpha", at=place(name))
