"""The Gateway API: classes, gateways and routes that Istio's controllers did not take as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.gatewayapi import is_granted, lets_in, parent_of
from meshdoctor.model.base import Condition, KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import Severity
from meshdoctor.model.gatewayapi import (
    BackendReference,
    Gateway,
    GatewayClass,
    GRPCRoute,
    HTTPRoute,
    ParentReference,
    ReferenceGrant,
    Route,
    RouteParentStatus,
    TCPRoute,
    TLSRoute,
)
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from probes.registry import Draft, fail, probe, quote

ROUTES: tuple[type[Route], ...] = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)
NO_PORT = "has no port"
CONTROLLERS = "istio.io/"
PATIENCE = timedelta(minutes=1)  # what a controller may take to judge an object


def _said(thing: KubernetesObject, conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """A condition, if it was made of the object as it is now."""
    current = (c for c in conditions if c.type == kind)
    least = thing.metadata.generation
    return next((c for c in current if not c.observed_generation or c.observed_generation >= least), None)


def _is_settled(mesh: Mesh, thing: KubernetesObject) -> bool:
    return thing.changed is None or mesh.now - thing.changed > PATIENCE


def _refused(mesh: Mesh, thing: KubernetesObject, conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """A condition that is False, or still Unknown after a while."""
    condition = _said(thing, conditions, kind)
    if condition is None or condition.status == "True":
        return None
    return condition if condition.status == "False" or _is_settled(mesh, thing) else None


BUILT_IN = {"istio", "istio-remote", "istio-waypoint", "istio-east-west"}  # classes that istiod creates


@probe("GA-001", needs=(Gateway, GatewayClass), codes=("KIA1504",))
def class_not_accepted(mesh: Mesh) -> Iterator[Draft]:
    """A Gateway names a GatewayClass that does not exist, or Istio's controller does not accept its class."""
    for gateway in mesh[Gateway]:
        name = gateway.spec.gateway_class_name
        if mesh[GatewayClass].get("", name) is None:
            yield fail(
                gateway,
                f"GatewayClass {name} does not exist",
                at="spec.gatewayClassName",
                evidence=(quote(gateway, "spec.gatewayClassName", name),),
                also=(Subject(group=GatewayClass.GROUP, kind="GatewayClass", name=name),),
                codes=() if name in BUILT_IN else None,
                lacking=(GatewayClass,),
            )
    for each in mesh[GatewayClass]:
        if not each.spec.controller_name.startswith(CONTROLLERS):
            continue
        condition = _refused(mesh, each, each.status.conditions, "Accepted")
        if condition is not None:
            yield fail(
                each,
                f"it is not accepted: {condition.reason}",
                at="status.conditions.Accepted",
                why=condition.message,
                evidence=(quote(each, "status.conditions.Accepted", _words(condition)),),
                codes=(),
            )


def _words(condition: Condition) -> str:
    return f"{condition.status} {condition.reason} {condition.message}"


def _is_istio(mesh: Mesh, gateway: Gateway) -> bool:
    found = mesh[GatewayClass].get("", gateway.spec.gateway_class_name)
    return found is not None and found.spec.controller_name.startswith(CONTROLLERS)


@probe("GA-002", over=Gateway, needs=(Gateway, GatewayClass))
def not_programmed(mesh: Mesh, gateway: Gateway) -> Iterator[Draft]:
    """Istio's controller did not program a Gateway, or one of its listeners."""
    if not _is_istio(mesh, gateway):
        return
    status = gateway.status
    also = (
        Subject(kind="Service", namespace=gateway.namespace, name=f"{gateway.name}-{gateway.spec.gateway_class_name}"),
        Subject("apps", "Deployment", gateway.namespace, f"{gateway.name}-{gateway.spec.gateway_class_name}"),
        *(
            Subject(kind=r.kind, namespace=r.namespace or gateway.namespace, name=r.name)
            for listener in gateway.spec.listeners
            for r in (listener.tls.certificate_refs if listener.tls else ())
        ),
    )
    for kind in ("Programmed", "Accepted"):
        condition = _refused(mesh, gateway, status.conditions, kind)
        if condition is not None:
            yield _not(gateway, kind, condition, f"status.conditions.{kind}", "", also)
            return
    for i, listener in enumerate(status.listeners):
        for kind in ("Accepted", "ResolvedRefs", "Programmed"):
            condition = _refused(mesh, gateway, listener.conditions, kind)
            if condition is not None:
                where = f"status.listeners[{i}].conditions.{kind}"
                yield _not(gateway, kind, condition, where, f"listener {listener.name}", also, "high")
                break


