"""gateway.networking.k8s.io: classes, gateways, routes and grants."""

from __future__ import annotations

from typing import Any, ClassVar

from meshdoctor.model.base import Condition, KubernetesObject, Record


class GatewayAPIObject(KubernetesObject, frozen=True):
    GROUP = "gateway.networking.k8s.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3", "v1alpha2")


class GatewayClassSpec(Record, frozen=True):
    controller_name: str = ""


class GatewayClassStatus(Record, frozen=True):
    conditions: tuple[Condition, ...] = ()


class GatewayClass(GatewayAPIObject, frozen=True):
    KIND = "GatewayClass"
    PLURAL = "gatewayclasses"
    NAMESPACED = False

    spec: GatewayClassSpec = GatewayClassSpec()
    status: GatewayClassStatus = GatewayClassStatus()


class SecretReference(Record, frozen=True):
    group: str = ""
    kind: str = "Secret"
    namespace: str = ""
    name: str = ""


class ListenerTLS(Record, frozen=True):
    mode: str = "Terminate"
    certificate_refs: tuple[SecretReference, ...] = ()


class Listener(Record, frozen=True):
    name: str = ""
    hostname: str = ""
    port: int = 0
    protocol: str = ""
    tls: ListenerTLS | None = None
    allowed_routes: dict[str, Any] | None = None


class GatewayAddress(Record, frozen=True):
    type: str = ""
    value: str = ""


class GatewaySpec(Record, frozen=True):
    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()


class ListenerStatus(Record, frozen=True):
    name: str = ""
    attached_routes: int = 0
    conditions: tuple[Condition, ...] = ()


class GatewayStatus(Record, frozen=True):
    addresses: tuple[GatewayAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()


class Gateway(GatewayAPIObject, frozen=True):
    """The Gateway API's Gateway; Istio's own is `networking.Gateway`."""

    KIND = "Gateway"
    PLURAL = "gateways"

    spec: GatewaySpec = GatewaySpec()
    status: GatewayStatus = GatewayStatus()


class ParentReference(Record, frozen=True):
    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    namespace: str = ""
    name: str = ""
    section_name: str = ""
    port: int | None = None


class BackendReference(Record, frozen=True):
    group: str = ""
    kind: str = "Service"
    namespace: str = ""
    name: str = ""
    port: int | None = None
    weight: int | None = None


class RouteRule(Record, frozen=True):
    matches: tuple[dict[str, Any], ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    backend_refs: tuple[BackendReference, ...] = ()


class RouteSpec(Record, frozen=True):
    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class RouteParentStatus(Record, frozen=True):
    parent_ref: ParentReference = ParentReference()
    controller_name: str = ""
    conditions: tuple[Condition, ...] = ()


class RouteStatus(Record, frozen=True):
    parents: tuple[RouteParentStatus, ...] = ()


class Route(GatewayAPIObject, frozen=True):
    """A route of any protocol."""

    spec: RouteSpec = RouteSpec()
    status: RouteStatus = RouteStatus()


class HTTPRoute(Route, frozen=True):
    KIND = "HTTPRoute"
    PLURAL = "httproutes"


class GRPCRoute(Route, frozen=True):
    KIND = "GRPCRoute"
    PLURAL = "grpcroutes"


class TLSRoute(Route, frozen=True):
    KIND = "TLSRoute"
    PLURAL = "tlsroutes"


class TCPRoute(Route, frozen=True):
    KIND = "TCPRoute"
    PLURAL = "tcproutes"


class GrantFrom(Record, frozen=True):
    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Record, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""


class ReferenceGrantSpec(Record, rename={"from_": "from"}, frozen=True):
    from_: tuple[GrantFrom, ...] = ()
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(GatewayAPIObject, frozen=True):
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")
    KIND = "ReferenceGrant"
    PLURAL = "referencegrants"

    spec: ReferenceGrantSpec = ReferenceGrantSpec()
