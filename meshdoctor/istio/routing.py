"""Routes: where VirtualServices send requests, who follows them, and which DestinationRule and subsets apply.

Sources: istio.io, VirtualService and DestinationRule references; "DestinationRule lookup path" in Traffic Management
Problems (client's namespace, service's namespace, root namespace: the first that has one, wins).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio import gateways as gw
from meshdoctor.istio.hosts import DOMAIN, Patterns, Registered, fqdn, long_name, matches, resolve
from meshdoctor.istio.visibility import EVERYWHERE, exports, sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import (
    Destination,
    DestinationRule,
    HTTPMatchRequest,
    HTTPRoute,
    L4Match,
    L4Route,
    StringMatch,
    Subset,
    VirtualService,
)


class Route(msgspec.Struct, frozen=True):
    """One destination of a VirtualService. `path` is where it stands; `gateways` is who follows it."""

    virtual_service: VirtualService
    destination: Destination
    path: str
    gateways: tuple[str, ...]
    is_mirror: bool = False
    is_idle: bool = False  # weight 0 beside others that have some
    domain: str = DOMAIN

    @property
    def host(self) -> str:
        """The full name: short names resolve in the namespace of the VirtualService."""
        return fqdn(self.destination.host, self.virtual_service.namespace, self.domain).lower()

    @property
    def subset(self) -> str:
        return self.destination.subset


def destinations(virtual_service: VirtualService, domain: str = DOMAIN) -> Iterator[Route]:
    """Every destination of its http, tls and tcp rules, mirrors too."""
    spec = virtual_service.spec
    for i, http in enumerate(spec.http):
        path = f"spec.http[{i}]"
        yield from _weighted(virtual_service, http, path, domain)
        followers = _followers(virtual_service, http)
        if http.mirror:
            yield Route(virtual_service, http.mirror, f"{path}.mirror", followers, is_mirror=True, domain=domain)
        for j, mirror in enumerate(http.mirrors):
            at = f"{path}.mirrors[{j}].destination"
            yield Route(virtual_service, mirror.destination, at, followers, is_mirror=True, domain=domain)
    for kind, rules in (("tls", spec.tls), ("tcp", spec.tcp)):
        for i, rule in enumerate(rules):
            yield from _weighted(virtual_service, rule, f"spec.{kind}[{i}]", domain)


def _weighted(virtual_service: VirtualService, rule: HTTPRoute | L4Route, path: str, domain: str) -> Iterator[Route]:
    total = sum(r.weight for r in rule.route)
    followers = _followers(virtual_service, rule)
    for j, each in enumerate(rule.route):
        idle = total > 0 and each.weight == 0
        at = f"{path}.route[{j}].destination"
        yield Route(virtual_service, each.destination, at, followers, is_idle=idle, domain=domain)


def _followers(virtual_service: VirtualService, rule: HTTPRoute | L4Route) -> tuple[str, ...]:
    """The gateways (`mesh` among them) whose proxies follow a rule: its matches' own, else the VirtualService's."""
    if not rule.match:
        return gw.gateway_names(virtual_service)
    names = (n for m in rule.match for n in gw.gateway_names(virtual_service, m.gateways or None))
    return tuple(dict.fromkeys(names))


def routes_to(mesh: Mesh, host: str) -> tuple[Route, ...]:
    """Every destination, in all VirtualServices, that means this host."""
    virtual_services = mesh[VirtualService].everywhere()
    known: dict[str, list[Route]] | None = mesh.memo.get("routes by host")
    if known is None:
        known = mesh.memo["routes by host"] = {}
        for virtual_service in virtual_services:
            for route in destinations(virtual_service, mesh.cluster.domain):
                known.setdefault(route.host, []).append(route)
    return tuple(known.get(host.lower(), ()))


def virtual_services_for(mesh: Mesh, host: str) -> tuple[VirtualService, ...]:
    """The VirtualServices that name a host, in full and exactly."""
    virtual_services = mesh[VirtualService]
    known: dict[str, list[VirtualService]] | None = mesh.memo.get("virtual services by host")
    if known is None:
        known = mesh.memo["virtual services by host"] = {}
        for each in virtual_services:
            for name in dict.fromkeys(h.lower() for h in each.spec.hosts):
                known.setdefault(name, []).append(each)
    return tuple(known.get(host.lower(), ()))


def delegate_of(mesh: Mesh, root: VirtualService, rule: HTTPRoute) -> VirtualService | None:
    """The VirtualService a rule delegates to."""
    if rule.delegate is None:
        return None
    return mesh[VirtualService].get(rule.delegate.namespace or root.namespace, rule.delegate.name)


def roots(mesh: Mesh, delegate: VirtualService) -> tuple[VirtualService, ...]:
    """The VirtualServices that delegate to this one."""
    known: dict[tuple[str, str], list[VirtualService]] | None = mesh.memo.get("delegates")
    if known is None:
        known = mesh.memo["delegates"] = {}
        for root in mesh[VirtualService].everywhere():
            for rule in root.spec.http:
                if rule.delegate:
                    key = (rule.delegate.namespace or root.namespace, rule.delegate.name)
                    known.setdefault(key, []).append(root)
    return tuple(known.get((delegate.namespace, delegate.name), ()))


def client_namespaces(mesh: Mesh, route: Route) -> tuple[str, ...]:
    """Namespaces whose proxies surely follow a route: those it is exported to by name (for `*`: its own), and
    those of the gateways' pods. For a delegate, those of what delegates to it."""
    virtual_service = route.virtual_service
    if virtual_service.spec.hosts:
        return _clients(mesh, virtual_service, route.gateways)
    found = (ns for root in roots(mesh, virtual_service) for ns in _clients(mesh, root, gw.gateway_names(root)))
    return tuple(dict.fromkeys(found))


