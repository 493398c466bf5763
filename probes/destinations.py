"""What routes say of their destinations beside the host: ports, weights, the same one twice, what clients may see."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.gateways import MESH, gateway_of
from meshdoctor.istio.hosts import Registered, long_name, resolve
from meshdoctor.istio.routing import Route, destinations
from meshdoctor.istio.visibility import meant, sees
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, HTTPRoute, L4Route, ServiceEntry, VirtualService
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


@probe(
    "MD5101",
    over=VirtualService,
    needs=(VirtualService, Service, ServiceEntry, Namespace),
    title="A route leads to a host that is not exported to it",
    severity="low",
    codes=("IST0101", "KIA1101"),
)
def destination_not_exported(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A destination's Service or ServiceEntry is there, but not for the namespaces that the VirtualService is for."""
    namespace = virtual_service.namespace
    scopes = [namespace if s == "." else s for s in virtual_service.spec.export_to if s != "*"] or [namespace]
    for route in destinations(virtual_service, mesh.cluster.domain):
        found = meant(mesh, route.host, namespace) if route.host else ()
        said = {
            "IST0101": not any(sees(mesh, scope, r.origin) for r in found for scope in scopes),
            "KIA1101": not route.is_mirror and not any(sees(mesh, namespace, r.origin) for r in found),
        }
        codes = [code for code, says in said.items() if says]
        if found and codes:
            yield fail(
                virtual_service,
                f"it routes to {route.host}, which is not exported to {', '.join(scopes)}",
                at=f"{route.path}.host",
                also=[r.origin for r in found],
                codes=codes,
            )


@probe(
    "MD5102",
    over=VirtualService,
    needs=(VirtualService, Service, ServiceEntry),
    codes=("IST0101",),
    title="A route names a port that its host does not have",
    severity="high",
)
def no_such_port(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A destination's port is no port of its Service or ServiceEntry: Envoy has no such cluster and answers 503."""
    for route in destinations(virtual_service, mesh.cluster.domain):
        wanted = route.destination.port.number if route.destination.port else 0
        ports = _ports(resolve(mesh, route.host, virtual_service.namespace)) if wanted else ()
        if ports and wanted not in ports:
            yield fail(
                virtual_service,
                f"it routes to port {wanted} of {route.host}, which has {', '.join(map(str, ports))}",
                at=f"{route.path}.port.number",
                severity="low" if route.is_idle else None,
                also=[r.origin for r in resolve(mesh, route.host, virtual_service.namespace)],
            )


def _ports(found: tuple[Registered, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(p for r in found for p in r.ports))


@probe("RT-006", over=VirtualService, needs=(VirtualService, Service, ServiceEntry, Gateway, Pod))
def port_left_open(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A destination names no port and its Service has several: the port that the request came in on is taken.

    That works where the Service has that port too: little is at stake then.
    """
    for route in destinations(virtual_service, mesh.cluster.domain):
        if not route.host or route.destination.port:
            continue
        found = meant(mesh, route.host, virtual_service.namespace)
        ports = _ports(found)
        if len(ports) > 1:
            lost = sorted(_incoming(mesh, route) - set(ports))
            yield fail(
                virtual_service,
                f"it routes to {route.host} without a port, which has {', '.join(map(str, ports))}",
                at=route.path,
                why=f"requests come in on {', '.join(map(str, lost))}, which it does not have" if lost else "",
                severity=None if lost else "low",
                also=[r.origin for r in found],
            )


def _incoming(mesh: Mesh, route: Route) -> set[int]:
    """The ports that requests of a route come in on: of its gateways' servers, and of the hosts it is for."""
    ports: set[int] = set()
    for name in route.gateways:
        if name == MESH:
            hosts = route.virtual_service.spec.hosts
            ports.update(p for h in hosts for p in _ports(resolve(mesh, h, route.virtual_service.namespace)) if "*" not in h)
        elif gateway := gateway_of(mesh, name):
            ports.update(s.port.number for s in gateway.spec.servers)
    return ports


@probe(
    "MD5105",
    over=VirtualService,
    needs=(VirtualService,),
    codes=("KIA1104",),
    title="A single destination has a weight below 100",
    severity="info",
)
def weight_without_effect(_mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """The only destination of a route has a weight: it gets all requests whatever it says."""
    for path, rule in _rules(virtual_service):
        if len(rule.route) == 1 and 0 < rule.route[0].weight < 100:
            at = f"{path}.route[0].weight"
            yield fail(
                virtual_service,
                f"its only destination has weight {rule.route[0].weight}, and gets all requests",
                at=at,
                evidence=(quote(virtual_service, at, rule.route[0].weight),),
            )


def _rules(virtual_service: VirtualService) -> Iterator[tuple[str, HTTPRoute | L4Route]]:
    spec = virtual_service.spec
    named: dict[str, tuple[HTTPRoute | L4Route, ...]] = {"http": spec.http, "tcp": spec.tcp, "tls": spec.tls}
    for kind, rules in named.items():
        yield from ((f"spec.{kind}[{i}]", rule) for i, rule in enumerate(rules))


@probe(
    "MD5106",
    over=VirtualService,
    needs=(VirtualService, Service, Namespace),
    codes=("KIA1105",),
    title="A route names one destination twice",
    severity="low",
)
def destination_named_twice(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """Two destinations of a route have the same host, subset and port: one of them is most likely meant to be another."""
    for path, rule in _rules(virtual_service):
        places: dict[tuple[str, str, int], list[int]] = {}
        for j, each in enumerate(rule.route):
            to = each.destination
            host = long_name(mesh, to.host, virtual_service.namespace)
            places.setdefault((host, to.subset, to.port.number if to.port else 0), []).append(j)
        for (host, subset, _), those in places.items():
            for j in those if len(those) > 1 and host else ():
                yield fail(
                    virtual_service,
                    f"{subset or 'no subset'} of {host} is the destination of {len(those)} shares of one route",
                    at=f"{path}.route[{j}].host",
                    evidence=(quote(virtual_service, f"{path}.route[{j}].destination", host),),
                )


@probe("RT-007", needs=(VirtualService, Service, Namespace))
def split_not_at_the_gateway(mesh: Mesh) -> Iterator[Draft]:
    """A VirtualService of a gateway routes to a host as a whole, while another one of the mesh splits it into subsets.

    A gateway follows its own rules only: requests from outside are not split.
    """
    splits: dict[str, VirtualService] = {}
    for each in mesh[VirtualService].everywhere():
        own = {long_name(mesh, h, each.namespace) for h in each.spec.hosts}
        for http in each.spec.http:
            for to in (r.destination for r in http.route):
                if to.subset and long_name(mesh, to.host, each.namespace) in own:
                    splits.setdefault(long_name(mesh, to.host, each.namespace), each)
    for each in mesh[VirtualService]:
        for i, http in enumerate(each.spec.http if set(each.spec.gateways) - {MESH} else ()):
            for j, to in enumerate(r.destination for r in http.route):
                other = splits.get(long_name(mesh, to.host, each.namespace)) if to.host and not to.subset else None
                if other is not None and other is not each:
                    yield fail(
                        each,
                        f"requests through its gateways are not split as {other.subject} splits {to.host}",
                        at=f"spec.http[{i}].route[{j}].destination.host",
                        severity="low",  # it may be meant so
                        also=(other,),
                    )
