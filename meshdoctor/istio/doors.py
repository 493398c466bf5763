"""Doors into the mesh: the ports of Gateways (Istio's and the Gateway API's), their hosts, and the routes behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from meshdoctor.istio.gatewayapi import allows, parent_of
from meshdoctor.istio.gateways import bound, gateway_pods_of, is_passthrough, is_plain_http, server_hosts, terminates
from meshdoctor.istio.hosts import Patterns, overlap
from meshdoctor.istio.routetable import KINDS, Entry, Kind, Table, age, entries_of, last_ones_last
from meshdoctor.istio.routetable_gatewayapi import entries_of_routes
from meshdoctor.model.gatewayapi import Gateway as K8sGateway
from meshdoctor.model.gatewayapi import HTTPRoute, Listener
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, Server, VirtualService
from meshdoctor.model.subject import Subject

Behind = tuple[str, VirtualService | HTTPRoute]


class Door(msgspec.Struct, frozen=True):
    """One port of one Gateway. `how` is its protocol in words by host; `routes` are what it leads to, by the host they share."""

    gateway: Subject
    port: int
    how: dict[str, str]
    routes: Patterns[Behind]
    kinds: tuple[Kind, ...]
    hosts: frozenset[str]  # those with a route, and those of the Gateway that lead nowhere

    def table(self, mesh: Mesh, host: str) -> Table:
        """The routes for a host: those of the most specific name that covers it."""
        first = next(iter(self.routes.covering(host)), None)
        behind = self.routes.equal(first[0]) if first else []
        scope = f"{self.gateway.namespace}/{self.gateway.name}"
        entries: list[Entry] = []
        for each in sorted((v for _, v in behind if isinstance(v, VirtualService)), key=age):
            entries += entries_of(mesh, each, scope, self.kinds, port=self.port)
        routes = [r for _, r in behind if isinstance(r, HTTPRoute)]
        return Table((*last_ones_last(entries), *entries_of_routes(routes)))

    def who(self, host: str) -> tuple[Subject, ...]:
        """The objects that answer for a host."""
        first = next(iter(self.routes.covering(host)), None)
        return tuple(dict.fromkeys(v.subject for _, v in self.routes.equal(first[0]))) if first else ()

    def says(self, host: str) -> str | None:
        """How it takes a host; None where it does not."""
        found = [how for name, how in self.how.items() if overlap(name, host)]
        return ", ".join(dict.fromkeys(found)) or None


def doors(mesh: Mesh) -> dict[tuple[Subject, int], Door]:
    """Every port of every Gateway that a pod serves. Found once a snapshot."""
    found: dict[tuple[Subject, int], Door] | None = mesh.memo.get("doors")
    if found is None:
        made = [*_istio(mesh), *_gateway_api(mesh)]
        found = mesh.memo["doors"] = {(d.gateway, d.port): d for d in made}
    return found


def _istio(mesh: Mesh) -> Iterator[Door]:
    for gateway in mesh[Gateway].everywhere():
        if not gateway_pods_of(mesh, gateway):
            continue
        virtual_services = tuple(bound(mesh, gateway))
        for port in dict.fromkeys(s.port.number for s in gateway.spec.servers):
            servers = [s for s in gateway.spec.servers if s.port.number == port]
            how = {h.name: _server(s) for s in servers for h in server_hosts(gateway, s)}
            routes = [(h, v) for s in servers for v in virtual_services for h in _shared(gateway, s, v)]
            kinds = tuple(dict.fromkeys(k for s in servers for k in _kinds(s)))
            names = _names(how, routes)
            yield Door(gateway.subject, port, how, Patterns((h, (h, v)) for h, v in routes), kinds, names)


def _names(how: dict[str, str], routes: Sequence[Behind]) -> frozenset[str]:
    led = {h for h, _ in routes}
    return frozenset(led | {name for name in how if not any(overlap(name, h) for h in led)})


def _shared(gateway: Gateway, server: Server, virtual_service: VirtualService) -> Iterator[str]:
    """The hosts that a server and a VirtualService have in common: of each pair the narrower one."""
    names = [h.name for h in server_hosts(gateway, server) if h.namespace in ("*", virtual_service.namespace)]
    found = (narrower(n, h.lower()) for n in names for h in virtual_service.spec.hosts if overlap(n, h))
    yield from dict.fromkeys(found)


def narrower(one: str, other: str) -> str:
    """Of two hosts that overlap the one that covers less."""
    if one.startswith("*") != other.startswith("*"):
        return other if one.startswith("*") else one
    return max(one, other, key=len)


def _kinds(server: Server) -> tuple[Kind, ...]:
    if is_plain_http(server) or terminates(server):
        return ("http",)
    return ("tls", "tcp") if is_passthrough(server) else KINDS[1:]


def _server(server: Server) -> str:
    if server.tls is None:
        return server.port.protocol or "HTTP"
    if server.tls.https_redirect:
        return f"{server.port.protocol} redirected to HTTPS"
    certificate = f" with {', '.join(server.tls.credentials)}" if server.tls.credentials else ""
    return f"{server.port.protocol} {server.tls.mode or 'SIMPLE'}{certificate}"


def _gateway_api(mesh: Mesh) -> Iterator[Door]:
    if mesh.state(K8sGateway) not in USABLE or mesh.state(HTTPRoute) not in USABLE:
        return
    for gateway in mesh[K8sGateway].everywhere():
        attached = [r for r in mesh[HTTPRoute] if any(parent_of(r, p) == gateway.subject for p in r.spec.parent_refs)]
        for port in dict.fromkeys(each.port for each in gateway.spec.listeners):
            listeners = [each for each in gateway.spec.listeners if each.port == port]
            how = {(each.hostname or "*").lower(): _listener(each) for each in listeners}
            routes = [(h, r) for each in listeners for r in attached for h in _attached(mesh, gateway, each, r)]
            names = _names(how, routes)
            yield Door(gateway.subject, port, how, Patterns((h, (h, r)) for h, r in routes), ("http",), names)


def _attached(mesh: Mesh, gateway: K8sGateway, listener: Listener, route: HTTPRoute) -> Iterator[str]:
    """The hosts that a listener takes for a route; none where the route is not for it, or not let in."""
    named = any(
        parent_of(route, p) == gateway.subject and p.section_name in ("", listener.name) and p.port in (None, listener.port)
        for p in route.spec.parent_refs
    )
    if not named or not allows(mesh, gateway, listener, route.namespace):
        return
    own = (listener.hostname or "*").lower()
    found = (narrower(own, h.lower()) for h in route.spec.hostnames or ("*",) if overlap(own, h))
    yield from dict.fromkeys(found)


def _listener(listener: Listener) -> str:
    if listener.tls is None:
        return listener.protocol
    certificates = ", ".join(c.name for c in listener.tls.certificate_refs)
    return f"{listener.protocol} {listener.tls.mode}{f' with {certificates}' if certificates else ''}"
