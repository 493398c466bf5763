"""Which subsets a client's calls take: a subset may have TLS settings of its own."""

from __future__ import annotations

from meshdoctor.istio.gateways import MESH
from meshdoctor.istio.hosts import long_name, matches
from meshdoctor.istio.mutual.client_rules import rules_for
from meshdoctor.istio.mutual.targets import Target
from meshdoctor.istio.routing import Route, routes_to
from meshdoctor.istio.visibility import sees
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.workloads import Pod


def subsets_used(mesh: Mesh, client: Pod, target: Target, labels: dict[str, str]) -> tuple[str, ...]:
    """The subsets (empty: none) by which a client that calls a target may reach an endpoint with these labels."""
    if target.origin is None or client.proxy is None:
        return ("",)
    is_blind = mesh.state(VirtualService) not in USABLE
    routes = () if is_blind else _routes(mesh, target)
    if not routes and not is_blind:
        return ("",)
    rules = rules_for(mesh, client, target.host, (target.namespace,))
    known = {s.name: s.labels for r in rules for s in r.spec.subsets}
    if is_blind:  # any of them may be taken: where they differ, the worst is told
        return "", *(name for name, wanted in known.items() if wanted.items() <= labels.items())
    taken = [r.subset for r in routes if _follows(mesh, client, r) and _leads_to(r, target)]
    fitting = [s for s in taken if not s or known.get(s, {"": "undefined"}).items() <= labels.items()]
    return tuple(dict.fromkeys(fitting)) or ("",)


def _routes(mesh: Mesh, target: Target) -> tuple[Route, ...]:
    """The routes of VirtualServices for the target's own host that lead to it, or of gateways to it."""
    memo: dict[str, tuple[Route, ...]] = mesh.memo.setdefault("mtls routes", {})
    if target.host not in memo:
        memo[target.host] = tuple(r for r in routes_to(mesh, target.host) if not r.is_idle and not r.is_mirror)
    return memo[target.host]


def _follows(mesh: Mesh, client: Pod, route: Route) -> bool:
    virtual_service = route.virtual_service
    if not sees(mesh, client.namespace, virtual_service):
        return False
    if is_gateway(client):
        return any(g != MESH for g in route.gateways)
    hosts = (long_name(mesh, h, virtual_service.namespace) for h in virtual_service.spec.hosts)
    return MESH in route.gateways and any(matches(h, route.host) for h in hosts)


def _leads_to(route: Route, target: Target) -> bool:
    """Whether a route's port is the target's, and its kind the protocol's: http rules are not for TCP ports."""
    port = route.destination.port
    if port and port.number and port.number != target.port:
        return False
    is_http = route.path.startswith("spec.http")
    return is_http == (target.protocol not in ("tcp", "tls", "https", "mongo", "mysql", "redis")) or target.protocol == "auto"
