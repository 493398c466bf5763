"""The mesh as it would be: with the labels, and then with a proxy in each pod that is taken in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshdoctor.enrolment.ways import Way
from meshdoctor.istio.injection import REVISION
from meshdoctor.istio.mutual.targets import TLS_MODE
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.containers import Container
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from meshdoctor.onboarding.workloads import KINDS, Unit

PROXY = Container(name="istio-proxy", args=("proxy", "sidecar"))


def labelled(mesh: Mesh, namespace: Namespace, way: Way, unit: Unit | None) -> Mesh:
    """With the labels alone: of the namespace, or of one workload's template."""
    if unit is None:
        return mesh.replaced((Namespace,), lambda o: _relabelled(o, way) if o.subject == namespace.subject else o)
    return mesh.replaced((type(unit.thing),), lambda o: _templated(o, way) if o.subject == unit.subject else o)


def _relabelled(thing: Any, way: Way) -> Any:
    kept = {k: v for k, v in thing.metadata.labels.items() if k not in way.drop}
    return msgspec.structs.replace(thing, metadata=msgspec.structs.replace(thing.metadata, labels={**kept, **way.add}))


def _templated(thing: Any, way: Way) -> Any:
    spec = msgspec.structs.replace(thing.spec, template=_relabelled(thing.spec.template, way))
    return msgspec.structs.replace(thing, spec=spec)


def injected(mesh: Mesh, units: Iterable[Unit], revision: str) -> Mesh:
    """With a proxy of that revision in each of their pods, as injection would mark them."""
    pods = {p.subject for u in units for p in u.pods if p.proxy is None}
    return mesh.replaced((Pod,), lambda o: _injected(o, revision) if o.subject in pods else o)


def _injected(pod: Any, revision: str) -> Any:
    meta = pod.metadata
    labels = {**meta.labels, TLS_MODE: "istio"}
    notes = {**meta.annotations, REVISION: revision, "sidecar.istio.io/status": "{}"}
    return msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(meta, labels=labels, annotations=notes),
        spec=msgspec.structs.replace(pod.spec, containers=(*pod.spec.containers, PROXY)),
    )


def only(mesh: Mesh, unit: Unit) -> Mesh:
    """The mesh without the other workloads of this one's namespace: what they lack is not its fault."""
    kept = {unit.subject, *(p.subject for p in unit.pods)}
    return mesh.replaced((*KINDS, Pod), lambda o: o if o.namespace != unit.subject.namespace or o.subject in kept else None)
