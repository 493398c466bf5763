"""Routes by the claims of a token, and what must check the token first."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.scope import tokens_for
from meshdoctor.istio.gateways import MESH, gateway_names, gateway_of
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, VirtualService
from meshdoctor.model.security import RequestAuthentication
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

CLAIMS = "@request.auth.claims"


@probe("JWT-005", over=VirtualService, needs=(VirtualService, Gateway, RequestAuthentication, Pod))
def claims_without_validation(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A match looks at the claims of a token, and no RequestAuthentication reaches a pod of the gateway: it never matches."""
    place = next(_places(virtual_service), None)
    for name in gateway_names(virtual_service) if place and virtual_service.spec.gateways else ():
        gateway = gateway_of(mesh, name) if name != MESH else None
        pods = _pods_of(mesh, gateway) if gateway else ()
        open_pods = [p for p in pods if not tokens_for(mesh, p)]
        if gateway and place and open_pods:
            at, header = place
            yield fail(
                virtual_service,
                f"it routes by {header}, and no RequestAuthentication is for the pods of {gateway.subject}",
                at=at,
                evidence=(quote(virtual_service, at, header), quote(gateway, "spec.selector", dict(gateway.spec.selector))),
                also=(gateway, *dict.fromkeys(mesh.owner(p) for p in open_pods)),
            )


def _places(virtual_service: VirtualService) -> Iterator[tuple[str, str]]:
    """Where it looks at claims: path and header."""
    for i, rule in enumerate(virtual_service.spec.http):
        for j, match in enumerate(rule.match):
            for field, headers in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
                yield from ((f"spec.http[{i}].match[{j}].{field}", h) for h in headers if h.startswith(CLAIMS))


def _pods_of(mesh: Mesh, gateway: Gateway) -> tuple[Pod, ...]:
    pods, selector = mesh[Pod], gateway.spec.selector
    return tuple(p for ns in pods.namespaces for p in pods.matching(ns, selector) if is_live(p)) if selector else ()