def _not(
    gateway: Gateway,
    kind: str,
    condition: Condition,
    at: str,
    part: str,
    also: tuple[Subject, ...],
    severity: Severity | None = None,
) -> Draft:
    return fail(
        gateway,
        f"{part or 'it'} is not {kind}: {condition.reason}",
        at=at,
        why=condition.message,
        evidence=(quote(gateway, at, _words(condition)),),
        severity=severity,
        also=also,
        since=condition.last_transition_time,
    )


@probe("GA-003", needs=(*ROUTES, Gateway, Service, Namespace, ReferenceGrant), codes=("IST0171", "KIA1401", "KIA1402"))
def route_not_accepted(mesh: Mesh) -> Iterator[Draft]:
    """A route was not accepted by a parent, or its parent does not exist: its requests get 404."""
    for kind in ROUTES:
        for route in mesh[kind]:
            for parent in _judged(route):
                condition = _refused(mesh, route, parent.conditions, "Accepted")
                if condition is not None:
                    at = "status.parents.conditions.Accepted"
                    yield fail(
                        route,
                        f"{parent_of(route, parent.parent_ref)} does not accept it: {condition.reason}",
                        at=at,
                        why=condition.message,
                        evidence=(quote(route, at, _words(condition)),),
                        also=(parent_of(route, parent.parent_ref),),
                        since=condition.last_transition_time,
                        codes=("IST0171",),
                    )
            for i, reference in enumerate(route.spec.parent_refs):
                yield from _lost(mesh, route, reference, i)


def _judged(route: Route) -> tuple[RouteParentStatus, ...]:
    """What Istio's controllers said of a route."""
    return tuple(p for p in route.status.parents if p.controller_name.startswith(CONTROLLERS))


def _lost(mesh: Mesh, route: Route, reference: ParentReference, number: int) -> Iterator[Draft]:
    """A parent that does not exist, or that does not let the route in, is judged by nobody: there is no status of it."""
    parent = parent_of(route, reference)
    if any(parent_of(route, p.parent_ref) == parent for p in route.status.parents):
        return
    at = f"spec.parentRefs[{number}].name"
    if (parent.group, parent.kind) == (Gateway.GROUP, "Gateway"):
        gateway = mesh[Gateway].get(parent.namespace, parent.name)
        if gateway is None:
            yield _without_parent(route, parent, f"its parent {parent} does not exist", f"{at}.{parent.name}", "KIA1401")
        elif not lets_in(mesh, gateway, route.namespace):
            says = f"no listener of {parent} takes routes of namespace {route.namespace}"
            yield _without_parent(route, parent, says, f"{at}.{parent.name}", "KIA1401")
    elif parent.kind == "Service":
        if mesh[Service].get(parent.namespace, parent.name) is None:
            yield _without_parent(route, parent, f"its parent {parent} does not exist", at, "KIA1402")
        elif not is_granted(mesh, route, parent):
            says = f"it is for {parent} of another namespace: only clients in {route.namespace} follow it"
            yield _without_parent(route, parent, says, at, "KIA1402", severity="info")


def _without_parent(route: Route, parent: Subject, says: str, at: str, code: str, *, severity: Severity | None = None) -> Draft:
    kind: type[KubernetesObject] = Gateway if parent.kind == "Gateway" else Service
    return fail(
        route,
        says,
        at=at,
        evidence=(quote(route, at, str(parent)),),
        also=(parent,),
        codes=(code,),
        lacking=(kind,),
        severity=severity,
    )


@probe("GA-004", needs=(*ROUTES, Gateway, GatewayClass, Service, ReferenceGrant), codes=("IST0171",))
def references_unresolved(mesh: Mesh) -> Iterator[Draft]:
    """A route's backend does not exist, lacks the port, or may not be referred to from its namespace: its requests fail."""
    for kind in ROUTES:
        for route in mesh[kind]:
            yield from _unresolved(mesh, route)


