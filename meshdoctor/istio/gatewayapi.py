"""The Gateway API's references: which Gateway lets a route in, and what may be referred to across namespaces.

Source: gateway-api.sigs.k8s.io, `AllowedRoutes` (namespaces from Same, All or Selector) and ReferenceGrant.
"""

from __future__ import annotations

import msgspec

from meshdoctor.model.cluster import Namespace
from meshdoctor.model.gatewayapi import Gateway, Listener, ParentReference, ReferenceGrant, Route
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import LabelSelector


def parent_of(route: Route, reference: ParentReference) -> Subject:
    """What a parentRef names; a Service is the core group's, also where the default group was left."""
    return Subject(
        "" if reference.kind == "Service" else reference.group,
        reference.kind,
        reference.namespace or route.namespace,
        reference.name,
    )


def lets_in(mesh: Mesh, gateway: Gateway, namespace: str) -> bool:
    """Whether some listener of a Gateway takes routes of a namespace."""
    return not gateway.spec.listeners or any(allows(mesh, gateway, each, namespace) for each in gateway.spec.listeners)


def allows(mesh: Mesh, gateway: Gateway, listener: Listener, namespace: str) -> bool:
    """Whether a listener takes routes of a namespace."""
    said = (listener.allowed_routes or {}).get("namespaces") or {}
    where = said.get("from") or "Same"
    if where == "All":
        return True
    if where == "Selector":
        found = mesh[Namespace].get("", namespace)
        selector = msgspec.convert(said.get("selector") or {}, LabelSelector)
        return found is not None and selector.matches(found.labels)
    return gateway.namespace == namespace


def is_granted(mesh: Mesh, route: Route, target: Subject) -> bool:
    """Whether a route may refer to something: its own namespace's, or by a ReferenceGrant there."""
    if target.namespace == route.namespace:
        return True
    return any(
        any((f.group, f.kind, f.namespace) == (route.GROUP, route.KIND, route.namespace) for f in g.spec.from_)
        and any((t.group, t.kind) == (target.group, target.kind) and t.name in ("", target.name) for t in g.spec.to)
        for g in mesh[ReferenceGrant].within(target.namespace)
    )
