"""networking.istio.io: routes, destinations, gateways, service entries, sidecars, filters."""

from __future__ import annotations

from typing import Any, ClassVar

from meshdoctor.model.base import ConditionedStatus, KubernetesObject, Record


class StringMatch(Record, frozen=True):
    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None


class PortSelector(Record, frozen=True):
    number: int = 0


class Destination(Record, frozen=True):
    host: str = ""
    subset: str = ""
    port: PortSelector | None = None


class RouteDestination(Record, frozen=True):
    destination: Destination = Destination()
    weight: int = 0
    headers: dict[str, Any] | None = None


class HTTPMatchRequest(Record, frozen=True):
    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[str, StringMatch] = {}
    without_headers: dict[str, StringMatch] = {}
    query_params: dict[str, StringMatch] = {}
    port: int = 0
    source_labels: dict[str, str] = {}
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()
    ignore_uri_case: bool = False
    stat_prefix: str = ""


class Percent(Record, frozen=True):
    value: float = 0.0


class FaultDelay(Record, frozen=True):
    fixed_delay: str = ""
    percentage: Percent | None = None
    percent: int = 0


class FaultAbort(Record, frozen=True):
    http_status: int = 0
    grpc_status: str = ""
    percentage: Percent | None = None


class HTTPFaultInjection(Record, frozen=True):
    delay: FaultDelay | None = None
    abort: FaultAbort | None = None


class HTTPRetry(Record, frozen=True):
    attempts: int = 0
    per_try_timeout: str = ""
    retry_on: str = ""


class Delegate(Record, frozen=True):
    name: str = ""
    namespace: str = ""


class MirrorPolicy(Record, frozen=True):
    destination: Destination = Destination()
    percentage: Percent | None = None


class HTTPRoute(Record, frozen=True):
    """One rule of `spec.http`."""

    name: str = ""
    match: tuple[HTTPMatchRequest, ...] = ()
    route: tuple[RouteDestination, ...] = ()
    redirect: dict[str, Any] | None = None
    direct_response: dict[str, Any] | None = None
    delegate: Delegate | None = None
    rewrite: dict[str, Any] | None = None
    timeout: str = ""
    retries: HTTPRetry | None = None
    fault: HTTPFaultInjection | None = None
    mirror: Destination | None = None
    mirror_percentage: Percent | None = None
    mirrors: tuple[MirrorPolicy, ...] = ()
    headers: dict[str, Any] | None = None
    cors_policy: dict[str, Any] | None = None


