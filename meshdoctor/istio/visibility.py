"""Who can see what: `exportTo` of Services, ServiceEntries, VirtualServices and DestinationRules.

Source: istio.io, `exportTo` of each kind and `MeshConfig.default*ExportTo`. A Service says it in an annotation.
"""

from __future__ import annotations

from meshdoctor.istio.hosts import Registered, exported_to, fqdn, resolve
from meshdoctor.istio.injection import AMBIENT, namespace_labels
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, VirtualService

Exported = Service | ServiceEntry | VirtualService | DestinationRule
EVERYWHERE, NOWHERE = "*", "~"


def exports(mesh: Mesh, thing: Exported) -> tuple[str, ...]:
    """The namespaces that see an object, `*` for all: what it says, else what the mesh says, else all."""
    config = mesh.mesh_config
    if isinstance(thing, VirtualService):
        default = config.default_virtual_service_export_to
    elif isinstance(thing, DestinationRule):
        default = config.default_destination_rule_export_to
    else:
        default = config.default_service_export_to
    own = () if isinstance(thing, Service) else thing.spec.export_to
    return exported_to(thing, own, default)


def sees(mesh: Mesh, namespace: str, thing: Exported) -> bool:
    """Whether proxies of a namespace are told of an object."""
    where = exports(mesh, thing)
    return NOWHERE not in where and (EVERYWHERE in where or namespace in where)


def meant(mesh: Mesh, host: str, namespace: str) -> tuple[Registered, ...]:
    """What a host in an object of that namespace means, seen from there or not; a wildcard counts where it is seen."""
    name = fqdn(host, namespace, mesh.cluster.domain).lower()
    return tuple(r for r in resolve(mesh, name, namespace) if r.host == name or sees(mesh, namespace, r.origin))


def concerns(mesh: Mesh, namespace: str, thing: Exported) -> bool:
    """Whether those who look after a namespace have to know of an object: as Kiali shows objects.

    Its proxies see it; or it is exported to a namespace that does not exist, by mistake, so that it may be meant for
    them. What lies in an ambient namespace is read by the waypoints of that namespace alone.
    """
    if thing.namespace == namespace:
        return sees(mesh, namespace, thing)
    if namespace_labels(mesh, thing.namespace).get(AMBIENT) == "ambient":
        return False
    named = [n for n in exports(mesh, thing) if n not in (EVERYWHERE, NOWHERE)]
    return sees(mesh, namespace, thing) or any(mesh[Namespace].get("", n) is None for n in named)


def is_limited(mesh: Mesh, thing: Exported) -> bool:
    """Whether some namespace does not see it."""
    return EVERYWHERE not in exports(mesh, thing)


def meet(mesh: Mesh, one: Exported, other: Exported) -> bool:
    """Whether some namespace may see both."""
    first, second = set(exports(mesh, one)), set(exports(mesh, other))
    if NOWHERE in first or NOWHERE in second:
        return False
    return EVERYWHERE in first or EVERYWHERE in second or bool(first & second)


def export_path(thing: Exported) -> str:
    """Where the object says it: a field, or the annotation of a Service."""
    return "metadata.annotations.networking.istio.io/exportTo" if isinstance(thing, Service) else "spec.exportTo"
