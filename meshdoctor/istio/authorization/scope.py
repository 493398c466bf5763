"""Where policies are enforced, and which of them hold there.

Sources: istio, pilot/pkg/model/policyattachment.go (ShouldAttachPolicy) and authorization.go (ListAuthorizationPolicies);
istio.io, "Use Layer 7 features" (waypoints take policies by targetRefs only, ztunnel by selector).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeVar

import msgspec

from meshdoctor.istio.ambient import has_waypoint, waypoint_of
from meshdoctor.istio.injection import namespace_labels
from meshdoctor.istio.labelled import Labelled
from meshdoctor.istio.selecting import REDIRECTION, labels_of
from meshdoctor.istio.workloads import is_gateway, is_live
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import PolicyTargetReference
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication
from meshdoctor.model.workloads import Pod

OF_GATEWAY = "gateway.networking.k8s.io/gateway-name"
WAYPOINT_CLASS = "istio-waypoint"
GATEWAY_API = "gateway.networking.k8s.io"
P = TypeVar("P", AuthorizationPolicy, RequestAuthentication)


class Point(msgspec.Struct, frozen=True):
    """One proxy on the way to a pod. A waypoint acts for one Service of `service_namespace`."""

    kind: Literal["sidecar", "gateway", "waypoint", "ztunnel"]
    namespace: str
    name: str
    labels: dict[str, str] = {}
    service: str = ""
    service_namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.kind == "waypoint" else self.kind


def points(mesh: Mesh, pod: Pod, service: Service | None = None) -> tuple[Point, ...]:
    """The proxies that policies are enforced at, on the way to a pod by a Service: none for a pod outside the mesh."""
    if pod.proxy is not None:
        return (Point("gateway" if is_gateway(pod) else "sidecar", pod.namespace, pod.name, pod.labels),)
    if pod.annotations.get(REDIRECTION) != "enabled":
        return ()
    ztunnel = Point("ztunnel", pod.namespace, pod.name, pod.labels)
    if service is None:
        return (ztunnel,)
    waypoint = waypoint_of(service.labels, namespace_labels(mesh, service.namespace), service.namespace)
    if waypoint is None or not has_waypoint(mesh, waypoint):
        return (ztunnel,)
    labels = {OF_GATEWAY: waypoint[1]}
    return Point("waypoint", *waypoint, labels, service.name, service.namespace), ztunnel


def attached(mesh: Mesh, kind: type[P], point: Point) -> tuple[P, ...]:
    """The policies of a kind that hold at a proxy, dry-run ones too, those of the root namespace first."""
    root = mesh.mesh_config.root_namespace
    spaces = dict.fromkeys((root, point.namespace, point.service_namespace or point.namespace))
    return tuple(p for ns in spaces for p in mesh[kind].within(ns) if _holds(p, point, root))


def _holds(policy: AuthorizationPolicy | RequestAuthentication, point: Point, root: str) -> bool:
    targets, gateway = policy.spec.targets, point.labels.get(OF_GATEWAY)
    if gateway is None:
        return not targets and labels_of(policy).items() <= point.labels.items()
    if not targets:
        return point.kind != "waypoint" and labels_of(policy).items() <= point.labels.items()
    return any(_is_target(t, policy.namespace, point, gateway, root) for t in targets)


def _is_target(target: PolicyTargetReference, namespace: str, point: Point, gateway: str, root: str) -> bool:
    group = "" if target.group == "core" else target.group
    if point.kind == "waypoint":
        if (group, target.kind) in (("", "Service"), ("networking.istio.io", "ServiceEntry")):
            kind_fits = target.kind == "Service"  # a waypoint's point is that of a Service
            return kind_fits and (target.name, namespace) == (point.service, point.service_namespace)
        if (group, target.kind) == (GATEWAY_API, "GatewayClass"):
            return namespace == root and target.name == WAYPOINT_CLASS
    is_here = namespace == point.namespace and target.namespace in ("", point.namespace)
    return is_here and (group, target.kind, target.name) == (GATEWAY_API, "Gateway", gateway)


def covered(mesh: Mesh, policy: AuthorizationPolicy | RequestAuthentication) -> Iterator[Pod]:
    """The live sidecars and gateways at which a policy holds (waypoints apart), found by its selector or targets."""
    root, targets, pods = mesh.mesh_config.root_namespace, policy.spec.targets, mesh[Pod]
    for namespace in pods.namespaces if policy.namespace == root and not targets else (policy.namespace,):
        if targets:
            some = [p for t in targets for p in pods.matching(namespace, {OF_GATEWAY: t.name})]
        else:
            some = list(pods.matching(namespace, labels_of(policy)))
        for pod in some:
            if pod.proxy is not None and is_live(pod) and _holds(policy, _own(pod), root):
                yield pod


def _own(pod: Labelled) -> Point:
    """A workload's own proxy."""
    return Point("sidecar", pod.namespace, "", pod.labels)


def policies_for(mesh: Mesh, pod: Labelled) -> tuple[AuthorizationPolicy, ...]:
    """The policies that are enforced at a workload's own proxy. Dry-run ones are left out."""
    return tuple(p for p in attached(mesh, AuthorizationPolicy, _own(pod)) if not p.is_dry_run)


def tokens_for(mesh: Mesh, pod: Labelled) -> tuple[RequestAuthentication, ...]:
    """The RequestAuthentications that hold at a workload's own proxy."""
    return attached(mesh, RequestAuthentication, _own(pod))
