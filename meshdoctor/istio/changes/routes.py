"""Requests that another rule would answer, or none: at gateways by host and port, in sidecars by host and namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshdoctor.istio.changes.clients import said_of, sidecar_namespaces
from meshdoctor.istio.changes.objects import K, Pair, changed
from meshdoctor.istio.changes.tables import Difference, differences
from meshdoctor.istio.doors import doors
from meshdoctor.istio.hosts import fqdn, matches, registry
from meshdoctor.istio.meshroutes import known_to, mesh_hosts, mesh_table, service_parents
from meshdoctor.istio.routewords import short_host
from meshdoctor.istio.routing import roots
from meshdoctor.model.changes import RouteChange
from meshdoctor.model.gatewayapi import Gateway as K8sGateway
from meshdoctor.model.gatewayapi import HTTPRoute, ReferenceGrant
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, VirtualService


def route_changes(before: Mesh, after: Mesh) -> Iterator[RouteChange]:
    """What changed VirtualServices, HTTPRoutes and Gateways do to the requests for their hosts."""
    services = changed(before, after, VirtualService)
    routes = changed(before, after, HTTPRoute) if _both(before, after, HTTPRoute) else ()
    yield from _in_sidecars(before, after, _mesh_hosts(before, after, services, routes))
    gateways = changed(before, after, Gateway)
    others = [*routes, *(p for k in (K8sGateway, ReferenceGrant) if _both(before, after, k) for p in changed(before, after, k))]
    if services or gateways or others:
        hosts = None if gateways or others else _said_hosts(before, after, services)
        yield from _at_gateways(before, after, hosts)


def _both(before: Mesh, after: Mesh, kind: type[HTTPRoute | K8sGateway | ReferenceGrant]) -> bool:
    return before.state(kind) in USABLE and after.state(kind) in USABLE


def _mesh_hosts(
    before: Mesh, after: Mesh, services: Iterable[Pair[VirtualService]], routes: Iterable[Pair[HTTPRoute]]
) -> tuple[str, ...]:
    """The hosts that sidecars may treat otherwise: for a wildcard also all that it covers."""
    found: dict[str, None] = {}
    for mesh, virtual_service in _sides(before, after, services):
        for each in (virtual_service, *roots(mesh, virtual_service)):
            found.update(dict.fromkeys(mesh_hosts(mesh, each)))
    for mesh, route in _sides(before, after, routes):
        found.update(dict.fromkeys(service_parents(mesh, route)))
    wild = [h for h in found if h.startswith("*")]
    if wild:
        known = {h for mesh in (before, after) for h in registry(mesh)}
        found.update(dict.fromkeys(h for h in sorted(known) if any(matches(w, h) for w in wild)))
    return tuple(found)


def _sides(before: Mesh, after: Mesh, pairs: Iterable[Pair[K]]) -> Iterator[tuple[Mesh, K]]:
    """Each object with the snapshot that it is of."""
    for old, new in pairs:
        if old is not None:
            yield before, old
        if new is not None:
            yield after, new


def _in_sidecars(before: Mesh, after: Mesh, hosts: Iterable[str]) -> Iterator[RouteChange]:
    """By host; namespaces to which the same happens are told of together."""
    everybody = sidecar_namespaces(before, after)
    for host in hosts:
        alike: dict[tuple[str, ...], tuple[list[Difference], list[str]]] = {}
        for client in everybody:
            if known_to(before, host, client) and not known_to(after, host, client):
                continue  # told of as a host that they do not see any more
            found = list(differences(mesh_table(before, host, client), mesh_table(after, host, client)))
            if found:
                alike.setdefault(tuple(d.says for d in found), (found, []))[1].append(client)
        for found, some in alike.values():
            about = f"{short_host(after, host)} ({said_of('sidecars', some, everybody)})"
            yield from (d.change(about=about, host=host, clients=tuple(some)) for d in found)


def _at_gateways(before: Mesh, after: Mesh, hosts: set[str] | None) -> Iterator[RouteChange]:
    """By door and host; a host that is not taken any more is told of as such, not rule by rule."""
    old, new = doors(before), doors(after)
    for place, door in sorted(new.items()):
        former = old.get(place)
        gateway, port = place
        for host in sorted(door.hosts | (former.hosts if former else frozenset())):
            if (hosts is not None and not any(matches(h, host) or matches(host, h) for h in hosts)) or not door.who(host):
                continue
            table = former.table(before, host) if former and former.says(host) else None
            for difference in differences(table, door.table(after, host)):
                about = f"{host} at {gateway} port {port}"
                yield difference.change(about=about, host=host, gateway=gateway, port=port)


def _said_hosts(before: Mesh, after: Mesh, services: Iterable[Pair[VirtualService]]) -> set[str]:
    """The hosts of VirtualServices, and of those that delegate to them, as they are written."""
    found: set[str] = set()
    for mesh, virtual_service in _sides(before, after, services):
        for each in (virtual_service, *roots(mesh, virtual_service)):
            found |= {h.lower() for h in each.spec.hosts} | {fqdn(h, each.namespace, mesh.cluster.domain) for h in each.spec.hosts}
    return found
