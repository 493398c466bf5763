"""What the proxies of a namespace import: the egress hosts of the Sidecar that speaks for all its workloads.

Source: istio.io, Sidecar reference (a Sidecar without selector, of the namespace or else of the root namespace;
`egress.hosts` are `namespace/dnsName`, where `.` is the own namespace and `~` leaves out). Sidecars with a selector
speak for some workloads only: they limit nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.hosts import long_name, matches
from meshdoctor.istio.labelled import Labelled
from meshdoctor.istio.visibility import Exported, meet, sees
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import DestinationRule, Sidecar
from meshdoctor.model.workloads import Pod

RUNNING: tuple[type[KubernetesObject], ...] = (Pod, *WORKLOADS)


class Import(msgspec.Struct, frozen=True):
    """One egress host: which names of which namespace (`*`: any) are imported, or left out."""

    namespace: str
    host: str
    is_left_out: bool = False


def imports(mesh: Mesh, namespace: str) -> tuple[Import, ...]:
    """What limits the proxies of a namespace; nothing where they import everything."""
    if not _defaults(mesh):
        return ()
    sidecar = default_sidecar(mesh, namespace)
    return imports_of(sidecar, namespace) if sidecar else ()


def default_sidecar(mesh: Mesh, namespace: str) -> Sidecar | None:
    """The Sidecar without selector that holds for a namespace: its own, else that of the root namespace."""
    return _defaults(mesh).get(namespace) or _defaults(mesh).get(mesh.mesh_config.root_namespace)


def sidecar_of(mesh: Mesh, pod: Labelled) -> Sidecar | None:
    """The Sidecar that holds for a pod: the oldest that selects it, else the one for all of its namespace or of the mesh."""
    own = [s for s in mesh[Sidecar].within(pod.namespace) if s.spec.workload_selector and s.spec.workload_selector.wanted]
    fits = [s for s in own if s.spec.workload_selector and s.spec.workload_selector.wanted.items() <= pod.labels.items()]
    oldest = min(fits, key=lambda s: (s.created.timestamp() if s.created else 0.0, s.name), default=None)
    return oldest or default_sidecar(mesh, pod.namespace)


def reaches(mesh: Mesh, pod: Pod, service: Service) -> bool:
    """Whether the Sidecar that holds for a pod lets it know a Service."""
    sidecar = sidecar_of(mesh, pod)
    limits = imports_of(sidecar, pod.namespace) if sidecar else ()
    return not limits or _takes(mesh, limits, service.name, service.namespace)


def imports_of(sidecar: Sidecar, namespace: str) -> tuple[Import, ...]:
    """The egress hosts of a Sidecar, as the proxies of a namespace read them."""
    said = (h.partition("/") for listener in sidecar.spec.egress for h in listener.hosts if "/" in h)
    return tuple(_import(where, host, namespace) for where, _, host in said)


def _import(where: str, host: str, namespace: str) -> Import:
    name = where.removeprefix("~")
    return Import(namespace if name == "." else name or "*", host.lower(), is_left_out=where.startswith("~"))


def _defaults(mesh: Mesh) -> dict[str, Sidecar]:
    """The Sidecar without selector of each namespace that has one."""
    sidecars: Iterable[Sidecar] = mesh[Sidecar] if mesh.state(Sidecar) in USABLE else ()
    known: dict[str, Sidecar] | None = mesh.memo.get("default sidecars")
    if known is None:
        known = mesh.memo["default sidecars"] = {}
        for sidecar in sidecars:
            if sidecar.spec.workload_selector is None or not sidecar.spec.workload_selector.wanted:
                known.setdefault(sidecar.namespace, sidecar)
    return known


def is_imported(mesh: Mesh, client: str, hosts: Iterable[str], owner: str) -> bool:
    """Whether proxies of a namespace import one of the hosts that an object of the namespace `owner` speaks of."""
    return takes_any(mesh, imports(mesh, client), hosts, owner)


def takes_any(mesh: Mesh, limits: tuple[Import, ...], hosts: Iterable[str], owner: str) -> bool:
    """Whether these limits let one of the hosts in that an object of the namespace `owner` speaks of; none lets all in."""
    return not limits or any(_takes(mesh, limits, host, owner) for host in hosts)


def _takes(mesh: Mesh, limits: tuple[Import, ...], host: str, owner: str) -> bool:
    name = long_name(mesh, host, owner)
    suffix = f".svc.{mesh.cluster.domain}"
    # a name outside the cluster belongs to the namespace of the object that says it
    where = name.removesuffix(suffix).rpartition(".")[2] if name.endswith(suffix) else owner
    hits = [e.is_left_out for e in limits if e.namespace in ("*", where) and _means(e.host, name, suffix)]
    return bool(hits) and not any(hits)


def _means(pattern: str, name: str, suffix: str) -> bool:
    """Whether an egress host means a full name; a rule for a wildcard is imported with any host that it covers."""
    if matches(pattern, name) or (name.startswith("*") and matches(name, pattern)):
        return True
    service, _, _ = name.removesuffix(suffix).partition(".")
    return name.endswith(suffix) and pattern in (service, name.removesuffix(suffix), name.removesuffix(suffix) + ".svc")


def hosts_of(thing: Exported) -> tuple[str, ...]:
    """The hosts that an object speaks of."""
    if isinstance(thing, DestinationRule):
        return (thing.spec.host,)
    if isinstance(thing, Service):
        return (thing.name,)
    return thing.spec.hosts


def seen_together(mesh: Mesh, one: Exported, other: Exported) -> bool:
    """Whether some proxies are told of both: by exportTo, and by what their namespace imports."""
    if not meet(mesh, one, other):
        return False
    if not _defaults(mesh):
        return True
    return any(_is_told(mesh, client, one) and _is_told(mesh, client, other) for client in _clients(mesh, one, other))


def _is_told(mesh: Mesh, client: str, thing: Exported) -> bool:
    return sees(mesh, client, thing) and is_imported(mesh, client, hosts_of(thing), thing.namespace)


def _clients(mesh: Mesh, one: Exported, other: Exported) -> Iterable[str]:
    """The namespaces with proxies: those with workloads or a Sidecar, the ones that import everything first.

    Where no workload is known but a Sidecar for all namespaces is, the namespaces of the two objects.
    """
    known: tuple[str, ...] | None = mesh.memo.get("client namespaces")
    if known is None:
        busy = {ns for kind in RUNNING if mesh.state(kind) in USABLE for ns in mesh[kind].namespaces}
        found = sorted(busy | _defaults(mesh).keys(), key=lambda ns: (bool(imports(mesh, ns)), ns))
        if not busy and mesh.mesh_config.root_namespace in _defaults(mesh):
            return {one.namespace, other.namespace}
        known = mesh.memo["client namespaces"] = tuple(found)
    return known
