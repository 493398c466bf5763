"""Hosts: short names, wildcards, and which Services and ServiceEntries a host means.

Source: istio.io, VirtualService reference, `Destination.host` (short names resolve in the rule's own namespace).
"""

from __future__ import annotations

import msgspec

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry

DOMAIN = "cluster.local"
EXPORT_TO = "networking.istio.io/exportTo"


def fqdn(host: str, namespace: str) -> str:
    """The full name that a host in an object of that namespace means: `cart` is `cart.NAMESPACE.svc.cluster.local`.

    A name with a dot is taken as it stands, as Istio does, but for `NAME.NAMESPACE.svc`, which lacks the domain only.
    """
    if not host or "*" in host or "/" in host:
        return host
    if "." not in host:
        return f"{host}.{namespace}.svc.{DOMAIN}"
    return f"{host}.{DOMAIN}" if host.count(".") == 2 and host.endswith(".svc") else host


def matches(pattern: str, host: str) -> bool:
    """Whether a host pattern (exact, `*`, `*.suffix`) covers a host; a wildcard host is covered by a wider wildcard."""
    pattern, host = pattern.lower(), host.lower()
    if pattern in {"*", host}:
        return True
    return pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether some name is covered by both patterns."""
    return matches(one, other) or matches(other, one)


class Registered(msgspec.Struct, frozen=True):
    """One thing that a host stands for: a Service, or a ServiceEntry that lists it."""

    host: str
    namespace: str
    origin: Service | ServiceEntry

    @property
    def ports(self) -> tuple[int, ...]:
        if isinstance(self.origin, Service):
            return tuple(p.port for p in self.origin.spec.ports)
        return tuple(p.number for p in self.origin.spec.ports)


def service_host(service: Service) -> str:
    """`NAME.NAMESPACE.svc.cluster.local`."""
    return f"{service.name}.{service.namespace}.svc.{DOMAIN}"


def registry(mesh: Mesh) -> dict[str, tuple[Registered, ...]]:
    """Every host of the service registry, exact and wildcard, to what it stands for. Built once a snapshot."""
    known: dict[str, tuple[Registered, ...]] | None = mesh.memo.get("registry")
    if known is None:
        lists: dict[str, list[Registered]] = {}
        for service in mesh[Service].everywhere():
            host = service_host(service)
            lists.setdefault(host, []).append(Registered(host, service.namespace, service))
        for entry in mesh[ServiceEntry].everywhere():
            for host in entry.spec.hosts:
                lists.setdefault(host.lower(), []).append(Registered(host.lower(), entry.namespace, entry))
        known = mesh.memo["registry"] = {h: tuple(r) for h, r in lists.items()}
    return known


def resolve(mesh: Mesh, host: str, namespace: str) -> tuple[Registered, ...]:
    """What a host in an object of that namespace stands for: exact first, else wildcards that cover it or that it covers."""
    name = fqdn(host, namespace).lower()
    hosts = registry(mesh)
    if name in hosts:
        return hosts[name]
    wild = [r for h, found in hosts.items() if "*" in h or "*" in name for r in found if overlap(h, name)]
    return tuple(wild)


def service_of(mesh: Mesh, host: str, namespace: str) -> Service | None:
    """The Kubernetes Service that a host means, seen from an object of that namespace."""
    name = fqdn(host, namespace)
    parts = name.split(".")
    if len(parts) < 3 or parts[2] != "svc" or not name.endswith(f".svc.{DOMAIN}"):
        return None
    return mesh[Service].get(parts[1], parts[0])


def exported_to(thing: KubernetesObject, own: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Where an object is visible: its exportTo (or the annotation of a Service), the mesh's default, else everywhere."""
    said = thing.annotations.get(EXPORT_TO, "")
    wanted = own or tuple(w.strip() for w in said.split(",") if w.strip()) or default
    return tuple(thing.namespace if w == "." else w for w in wanted) or ("*",)


def visible(thing: KubernetesObject, to: str, own: tuple[str, ...] = (), default: tuple[str, ...] = ()) -> bool:
    """Whether an object is visible to a namespace (`~` is nowhere)."""
    where = exported_to(thing, own, default)
    return "*" in where or to in where
