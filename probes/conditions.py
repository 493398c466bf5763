"""What Istio's controllers say of objects in their status, where no other rule reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshdoctor.model.admission import CustomResourceDefinition
from meshdoctor.model.base import Condition, KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.gatewayapi import Gateway, GatewayClass, GRPCRoute, HTTPRoute
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry, WorkloadEntry
from meshdoctor.model.security import AuthorizationPolicy
from probes.registry import Draft, fail, probe, quote

BOUND = ("istio.io/WaypointBound",)
TAKEN = ("Accepted", "Programmed", "ResolvedRefs")
ISTIO = "istio.io/"
BUNDLE = "gateway.networking.k8s.io/bundle-version"
OLDEST = {  # what this Istio reads of the Gateway API; source: istio, pkg/config/schema/gatewayapi
    "grpcroutes.gateway.networking.k8s.io": (1, 1, 0),
    "backendtlspolicies.gateway.networking.k8s.io": (1, 4, 0),
    "tlsroutes.gateway.networking.k8s.io": (1, 5, 0),
    "tcproutes.gateway.networking.k8s.io": (1, 6, 0),
}


@probe(
    "MD5250",
    needs=(Service, ServiceEntry, WorkloadEntry, AuthorizationPolicy, Gateway, GatewayClass, HTTPRoute, GRPCRoute),
    title="Status tells of a refusal",
    severity="info",
    codes=("IST0171",),
)
def status_tells_of_a_refusal(mesh: Mesh) -> Iterator[Draft]:
    """A condition that Istio sets on an object says that it was not taken, or not whole."""
    for thing in (*mesh[Service], *mesh[ServiceEntry], *mesh[WorkloadEntry]):
        yield from _refusals(thing, thing.status.conditions, BOUND)
    for policy in mesh[AuthorizationPolicy]:
        yield from _refusals(policy, policy.status.conditions, ("ZtunnelAccepted", "WaypointAccepted"))
    for gateway in mesh[Gateway]:
        found = mesh[GatewayClass].get("", gateway.spec.gateway_class_name)
        if found is None or not found.spec.controller_name.startswith(ISTIO):  # GA-002 reads those of Istio's classes
            yield from _refusals(gateway, gateway.status.conditions, TAKEN)
    for routes in (HTTPRoute, GRPCRoute):
        for route in mesh[routes]:
            for i, parent in enumerate(route.status.parents):
                if not parent.controller_name.startswith(ISTIO):  # GA-003 reads the others
                    yield from _refusals(route, parent.conditions, TAKEN, f"status.parents[{i}].conditions")


def _refusals(
    thing: KubernetesObject, conditions: Iterable[Condition], kinds: tuple[str, ...], place: str = "status.conditions"
) -> Iterator[Draft]:
    for i, each in enumerate(conditions):
        partly = each.type == "WaypointAccepted" and each.reason == "PartiallyInvalid"
        if each.type in kinds and (each.status == "False" or partly):
            at = f"{place}[{i}]"
            says = f"{each.type} is {each.status}: {each.message or each.reason}"
            yield fail(thing, says, at=at, evidence=(quote(thing, at, f"{each.type} {each.status} {each.reason}"),))


@probe("GA-005", over=CustomResourceDefinition, needs=(CustomResourceDefinition,))
def definition_too_old(_mesh: Mesh, definition: CustomResourceDefinition) -> Iterator[Draft]:
    """A definition of the Gateway API is older than the version that Istio reads: istiod ignores objects of that kind."""
    oldest = OLDEST.get(definition.name)
    said = definition.annotations.get(BUNDLE, "")
    version = _version(said)
    if oldest and version and version < oldest:
        wanted = ".".join(map(str, oldest))
        yield fail(
            definition,
            f"its bundle version is {said}, Istio reads v{wanted} and later",
            at=f"metadata.annotations.{BUNDLE}",
            codes=("IST0176",),
        )


def _version(text: str) -> tuple[int, ...] | None:
    """`v1.2.1-rc.1` as numbers, what comes before the release left out; None where it is no version."""
    parts = text.removeprefix("v").partition("-")[0].split(".")
    return tuple(map(int, parts)) if len(parts) == 3 and all(p.isdecimal() for p in parts) else None
