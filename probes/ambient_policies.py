"""Ambient mode: HTTP settings that no waypoint takes, or that no traffic reaches."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.ambient import Policy, ambient_service, bypassed, is_enrolled, is_for_ambient, needs_http
from meshdoctor.istio.selecting import SELECTABLE, is_ambient, is_ambient_namespace, labels_of, selected
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication, Telemetry, WasmPlugin
from probes.registry import Draft, fail, probe, quote

IGNORED = "Waypoints ignore the selector of this object"
BYPASSED = "HTTP settings for traffic that goes through no waypoint"
REACHED_BY_NOBODY = "HTTP routing in ambient mode without a waypoint"


ROUTES = ("KIA1114", "KIA1113", "KIA1109")  # elsewhere, not enrolled, nowhere
RULES = ("KIA0212", "KIA0211", "KIA0210")


@probe("AM-004", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Namespace, *SELECTABLE))
def http_policy_at_ztunnel(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy speaks of HTTP and has no targetRefs, so ztunnel has to enforce it, which cannot read HTTP."""
    if policy.spec.targets or not is_for_ambient(mesh, policy):
        return
    covered = list(selected(mesh, policy)) if labels_of(policy) else []
    hit = next((c for c in covered if is_ambient(mesh, c)), None)
    who = str(hit.thing.subject) if hit else f"namespace {policy.namespace}"
    says = f"has HTTP fields and no targetRefs: ztunnel, which reads no HTTP, enforces it for {who}"
    yield fail(policy, says, codes=("KIA0110",), severity="info" if covered and hit is None else None)


@probe("MD5020", over=RequestAuthentication, needs=(RequestAuthentication, Namespace), title=IGNORED, codes=("KIA1115",))
@probe("MD5021", over=WasmPlugin, needs=(WasmPlugin, Namespace), title=IGNORED, codes=("KIA1116",))
@probe("MD5022", over=Telemetry, needs=(Telemetry, Namespace), title=IGNORED, codes=("KIA1117",))
def selector_ignored(mesh: Mesh, policy: RequestAuthentication | WasmPlugin | Telemetry) -> Iterator[Draft]:
    """An object of an ambient namespace has no targetRefs: waypoints read nothing else."""
    if not policy.spec.targets and is_for_ambient(mesh, policy):
        yield fail(policy, "is in an ambient namespace without targetRefs: no waypoint takes it")


@probe(
    "MD5023",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy, Namespace, Service, *SELECTABLE),
    title=BYPASSED,
    codes=("KIA0109",),
)
@probe(
    "MD5024",
    over=RequestAuthentication,
    needs=(RequestAuthentication, Namespace, Service, *SELECTABLE),
    title=BYPASSED,
    codes=("KIA1110",),
)
@probe("MD5025", over=WasmPlugin, needs=(WasmPlugin, Namespace, Service, *SELECTABLE), title=BYPASSED, codes=("KIA1111",))
@probe("MD5026", over=Telemetry, needs=(Telemetry, Namespace, Service, *SELECTABLE), title=BYPASSED, codes=("KIA1112",))
def waypoint_bypassed(mesh: Mesh, policy: Policy) -> Iterator[Draft]:
    """An object needs a waypoint, and what it is for is not enrolled to use one (label istio.io/use-waypoint)."""
    who = bypassed(mesh, policy) if is_for_ambient(mesh, policy) else ""
    if who:
        yield fail(policy, f"needs a waypoint, and {who} is not enrolled to use one")


@probe("MD5027", over=VirtualService, needs=(VirtualService, Namespace, Service), title=REACHED_BY_NOBODY, codes=ROUTES)
def virtual_service_in_ambient(mesh: Mesh, route: VirtualService) -> Iterator[Draft]:
    """A VirtualService for an ambient Service lies in another namespace, or the Service is not enrolled."""
    if needs_http(route):
        places = [(f"spec.hosts[{i}]", host) for i, host in enumerate(route.spec.hosts)]
        yield from _unreached(mesh, route, places, ROUTES)


@probe("MD5028", over=DestinationRule, needs=(DestinationRule, Namespace, Service), title=REACHED_BY_NOBODY, codes=RULES)
def destination_rule_in_ambient(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule with HTTP settings for an ambient Service lies in another namespace, or it is not enrolled."""
    if needs_http(rule):
        yield from _unreached(mesh, rule, [("spec.host", rule.spec.host)], RULES)


def _unreached(
    mesh: Mesh, thing: VirtualService | DestinationRule, places: list[tuple[str, str]], codes: tuple[str, str, str]
) -> Iterator[Draft]:
    elsewhere, not_enrolled, nowhere = codes
    seen: set[str] = set()
    for at, host in places:
        service = ambient_service(mesh, host, thing)
        if service is None or str(service.subject) in seen:
            continue
        seen.add(str(service.subject))
        faults = {}
        if service.namespace != thing.namespace:
            faults[elsewhere] = f"waypoints of {service.namespace} read objects of that namespace only"
        if not is_enrolled(mesh, service.labels, service.namespace):
            faults[not_enrolled] = f"Service {service.name} is not enrolled to use a waypoint"
        if faults:
            says, proof = "; ".join(faults.values()), [quote(thing, at, host), quote(service, "metadata.labels", service.labels)]
            yield fail(thing, says, at=at, evidence=proof, codes=tuple(faults), also=[service])
    own = thing.namespace
    if places and not seen and is_ambient_namespace(mesh, own) and not is_enrolled(mesh, {}, own):
        yield fail(thing, f"needs a waypoint, and namespace {own} is not enrolled to use one", at=places[0][0], codes=(nowhere,))
