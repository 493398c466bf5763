"""exportTo that names a namespace which does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.injection import AMBIENT
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, VirtualService
from probes.registry import Draft, fail, probe, quote

RESERVED = {".", "*", "~"}  # the own namespace, all of them, none


@probe(
    "MD5117",
    needs=(VirtualService, DestinationRule, ServiceEntry, Namespace),
    codes=("KIA0005",),
    title="exportTo names a namespace that does not exist",
    severity="low",
)
def export_to_nowhere(mesh: Mesh) -> Iterator[Draft]:
    """An object is exported to a namespace that does not exist: whoever it is meant for does not see it."""
    known = {n.name: n for n in mesh[Namespace].everywhere()}
    things: tuple[tuple[KubernetesObject, tuple[str, ...]], ...] = (
        *((v, v.spec.export_to) for v in mesh[VirtualService]),
        *((r, r.spec.export_to) for r in mesh[DestinationRule]),
        *((e, e.spec.export_to) for e in mesh[ServiceEntry]),
    )
    for thing, export_to in things:
        home = known.get(thing.namespace)
        if home is not None and home.labels.get(AMBIENT) == "ambient":
            continue  # no proxies of its own to export to
        for i, name in enumerate(export_to):
            if name not in RESERVED and name not in known:
                at = f"spec.exportTo[{i}]"
                says = f"it is exported to {name}, and there is no such namespace"
                yield fail(thing, says, at=at, evidence=(quote(thing, at, name),), lacking=(Namespace,))