def _clients(mesh: Mesh, virtual_service: VirtualService, followers: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for name in followers:
        if name == gw.MESH:
            where = exports(mesh, virtual_service)
            found += [virtual_service.namespace] if EVERYWHERE in where else [w for w in where if w != "~"]
            continue
        gateway = gw.gateway_of(mesh, name)
        if gateway is not None:
            pods = gw.gateway_pods_of(mesh, gateway)
            found += [p.namespace for p in pods if sees(mesh, p.namespace, virtual_service)]
    return tuple(dict.fromkeys(found))


def destination_rules(mesh: Mesh, host: str, client: str, owners: tuple[str, ...]) -> tuple[DestinationRule, ...]:
    """The DestinationRules that a client in that namespace uses for a host whose Service (or entry) is in `owners`.

    The first of the client's namespace, the service's and the root namespace that has a visible rule; of its rules
    those with the most specific host (several of one host are merged).
    """
    root = mesh.mesh_config.root_namespace
    steps = [(client,)] if client != root else []
    for namespaces in (*steps, owners, (root,)):
        seen = [r for ns in namespaces for r in rules_within(mesh, ns).covering(host) if sees(mesh, client, r)]
        if seen:
            exact = max(_specific(r) for r in seen)
            return tuple(r for r in seen if _specific(r) == exact)
    return ()


def rules_within(mesh: Mesh, namespace: str) -> Patterns[DestinationRule]:
    """The DestinationRules of a namespace by their full hosts."""
    rules = mesh[DestinationRule].within(namespace)
    key = ("destination rules", namespace)
    known: Patterns[DestinationRule] | None = mesh.memo.get(key)
    if known is None:
        known = mesh.memo[key] = Patterns((rule_host(r, mesh.cluster.domain), r) for r in rules)
    return known


def rules_of(mesh: Mesh) -> Patterns[DestinationRule]:
    """The DestinationRules of all namespaces that were seen, by the full hosts that they mean."""
    rules = mesh[DestinationRule]
    known: Patterns[DestinationRule] | None = mesh.memo.get("destination rules")
    if known is None:
        pairs = ((long_name(mesh, r.spec.host, r.namespace), r) for r in rules)
        known = mesh.memo["destination rules"] = Patterns(pairs)
    return known


def rule_host(rule: DestinationRule, domain: str = DOMAIN) -> str:
    """The full name of its host."""
    return fqdn(rule.spec.host, rule.namespace, domain).lower()


def _specific(rule: DestinationRule) -> tuple[bool, int]:
    wild = rule.spec.host.startswith("*")
    return not wild, len(rule.spec.host) if wild else 0


def subsets(mesh: Mesh, host: str, client: str, owners: tuple[str, ...]) -> dict[str, tuple[DestinationRule, Subset]]:
    """The subsets of a host that a client in that namespace knows, by name."""
    rules = destination_rules(mesh, host, client, owners)
    return {s.name: (r, s) for r in rules for s in r.spec.subsets}


def owners_of(found: tuple[Registered, ...]) -> tuple[str, ...]:
    """The namespaces of what a host stands for."""
    return tuple(dict.fromkeys(r.namespace for r in found))


def services_for(mesh: Mesh, host: str, namespace: str) -> tuple[Service, ...]:
    """The Kubernetes Services that a host written in that namespace means."""
    return tuple(r.origin for r in resolve(mesh, host, namespace) if isinstance(r.origin, Service))


def covers(earlier: HTTPMatchRequest, later: HTTPMatchRequest, gateways: tuple[str, ...]) -> bool:
    """Whether every request that the later match takes is taken by the earlier one. `gateways` are the rule's own."""
    return (
        _covers_uri(earlier, later)
        and all(
            one is None or _same(one, other)
            for one, other in (
                (earlier.scheme, later.scheme),
                (earlier.method, later.method),
                (earlier.authority, later.authority),
            )
        )
        and _within(earlier.headers, later.headers)
        and _within(earlier.without_headers, later.without_headers)
        and _within(earlier.query_params, later.query_params)
        and _covers_source(earlier, later, gateways)
    )


def covers_l4(earlier: L4Match, later: L4Match, gateways: tuple[str, ...]) -> bool:
    """The same for tls and tcp matches."""
    names = not earlier.sni_hosts or (
        bool(later.sni_hosts) and all(any(matches(e, n) for e in earlier.sni_hosts) for n in later.sni_hosts)
    )
    nets = not earlier.destination_subnets or set(later.destination_subnets) == set(earlier.destination_subnets)
    return names and nets and _covers_source(earlier, later, gateways)


def _covers_source(earlier: HTTPMatchRequest | L4Match, later: HTTPMatchRequest | L4Match, gateways: tuple[str, ...]) -> bool:
    return (
        earlier.port in (0, later.port)
        and earlier.source_namespace in ("", later.source_namespace)
        and earlier.source_labels.items() <= later.source_labels.items()
        and (not earlier.gateways or set(later.gateways or gateways) <= set(earlier.gateways))
    )


def _covers_uri(earlier: HTTPMatchRequest, later: HTTPMatchRequest) -> bool:
    one, other = earlier.uri, later.uri
    if one is None or one.prefix == "/" or one.regex in {"*", ".*"}:
        return True
    if other is None:
        return False
    if one.prefix is not None and earlier.ignore_uri_case == later.ignore_uri_case:
        path = other.prefix if other.prefix is not None else other.exact
        return path is not None and path.startswith(one.prefix)
    return earlier.ignore_uri_case == later.ignore_uri_case and _same(one, other)


def _same(one: StringMatch, other: StringMatch | None) -> bool:
    return other is not None and (one.exact, one.prefix, one.regex) == (other.exact, other.prefix, other.regex)


def _within(earlier: dict[str, StringMatch], later: dict[str, StringMatch]) -> bool:
    return all(name in later and _same(match, later[name]) for name, match in earlier.items())