def _unresolved(mesh: Mesh, route: Route) -> Iterator[Draft]:
    judged = [c for p in _judged(route) if (c := _said(route, p.conditions, "ResolvedRefs")) is not None]
    refused = next((c for c in judged if c.status == "False"), None)
    if refused is None and not judged and _is_foreign(mesh, route):
        return
    resolved = bool(judged) and refused is None
    ours = bool(judged) or _is_ours(mesh, route)
    told = False
    for i, rule in enumerate(route.spec.rules):
        for j, backend in enumerate(rule.backend_refs):
            problem = _problem(mesh, route, backend)
            if problem and (not resolved or NO_PORT in problem):  # istiod does not look at ports
                told = True
                at = f"spec.rules[{i}].backendRefs[{j}].{'port' if NO_PORT in problem else 'name'}"
                yield _broken(route, at, problem, _backend(route, backend), refused, severity=None if ours else "info")
    if refused is not None and not told:
        at = "status.parents.conditions.ResolvedRefs"
        backends = tuple(_backend(route, b) for r in route.spec.rules for b in r.backend_refs)
        yield fail(
            route,
            f"its references are not resolved: {refused.reason}",
            at=at,
            why=refused.message,
            evidence=(quote(route, at, _words(refused)),),
            also=backends,
        )


def _is_foreign(mesh: Mesh, route: Route) -> bool:
    """Whether a route without a status is surely another controller's: each parent is a Gateway of a class not Istio's."""
    gateways = [mesh[Gateway].get(p.namespace, p.name) for p in (parent_of(route, r) for r in route.spec.parent_refs)]
    classes = [mesh[GatewayClass].get("", g.spec.gateway_class_name) if g else None for g in gateways]
    return bool(classes) and all(c is not None and not c.spec.controller_name.startswith(CONTROLLERS) for c in classes)


def _is_ours(mesh: Mesh, route: Route) -> bool:
    """Whether a route without a status is for Istio: its parent is a Service, or a Gateway of an Istio class."""
    for reference in route.spec.parent_refs:
        parent = parent_of(route, reference)
        if (parent.group, parent.kind) == ("", "Service"):
            return True
        if (parent.group, parent.kind) == (Gateway.GROUP, "Gateway"):
            gateway = mesh[Gateway].get(parent.namespace, parent.name)
            if gateway is not None and _is_istio(mesh, gateway):
                return True
    return False


def _backend(route: Route, backend: BackendReference) -> Subject:
    return Subject(backend.group, backend.kind, backend.namespace or route.namespace, backend.name)


def _needs_grant(route: Route) -> bool:
    """Gateways ask for a ReferenceGrant; sidecars, where a Service is the parent, do not (istio, conversion.go)."""
    return any(parent_of(route, r).kind == "Gateway" for r in route.spec.parent_refs)


def _problem(mesh: Mesh, route: Route, backend: BackendReference) -> str:
    """Why a backend is not resolved; empty for one that is, or that is no Service."""
    target = _backend(route, backend)
    if (target.group, target.kind) != ("", "Service"):
        return ""
    service = mesh[Service].get(target.namespace, target.name)
    if service is None:
        return f"{target} does not exist"
    if _needs_grant(route) and not is_granted(mesh, route, target):
        return f"no ReferenceGrant in {target.namespace} lets {route.KIND} of {route.namespace} refer to {target}"
    ports = [p.port for p in service.spec.ports]
    if backend.port is not None and backend.port not in ports:
        return f"{target} {NO_PORT} {backend.port}, only {', '.join(map(str, ports))}"
    return ""


def _broken(
    route: Route, at: str, problem: str, backend: Subject, refused: Condition | None, *, severity: Severity | None
) -> Draft:
    status = "status.parents.conditions.ResolvedRefs"
    said = (quote(route, status, _words(refused)),) if refused else ()
    return fail(
        route,
        f"{problem}: {'requests find no cluster' if NO_PORT in problem else 'the rule answers 500'}",
        at=at,
        why=refused.message if refused else "",
        evidence=(quote(route, at, str(backend)), *said),
        also=(backend,),
        since=(refused.last_transition_time if refused else None) or route.changed,
        severity=severity,
        codes=("IST0171",) * bool(refused) + (() if NO_PORT in problem else ("KIA1402",)),
        lacking=(Service,),
    )
