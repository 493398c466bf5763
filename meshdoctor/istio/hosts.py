"""Hosts: short names, wildcards, and which Services and ServiceEntries a host means.

Source: istio.io, VirtualService reference, `Destination.host` (short names resolve in the rule's own namespace).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import msgspec

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import ServiceEntry

T = TypeVar("T")
DOMAIN = "cluster.local"  # where nothing else is said
EXPORT_TO = "networking.istio.io/exportTo"


def fqdn(host: str, namespace: str, domain: str = DOMAIN) -> str:
    """The full name that a host in an object of that namespace means: `cart` is `cart.NAMESPACE.svc.cluster.local`.

    A name with a dot is taken as it stands, as Istio does, but for `NAME.NAMESPACE.svc`, which lacks the domain only.
    """
    if not host or "*" in host or "/" in host:
        return host
    if "." not in host:
        return f"{host}.{namespace}.svc.{domain}"
    return f"{host}.{domain}" if host.count(".") == 2 and host.endswith(".svc") else host


def long_name(mesh: Mesh, host: str, namespace: str) -> str:
    """The full name, in small letters, that a writer means: as `fqdn`, and `NAME.NAMESPACE` is a Service's name too.

    Istio itself takes `NAME.NAMESPACE` for a name outside the cluster; who writes it means the Service.
    """
    first, dot, rest = host.partition(".")
    if dot and "." not in rest and first != "*" and (rest == namespace or rest in known_namespaces(mesh)):
        return f"{host}.svc.{mesh.cluster.domain}".lower()
    return fqdn(host, namespace, mesh.cluster.domain).lower()


def known_namespaces(mesh: Mesh) -> frozenset[str]:
    """The names of the namespaces that were seen: as objects, or as the place of a Service."""
    known: frozenset[str] | None = mesh.memo.get("namespaces")
    if known is None:
        names = {n.name for n in mesh[Namespace]} if mesh.state(Namespace) in USABLE else set()
        names |= set(mesh[Service].namespaces) if mesh.state(Service) in USABLE else set()
        known = mesh.memo["namespaces"] = frozenset(names)
    return known


def matches(pattern: str, host: str) -> bool:
    """Whether a host pattern (exact, `*`, `*.suffix`) covers a host; a wildcard host is covered by a wider wildcard."""
    pattern, host = pattern.lower(), host.lower()
    if pattern in {"*", host}:
        return True
    return pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether some name is covered by both patterns."""
    return matches(one, other) or matches(other, one)


class Patterns(Generic[T]):
    """Things by host pattern, so that those which cover a host are found without looking at all of them."""

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, list[T]] = {}
        self._odd: list[tuple[str, T]] = []  # wildcards within a label, such as `*shop.example.com`
        for host, value in ((h.lower(), v) for h, v in pairs):
            self._exact.setdefault(host, []).append(value)
            if host.startswith("*") and host != "*" and not host.startswith("*."):
                self._odd.append((host, value))

    def equal(self, host: str) -> list[T]:
        return self._exact.get(host.lower(), [])

    def covering(self, host: str) -> Iterator[T]:
        """The things whose pattern covers a host (or is it), the most specific first."""
        host = host.lower()
        yield from self._exact.get(host, ())
        rest = host.removeprefix("*.") if host.startswith("*.") else host
        while "." in rest:
            rest = rest.partition(".")[2]
            yield from self._exact.get(f"*.{rest}", ())
        yield from (value for pattern, value in self._odd if pattern != host and matches(pattern, host))
        if host != "*":
            yield from self._exact.get("*", ())


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


def service_host(service: Service, domain: str = DOMAIN) -> str:
    """`NAME.NAMESPACE.svc.cluster.local`."""
    return f"{service.name}.{service.namespace}.svc.{domain}"


def registry(mesh: Mesh) -> dict[str, tuple[Registered, ...]]:
    """Every host of the service registry, exact and wildcard, to what it stands for. Built once a snapshot."""
    known: dict[str, tuple[Registered, ...]] | None = mesh.memo.get("registry")
    if known is None:
        lists: dict[str, list[Registered]] = {}
        for service in mesh[Service].everywhere():
            host = service_host(service, mesh.cluster.domain)
            lists.setdefault(host, []).append(Registered(host, service.namespace, service))
        for entry in mesh[ServiceEntry].everywhere():
            for host in entry.spec.hosts:
                lists.setdefault(host.lower(), []).append(Registered(host.lower(), entry.namespace, entry))
        known = mesh.memo["registry"] = {h: tuple(r) for h, r in lists.items()}
    return known


def resolve(mesh: Mesh, host: str, namespace: str) -> tuple[Registered, ...]:
    """What a host in an object of that namespace stands for: exact first, else wildcards that cover it or that it covers."""
    return registered(mesh, fqdn(host, namespace, mesh.cluster.domain).lower())


def registered(mesh: Mesh, name: str) -> tuple[Registered, ...]:
    """What a full name stands for."""
    hosts = registry(mesh)
    if name in hosts:
        return hosts[name]
    if "*" in name:
        return tuple(r for h, found in hosts.items() for r in found if overlap(h, name))
    wild: Patterns[Registered] | None = mesh.memo.get("wildcards")
    if wild is None:
        wild = mesh.memo["wildcards"] = Patterns((h, r) for h, found in hosts.items() if "*" in h for r in found)
    return tuple(wild.covering(name))


def service_of(mesh: Mesh, host: str, namespace: str) -> Service | None:
    """The Kubernetes Service that a host means, seen from an object of that namespace."""
    domain = mesh.cluster.domain
    name = fqdn(host, namespace, domain)
    parts = name.split(".")
    if len(parts) < 3 or parts[2] != "svc" or not name.endswith(f".svc.{domain}"):
        return None
    return mesh[Service].get(parts[1], parts[0])


def exported_to(thing: KubernetesObject, own: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Where an object is visible: its exportTo (or the annotation of a Service), the mesh's default, else everywhere."""
    said = thing.annotations.get(EXPORT_TO, "")
    wanted = own or tuple(w.strip() for w in said.split(",") if w.strip()) or default
    return tuple(thing.namespace if w == "." else w for w in wanted) or ("*",)
