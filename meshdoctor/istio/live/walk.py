"""One request through the configuration that a proxy's Envoy has: listener, filter chain, virtual host, route, clusters,
endpoints and what is sent to them. The steps bear the names of those of `meshdoctor.istio.trace`, which reads the YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from meshdoctor.istio.hosts import Registered, long_name, registered
from meshdoctor.istio.live.match import Connection, chain_of, route_of, virtual_host_of
from meshdoctor.istio.live.upstream import cluster_steps
from meshdoctor.istio.matching import Call
from meshdoctor.istio.protocols import protocol_at
from meshdoctor.istio.steps import Step
from meshdoctor.istio.workloads import is_gateway, services_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy_config import EnvoyConfig, FilterChain, Listener, Route, RouteConfig, Weight, Weights
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.sources import Source, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

OUTBOUND = "virtualOutbound"
WILDCARDS = ("0.0.0.0", "[::]", "::")
NO_REQUEST = "0.0.0.0"  # no address that a filter chain would be for
_CONFIG = re.compile(r"/namespaces/([^/]+)/virtual-?service/([^/]+)$")


def walk(mesh: Mesh, config: EnvoyConfig, pod: Pod, call: Call) -> tuple[Step, ...]:
    """The steps of a call from a pod. What was not read is a step that says so; raises Lacks for what was not asked for yet."""
    made: list[Step] = []
    try:
        made.extend(_steps(mesh, config, pod, call))
    except Unseen as unseen:
        made.append(unknown("listener" if not made else "route", unseen.source))
    return tuple(made)


def unknown(name: str, source: Source) -> Step:
    """The step of what was not seen."""
    return Step(name, f"unknown: {source.name}: {source.reason or source.state}", is_unknown=True)


def _steps(mesh: Mesh, config: EnvoyConfig, pod: Pod, call: Call) -> Iterator[Step]:
    connection, names = _aimed(mesh, pod, call)
    there = config.some("listeners", *names)
    listener: Listener | None = next((there[n] for n in names if n in there), None)
    if listener is None:
        says = f"Envoy listens on none of {', '.join(names[:3])}: refused"
        yield Step("listener", says, is_end=True, decides="refused")
        return
    if is_gateway(pod) and any(c.transport_socket for c in listener.filter_chains):
        connection = msgspec.structs.replace(connection, is_tls=True, sni=call.host)
    chain = chain_of(listener, connection)
    yield Step("listener", f"{listener.name}{f', chain {chain.name}' if chain and chain.name else ''}")
    if chain is None:
        yield Step("filter chain", "none takes the connection: closed", is_end=True, decides="closed")
        return
    yield from _through(config, chain, call, connection)


def _aimed(mesh: Mesh, pod: Pod, call: Call) -> tuple[Connection, tuple[str, ...]]:
    """The connection, and the listeners that may take it, the most specific first."""
    if is_gateway(pod):
        targets = [p.target for s in services_of(mesh, pod) for p in s.spec.ports if p.port == call.port]
        ports = dict.fromkeys([*(t for t in targets if isinstance(t, int)), call.port])
        return Connection(port=next(iter(ports))), tuple(f"{w}_{port}" for port in ports for w in WILDCARDS)
    host = long_name(mesh, call.host, call.namespace)
    known = registered(mesh, host)
    is_tls = protocol_at(known, call.port).name in ("https", "tls")
    ips = _addresses(known)
    names = (*(f"{ip}_{call.port}" for ip in ips), *(f"{w}_{call.port}" for w in WILDCARDS), OUTBOUND)
    return Connection(next(iter(ips), NO_REQUEST), call.port, host if is_tls else "", is_tls), names


def _addresses(known: tuple[Registered, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for each in known:
        origin = each.origin
        if isinstance(origin, Service):
            found += [origin.spec.cluster_ip]
        else:
            found += [*origin.spec.addresses, *(a.value for a in origin.status.addresses)]
    return tuple(dict.fromkeys(ip for ip in found if ip not in ("", "None") and "/" not in ip))


def _through(config: EnvoyConfig, chain: FilterChain, call: Call, connection: Connection) -> Iterator[Step]:
    """What the last filter of a chain does with the call."""
    settings = [f.typed_config for f in chain.filters]
    http = next((s for s in settings if s.rds or s.route_config), None)
    tcp = next((s for s in settings if s.cluster or s.weighted_clusters), None)
    if http is not None:
        name = http.rds.route_config_name if http.rds else ""
        routes = config.some("routes", name).get(name) if http.rds else http.route_config
        yield from route_steps(config, routes, name, call, is_tls=connection.is_tls)
    elif tcp is not None:
        yield from _to(config, tcp.cluster, tcp.weighted_clusters)
    else:
        yield Step("filter chain", "it has no filter that leads on", is_unknown=True)


def route_steps(config: EnvoyConfig, routes: RouteConfig | None, name: str, call: Call, *, is_tls: bool = False) -> Iterator[Step]:
    """Virtual host, route, and where it leads to."""
    if routes is None:
        yield Step("virtual host", f"Envoy has no route configuration {name}: 404 NR", is_end=True, decides="404")
        return
    authority = call.host if call.port == (443 if is_tls else 80) else f"{call.host}:{call.port}"
    host = virtual_host_of(routes, authority)
    if host is None:
        yield Step("virtual host", f"none of route {routes.name} is for {authority}: 404 NR", is_end=True, decides="404")
        return
    yield Step("virtual host", f"{host.name} of route {routes.name}")
    if host.require_tls == "ALL" and not is_tls:
        yield Step("answer", "the proxy sends it to https", is_end=True, decides="redirect")
        return
    headers = {":method": call.method, ":authority": authority, ":scheme": "https" if is_tls else "http"}
    chosen = route_of(host.routes, call.path, call.headers | headers)
    if chosen is None:
        yield Step("rule", f"none of its {len(host.routes)} routes takes the request: 404 NR", is_end=True, decides="404")
        return
    yield from _taken(config, *chosen)


def _taken(config: EnvoyConfig, number: int, route: Route) -> Iterator[Step]:
    source = route.metadata.config
    made = _CONFIG.search(source)
    if made:
        subject = Subject(VirtualService.GROUP, VirtualService.KIND, made[1], made[2])
        yield Step("virtual service", f"made of {subject}", subject=subject, decides=str(subject))
    else:
        yield Step(
            "virtual service", f"made of {source}" if source else "of none: the default route", decides="" if source else "none"
        )
    yield Step("rule", f"route {number}{f' {route.name!r}' if route.name else ''} takes it")
    if route.redirect or route.direct_response:
        what = "redirect" if route.redirect else f"{route.direct_response.status if route.direct_response else ''} direct response"
        kind = "redirect" if route.redirect else "direct response"
        yield Step("answer", f"the proxy answers itself ({what}): nobody behind it is asked", is_end=True, decides=kind)
        return
    action = route.route
    if action is None or action.cluster_header:
        says = f"the header {action.cluster_header} names the cluster" if action else "it leads nowhere that is known here"
        yield Step("route", says, is_unknown=True)
        return
    if action.timeout not in ("", "0s"):
        yield Step("rule does", f"timeout {action.timeout}")
    yield from _to(config, action.cluster, action.weighted_clusters)


def _to(config: EnvoyConfig, cluster: str, weights: Weights | None) -> Iterator[Step]:
    several = weights.clusters if weights else (Weight(cluster, 100),)
    total = sum(w.weight for w in several)
    for each in several:
        if each.weight:
            yield from cluster_steps(config, each.name, f"{100 * each.weight / total:.0f}")
