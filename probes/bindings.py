"""VirtualServices and the gateways that they name."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import GENERATED, MESH, by_gateway, gateway_names, gateway_of, gateway_pods_of, server_hosts, takes
from meshdoctor.istio.hosts import fqdn, matches, overlap, resolve
from meshdoctor.model import gatewayapi as k8s
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import STRONG, Severity
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Gateway, HTTPMatchRequest, Server, ServiceEntry, VirtualService
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


@probe("GW-012", over=VirtualService, needs=(VirtualService, Gateway, k8s.Gateway, Pod, Service, ServiceEntry, Envoy))
def host_not_routed(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A VirtualService names a Gateway that does not exist or does not take its host, or no Gateway though one waits for it."""
    hosts = virtual_service.spec.hosts
    if not hosts:
        return
    named = _named(mesh, virtual_service)
    for i, name, gateway in named:
        if gateway is None:
            says, at = f"names gateway {name}, which does not exist", f"spec.gateways[{i}]"
            # istioctl says of a gateway that does not exist that it has no server for the hosts, too
            codes = ("IST0101", "IST0132", "KIA1102")
            yield _unbound(mesh, virtual_service, says, _namesakes(mesh, name), at=at, codes=codes, lacking=(Gateway,))
    deaf = [(i, g) for i, _, g in named if g is not None and not any(_listens(mesh, g, virtual_service, h) for h in hosts)]
    known = [g for _, _, g in named if isinstance(g, Gateway)]
    lost = [h for h in _public(mesh, virtual_service) if not any(_listens(mesh, g, virtual_service, h) for _, _, g in named if g)]
    if known and lost:
        offered = ", ".join(dict.fromkeys(h for g in known for s in g.spec.servers for h in s.hosts))
        yield _unbound(
            mesh,
            virtual_service,
            f"has host {', '.join(lost)}, which no server of {', '.join(str(g.subject) for g in known)} takes",
            f"their hosts are {offered}",
            at="spec.hosts",
            known=known,
            partial=len(lost) < len(hosts),
            codes=("IST0132",) if deaf else (),
        )
        deaf = deaf[1:]
    for i, each in deaf:
        says = f"names {each.subject}, which takes none of its hosts"
        yield _unbound(mesh, virtual_service, says, "", at=f"spec.gateways[{i}]", severity="info", codes=("IST0132",))
    if not named and set(gateway_names(virtual_service)) == {MESH}:
        yield from _waiting(mesh, virtual_service)


def _named(mesh: Mesh, virtual_service: VirtualService) -> list[tuple[int, str, Gateway | k8s.Gateway | None]]:
    """The gateways it names, by their place in the list: Istio's, or those of the Gateway API."""
    found: list[tuple[int, str, Gateway | k8s.Gateway | None]] = []
    for i, said in enumerate(virtual_service.spec.gateways):
        (name,) = gateway_names(virtual_service, (said,))
        if name != MESH and GENERATED not in name:
            found.append((i, name, gateway_of(mesh, name) or _of_the_api(mesh, name)))
    return found


def _of_the_api(mesh: Mesh, name: str) -> k8s.Gateway | None:
    namespace, _, own = name.partition("/")
    return mesh[k8s.Gateway].get(namespace, own) if mesh.state(k8s.Gateway) in USABLE else None


def _public(mesh: Mesh, virtual_service: VirtualService) -> list[str]:
    """The hosts it must share with its gateways: beside `mesh`, not those of the service registry."""
    hosts = list(virtual_service.spec.hosts)
    if MESH not in gateway_names(virtual_service):
        return hosts
    return [h for h in hosts if not resolve(mesh, h, virtual_service.namespace)]


def _listens(mesh: Mesh, gateway: Gateway | k8s.Gateway, virtual_service: VirtualService, host: str) -> bool:
    if isinstance(gateway, k8s.Gateway):
        return any(not x.hostname or overlap(x.hostname, host) for x in gateway.spec.listeners)
    name = fqdn(host, virtual_service.namespace, mesh.cluster.domain)
    return any(takes(gateway, s, virtual_service, n) for s in gateway.spec.servers for n in (host, name))


