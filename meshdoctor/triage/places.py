"""Where the parts of Istio are, for commands: only what the mesh leaves no doubt about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

import msgspec

from meshdoctor.istio.controlplane import control_plane_namespaces, control_planes
from meshdoctor.istio.workloads import gateway_pods
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen


class Places(msgspec.Struct, frozen=True, eq=False):  # as itself it can be the key of what was filled in from it
    """Values of the pages' parameters, unquoted, without what there is none or several of; and the namespaces of istiods."""

    values: Mapping[str, str] = {}
    planes: frozenset[str] = frozenset()


NOWHERE = Places()


def places_of(mesh: Mesh) -> Places:
    """Namespaces of istiod and of the gateways, istiod's Deployment, and the root namespace."""
    found: dict[str, str] = {}
    planes: frozenset[str] = frozenset()
    with contextlib.suppress(Unseen):
        found["root_ns"] = mesh.mesh_config.root_namespace
    with contextlib.suppress(Unseen):  # whoever may not see pods fills in the rest
        planes = control_plane_namespaces(mesh)
        found["istio_ns"] = _only(planes)
        found["istiod_deploy"] = _only(p.deployment.name for p in control_planes(mesh) if p.deployment)
        found["gw_ns"] = _only(p.namespace for p in gateway_pods(mesh))
    return Places({name: value for name, value in found.items() if value}, planes)


def _only(names: Iterable[str]) -> str:
    """The one name there is, or nothing."""
    several = set(names)
    return several.pop() if len(several) == 1 else ""
