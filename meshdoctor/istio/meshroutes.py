"""What the sidecars of a namespace do with requests for a host: the route table that a VirtualService or HTTPRoutes make."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from meshdoctor.istio.gatewayapi import parent_of
from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import Patterns, Registered, fqdn, registered, service_host
from meshdoctor.istio.imports import is_imported
from meshdoctor.istio.protocols import HTTP, protocol_at
from meshdoctor.istio.routetable import KINDS, Kind, Table, age, entries_of, everything
from meshdoctor.istio.routetable_gatewayapi import entries_of_routes
from meshdoctor.istio.routewords import short_host
from meshdoctor.istio.visibility import sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.gatewayapi import HTTPRoute
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import VirtualService


def mesh_table(mesh: Mesh, host: str, client: str) -> Table:
    """The table for a full host name in the sidecars of a namespace; the oldest VirtualService (or HTTPRoutes) decides."""
    known = known_to(mesh, host, client)
    kinds = _kinds(known)
    name = short_host(mesh, host)
    defaults = tuple(everything(k, f"{name}, any pod", known[0].origin.subject) for k in kinds) if known else ()
    told = _told(mesh, host, client)
    routes = sorted(routes_of_host(mesh, host), key=age) if known else []
    if told and not (routes and age(routes[0]) < age(told[0])):
        ignored = tuple(t.subject for t in (*told[1:], *routes))
        return Table(tuple(entries_of(mesh, told[0], MESH, kinds, client=client)), defaults, ignored)
    return Table(entries_of_routes(routes), defaults, tuple(v.subject for v in told))


def _kinds(known: Iterable[Registered]) -> tuple[Kind, ...]:
    """The kinds of rules that its ports ask; all of them where it has none, or is not known."""
    names = {protocol_at((r,), p).name for r in known for p in r.ports}
    asked: list[Kind] = ["http"] if names & {*HTTP, "auto"} else []
    return (*asked, *KINDS[1:]) if names - set(HTTP) else tuple(asked) or KINDS


def known_to(mesh: Mesh, host: str, client: str) -> list[Registered]:
    """What a host stands for that the proxies of a namespace are told of, by exportTo and their Sidecar."""
    seen = (r for r in registered(mesh, host) if sees(mesh, client, r.origin))
    return [r for r in seen if is_imported(mesh, client, (r.host,), r.namespace)]


def mesh_hosts(mesh: Mesh, virtual_service: VirtualService) -> tuple[str, ...]:
    """The full names of the hosts whose requests from sidecars a VirtualService may decide."""
    hosts = (fqdn(h, virtual_service.namespace, mesh.cluster.domain).lower() for h in virtual_service.spec.hosts)
    return tuple(dict.fromkeys(hosts)) if is_for_mesh(virtual_service) else ()


def is_for_mesh(virtual_service: VirtualService) -> bool:
    """Whether sidecars follow it, or a rule of it."""
    spec = virtual_service.spec
    named = (m.gateways for rules in (spec.http, spec.tls, spec.tcp) for r in rules for m in r.match if m.gateways)
    return any(MESH in gateway_names(virtual_service, names) for names in (spec.gateways, *named))


def _told(mesh: Mesh, host: str, client: str) -> list[VirtualService]:
    """The VirtualServices of the most specific name for a host that the namespace is told of, the oldest first."""
    told = (
        (pattern, v)
        for pattern, v in _by_host(mesh).covering(host)
        if sees(mesh, client, v) and is_imported(mesh, client, mesh_hosts(mesh, v), v.namespace)
    )
    first = next(told, None)
    if first is None:
        return []
    return sorted((first[1], *(v for _, v in takewhile(lambda p: p[0] == first[0], told))), key=age)


def _by_host(mesh: Mesh) -> Patterns[tuple[str, VirtualService]]:
    virtual_services = mesh[VirtualService].everywhere()
    known: Patterns[tuple[str, VirtualService]] | None = mesh.memo.get("virtual services for sidecars by host")
    if known is None:
        known = Patterns((host, (host, v)) for v in virtual_services for host in mesh_hosts(mesh, v))
        mesh.memo["virtual services for sidecars by host"] = known
    return known


def routes_of_host(mesh: Mesh, host: str) -> list[HTTPRoute]:
    """The HTTPRoutes whose parent is the Service of that name."""
    if mesh.state(HTTPRoute) not in USABLE:
        return []
    known: dict[str, list[HTTPRoute]] | None = mesh.memo.get("http routes by host")
    if known is None:
        known = mesh.memo["http routes by host"] = {}
        for route in mesh[HTTPRoute]:
            for name in service_parents(mesh, route):
                known.setdefault(name, []).append(route)
    return known.get(host, [])


def service_parents(mesh: Mesh, route: HTTPRoute) -> tuple[str, ...]:
    """The hosts of the Services that a route is for."""
    parents = (parent_of(route, r) for r in route.spec.parent_refs if r.kind == "Service")
    services = (mesh[Service].get(p.namespace, p.name) for p in parents)
    return tuple(service_host(s, mesh.cluster.domain) for s in services if s is not None)
