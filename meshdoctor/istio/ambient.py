"""Ambient mode: what only a waypoint enforces, and what is enrolled to use one.

ztunnel takes L4 policies by selector. All that speaks of HTTP needs a waypoint, which takes policies by targetRefs and
only from its own namespace. Source: istio.io, ambient, "Configure waypoint proxies" and "Use Layer 7 features".
"""

from __future__ import annotations

from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.injection import namespace_labels
from meshdoctor.istio.selecting import REDIRECTION, is_ambient, is_ambient_namespace, labels_of, selected
from meshdoctor.istio.workloads import all_live_pods
from meshdoctor.model import gatewayapi
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, TrafficPolicy, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication, Telemetry, WasmPlugin
from meshdoctor.model.workloads import Pod

USE, USE_NAMESPACE = "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
MANAGED = "gateway.istio.io/managed"
OF_HTTP = ("request.headers", "request.auth.")
Policy = AuthorizationPolicy | RequestAuthentication | WasmPlugin | Telemetry


def captured_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live pods whose traffic ztunnel takes. Found once a table."""
    live, memo = all_live_pods(mesh), mesh[Pod].memo
    found: tuple[Pod, ...] | None = memo.get("captured_pods")
    if found is None:
        found = memo["captured_pods"] = tuple([p for p in live if p.metadata.annotations.get(REDIRECTION) == "enabled"])
    return found


def waypoint_of(labels: dict[str, str], namespace_of_it: dict[str, str], namespace: str) -> tuple[str, str] | None:
    """(namespace, name) of the waypoint that an object asks for by its own label, else by that of its namespace."""
    asking = labels if USE in labels else namespace_of_it
    name = asking.get(USE, "")
    return (asking.get(USE_NAMESPACE, namespace), name) if name not in ("", "none") else None


def is_enrolled(mesh: Mesh, labels: dict[str, str], namespace: str) -> bool:
    """Whether traffic to an object with these labels goes through a waypoint."""
    return waypoint_of(labels, namespace_labels(mesh, namespace), namespace) is not None


def has_waypoint(mesh: Mesh, waypoint: tuple[str, str]) -> bool:
    """Whether a waypoint's Gateway exists, and istiod has not said that it could not make it work."""
    gateway = mesh[gatewayapi.Gateway].get(*waypoint)
    if gateway is None:
        return False
    return not any(c.type == "Programmed" and c.status == "False" for c in gateway.status.conditions)


def needs_http(thing: Policy | VirtualService | DestinationRule) -> bool:
    """Whether an object uses what only a proxy that reads HTTP can do: in ambient mode a waypoint."""
    if isinstance(thing, AuthorizationPolicy):
        return _authorizes_http(thing)
    if isinstance(thing, Telemetry):
        return bool(thing.spec.tracing or thing.spec.access_logging or any(m.get("overrides") for m in thing.spec.metrics))
    if isinstance(thing, VirtualService):
        of_mesh = not thing.spec.gateways or "mesh" in thing.spec.gateways
        return of_mesh and bool(thing.spec.http or thing.spec.tls)
    if isinstance(thing, DestinationRule):
        policies = (thing.spec.traffic_policy, *(s.traffic_policy for s in thing.spec.subsets))
        return any(p is not None and _shapes_http(p) for p in policies)
    return True


def _authorizes_http(policy: AuthorizationPolicy) -> bool:
    for rule in policy.spec.rules:
        operations = (t.operation for t in rule.to)
        if any(o.methods or o.not_methods or o.paths or o.not_paths or o.hosts or o.not_hosts for o in operations):
            return True
        if any(f.source.request_principals or f.source.not_request_principals for f in rule.from_):
            return True
        if any(c.key.startswith(OF_HTTP) for c in rule.when):
            return True
    return False


def _shapes_http(policy: TrafficPolicy) -> bool:
    hashed = (policy.load_balancer or {}).get("consistentHash") or {}
    pool = policy.connection_pool
    by_http = "httpHeaderName" in hashed or "httpCookie" in hashed
    return bool(by_http or (pool and pool.http) or policy.outlier_detection)


def is_for_ambient(mesh: Mesh, policy: Policy) -> bool:
    """Whether a policy is of an ambient namespace and is more than ztunnel can do."""
    return is_ambient_namespace(mesh, policy.namespace) and needs_http(policy)


def bypassed(mesh: Mesh, policy: Policy) -> str:
    """What a policy is for and whose traffic goes through no waypoint, in words; empty where there is nothing such."""
    namespace = policy.namespace
    if policy.spec.targets:
        return _bypassed_target(mesh, policy)
    if labels_of(policy):
        covered = [c for c in selected(mesh, policy) if c.namespace == namespace and MANAGED not in c.labels]
        inside = [c for c in covered if is_ambient(mesh, c)]
        found = next((c for c in inside if not is_enrolled(mesh, c.labels, namespace)), None)
        if covered:
            return str(found.thing.subject) if found else ""
    return "" if is_enrolled(mesh, {}, namespace) else f"namespace {namespace}"


def _bypassed_target(mesh: Mesh, policy: Policy) -> str:
    """The first Service among the targets that is not enrolled. A Gateway is a target by itself."""
    for target in policy.spec.targets:
        if target.kind == "Service":
            service = mesh[Service].get(policy.namespace, target.name)
            if not is_enrolled(mesh, service.labels if service else {}, policy.namespace):
                return f"Service {target.name}"
    return ""


def ambient_service(mesh: Mesh, host: str, thing: KubernetesObject) -> Service | None:
    """The Service of an ambient namespace that a host in an object means."""
    service = service_of(mesh, host, thing.namespace)
    return service if service and is_ambient_namespace(mesh, service.namespace) else None