def _waiting(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """It is for sidecars only, but its host is none of the mesh's and a Gateway without any route for it takes it."""
    for host in virtual_service.spec.hosts:
        if "." not in host or "*" in host or resolve(mesh, host, virtual_service.namespace):
            continue
        for gateway in mesh[Gateway].everywhere():
            exact = any(h.name == host.lower() for s in gateway.spec.servers for h in server_hosts(gateway, s))
            if not exact or not gateway_pods_of(mesh, gateway):
                continue
            name = f"{gateway.namespace}/{gateway.name}"
            if not any(matches(h, host) for v in by_gateway(mesh).get(name, ()) for h in v.spec.hosts):
                says = f"has host {host} for sidecars only, and {gateway.subject}, which takes it, has no route for it"
                yield _unbound(mesh, virtual_service, says, "", known=[gateway], confidence=STRONG)


def _unbound(
    mesh: Mesh,
    virtual_service: VirtualService,
    says: str,
    why: str,
    *,
    at: str = "spec.gateways",
    known: list[Gateway] | None = None,
    partial: bool = False,
    confidence: float | None = None,
    severity: Severity | None = None,
    codes: tuple[str, ...] = (),
    lacking: tuple[type[KubernetesObject], ...] = (),
) -> Draft:
    known = known or []
    lines = (x for h in virtual_service.spec.hosts for x in log.lines_to(mesh, h, virtual_service.changed))
    lost = log.chosen(log.flagged(lines, "NR"), lambda x: x.entry.code == 404)
    value = list(virtual_service.spec.hosts if at == "spec.hosts" else virtual_service.spec.gateways)
    return fail(
        virtual_service,
        f"it {says}",
        at=at,
        why=why,
        evidence=(
            quote(virtual_service, at, value or "none, which means mesh"),
            *(quote(g, "spec.servers", [_server(s) for s in g.spec.servers]) for g in known[:1]),
            *log.shown(mesh, lost),
        ),
        confidence=confidence,
        severity=severity or ("medium" if partial and not lost else None),
        harm=log.harm(mesh, lost),
        also=(*known, *log.clients(mesh, lost)),
        codes=codes,
        lacking=lacking,
    )


def _namesakes(mesh: Mesh, name: str) -> str:
    own = name.rpartition("/")[2]
    found = [f"{g.namespace}/{g.name}" for g in mesh[Gateway] if g.name == own]
    return f"there is {', '.join(found)}" if found else ""


def _server(server: Server) -> str:
    return f"{server.port.protocol} {server.port.number}: {', '.join(server.hosts)}"


@probe(
    "MD5107",
    over=VirtualService,
    needs=(VirtualService, Gateway, k8s.Gateway),
    title="A match names a gateway that does not exist",
    severity="medium",
)
def match_for_missing_gateway(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A match of a route is for a Gateway that does not exist: it never takes a request."""
    # Kiali stops looking at the first list that names a missing one
    said = any(gateway is None for _, _, gateway in _named(mesh, virtual_service))
    for i, match in ((i, m) for i, rule in enumerate(virtual_service.spec.http) for m in rule.match):
        lost = [(j, full) for j, full in enumerate(_full_names(virtual_service, match)) if _is_lost(mesh, full)]
        for j, full in lost:
            yield fail(
                virtual_service,
                f"a match of its rule {i} is for gateway {full}, which does not exist",
                at=f"spec.http[{i}].match.gateways[{j}]",
                evidence=(quote(virtual_service, f"spec.http[{i}].match", full),),
                codes=() if said else ("KIA1102",),
                lacking=(Gateway,),
            )
        said = said or bool(lost)


def _full_names(virtual_service: VirtualService, match: HTTPMatchRequest) -> list[str]:
    return [gateway_names(virtual_service, (g,))[0] for g in match.gateways]


def _is_lost(mesh: Mesh, name: str) -> bool:
    return name != MESH and GENERATED not in name and gateway_of(mesh, name) is None and _of_the_api(mesh, name) is None


@probe(
    "MD5108",
    over=VirtualService,
    needs=(VirtualService,),
    title="A gateway is named in a form of old or of istiod's own",
    severity="info",
    codes=("IST0165", "KIA1108"),
)
def gateway_named_oddly(_mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A gateway is named NAME.NAMESPACE, the old form, or by the name that istiod makes of a Gateway API Gateway."""
    matches = [(i, g) for r in virtual_service.spec.http for m in r.match for i, g in enumerate(m.gateways) if "." in g]
    for i, name in dict.fromkeys([*enumerate(virtual_service.spec.gateways), *matches]):
        at = f"spec.gateways[{i}]"
        if GENERATED in name:
            says = f"it names {name}, which istiod makes and may name otherwise tomorrow"
            yield fail(virtual_service, says, at=at, severity="low", codes=("IST0165",))
        elif "." in name and not name.startswith("./"):
            says = f"it names gateway {name}; the form for that is NAMESPACE/NAME"
            yield fail(virtual_service, says, at=at, codes=("KIA1108",))