class L4Match(Record, frozen=True):
    """A match of `spec.tls` or `spec.tcp`."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: int = 0
    source_labels: dict[str, str] = {}
    source_namespace: str = ""
    gateways: tuple[str, ...] = ()


class L4Route(Record, frozen=True):
    match: tuple[L4Match, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualServiceSpec(Record, frozen=True):
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[L4Route, ...] = ()
    tcp: tuple[L4Route, ...] = ()
    export_to: tuple[str, ...] = ()


class NetworkingObject(KubernetesObject, frozen=True):
    GROUP = "networking.istio.io"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")


class VirtualService(NetworkingObject, frozen=True):
    KIND = "VirtualService"
    PLURAL = "virtualservices"

    spec: VirtualServiceSpec = VirtualServiceSpec()


class ClientTLSSettings(Record, frozen=True):
    mode: str = ""
    sni: str = ""
    credential_name: str = ""
    ca_certificates: str = ""
    client_certificate: str = ""
    subject_alt_names: tuple[str, ...] = ()
    insecure_skip_verify: bool | None = None


class TCPSettings(Record, frozen=True):
    max_connections: int = 0
    connect_timeout: str = ""


class HTTPSettings(Record, frozen=True):
    http1_max_pending_requests: int = 0
    http2_max_requests: int = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    idle_timeout: str = ""


class ConnectionPool(Record, frozen=True):
    tcp: TCPSettings | None = None
    http: HTTPSettings | None = None


class OutlierDetection(Record, frozen=True):
    consecutive5xx_errors: int | None = None
    consecutive_gateway_errors: int | None = None
    interval: str = ""
    base_ejection_time: str = ""
    max_ejection_percent: int = 0
    min_health_percent: int = 0


class TrafficPolicy(Record, frozen=True):
    tls: ClientTLSSettings | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    load_balancer: dict[str, Any] | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()


class PortTrafficPolicy(Record, frozen=True):
    port: PortSelector | None = None
    tls: ClientTLSSettings | None = None
    connection_pool: ConnectionPool | None = None
    outlier_detection: OutlierDetection | None = None
    load_balancer: dict[str, Any] | None = None


class Subset(Record, frozen=True):
    name: str = ""
    labels: dict[str, str] = {}
    traffic_policy: TrafficPolicy | None = None


class WorkloadSelector(Record, frozen=True):
    """`matchLabels` in security and telemetry, `labels` in Sidecar and EnvoyFilter."""

    match_labels: dict[str, str] = {}
    labels: dict[str, str] = {}

    @property
    def wanted(self) -> dict[str, str]:
        return self.match_labels or self.labels


class DestinationRuleSpec(Record, frozen=True):
    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = None


class DestinationRule(NetworkingObject, frozen=True):
    KIND = "DestinationRule"
    PLURAL = "destinationrules"

    spec: DestinationRuleSpec = DestinationRuleSpec()


class Port(Record, frozen=True):
    number: int = 0
    name: str = ""
    protocol: str = ""
    target_port: int = 0


class TLSCertificate(Record, frozen=True):
    server_certificate: str = ""


class ServerTLSSettings(Record, frozen=True):
    mode: str = ""
    credential_name: str = ""
    credential_names: tuple[str, ...] = ()
    server_certificate: str = ""
    https_redirect: bool = False
    tls_certificates: tuple[TLSCertificate, ...] = ()

    @property
    def credentials(self) -> tuple[str, ...]:
        return ((self.credential_name,) if self.credential_name else ()) + self.credential_names


class Server(Record, frozen=True):
    port: Port = Port()
    hosts: tuple[str, ...] = ()
    tls: ServerTLSSettings | None = None
    name: str = ""
    bind: str = ""


class GatewaySpec(Record, frozen=True):
    selector: dict[str, str] = {}
    servers: tuple[Server, ...] = ()


class Gateway(NetworkingObject, frozen=True):
    """Istio's Gateway; the Gateway API's is `gatewayapi.Gateway`."""

    KIND = "Gateway"
    PLURAL = "gateways"

    spec: GatewaySpec = GatewaySpec()


class WorkloadEntrySpec(Record, frozen=True):
    address: str = ""
    ports: dict[str, int] = {}
    labels: dict[str, str] = {}
    service_account: str = ""
    network: str = ""


class WorkloadEntry(NetworkingObject, frozen=True):
    KIND = "WorkloadEntry"
    PLURAL = "workloadentries"

    spec: WorkloadEntrySpec = WorkloadEntrySpec()
    status: ConditionedStatus = ConditionedStatus()


class ServiceEntrySpec(Record, frozen=True):
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    location: str = "MESH_EXTERNAL"
    resolution: str = "NONE"
    endpoints: tuple[WorkloadEntrySpec, ...] = ()
    workload_selector: WorkloadSelector | None = None
    export_to: tuple[str, ...] = ()


class ServiceEntryAddress(Record, frozen=True):
    """An address that istiod gave to a host by itself."""

    value: str = ""
    host: str = ""


class ServiceEntryStatus(ConditionedStatus, frozen=True):
    addresses: tuple[ServiceEntryAddress, ...] = ()


class ServiceEntry(NetworkingObject, frozen=True):
    KIND = "ServiceEntry"
    PLURAL = "serviceentries"

    spec: ServiceEntrySpec = ServiceEntrySpec()
    status: ServiceEntryStatus = ServiceEntryStatus()


class IstioEgressListener(Record, frozen=True):
    hosts: tuple[str, ...] = ()
    port: Port | None = None


class IstioIngressListener(Record, frozen=True):
    port: Port = Port()
    default_endpoint: str = ""


class OutboundTrafficPolicy(Record, frozen=True):
    mode: str = ""
    egress_proxy: Destination | None = None


class SidecarSpec(Record, frozen=True):
    workload_selector: WorkloadSelector | None = None
    ingress: tuple[IstioIngressListener, ...] = ()
    egress: tuple[IstioEgressListener, ...] = ()
    outbound_traffic_policy: OutboundTrafficPolicy | None = None


class Sidecar(NetworkingObject, frozen=True):
    KIND = "Sidecar"
    PLURAL = "sidecars"

    spec: SidecarSpec = SidecarSpec()


class PolicyTargetReference(Record, frozen=True):
    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
