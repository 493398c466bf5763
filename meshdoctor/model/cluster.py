"""The cluster around the workloads: namespaces, services, nodes, accounts, quotas, events."""

from __future__ import annotations

from datetime import datetime

from msgspec import field

from meshdoctor.model.base import Condition, ConditionedStatus, KubernetesObject, Record


class Namespace(KubernetesObject, frozen=True):
    KIND = "Namespace"
    PLURAL = "namespaces"
    NAMESPACED = False


class ServicePort(Record, frozen=True):
    name: str = ""
    port: int = 0
    target_port: int | str | None = None
    protocol: str = "TCP"
    app_protocol: str = ""
    node_port: int = 0

    @property
    def target(self) -> int | str:
        """Where it leads: the targetPort, which defaults to the port."""
        return self.target_port or self.port


class ServiceSpec(Record, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = field(default="", name="clusterIP")
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    external_name: str = ""
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    load_balancer_class: str = ""
    external_traffic_policy: str = ""
    health_check_node_port: int = 0


class LoadBalancerIngress(Record, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Record, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(ConditionedStatus, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(KubernetesObject, frozen=True):
    KIND = "Service"
    PLURAL = "services"

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The external addresses its status shows."""
        return tuple(i.ip or i.hostname for i in self.status.load_balancer.ingress)


class EndpointConditions(Record, frozen=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetReference(Record, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class Endpoint(Record, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetReference | None = None
    node_name: str = ""

    @property
    def is_ready(self) -> bool:
        return self.conditions.ready is not False  # unset means ready


class EndpointPort(Record, frozen=True):
    name: str = ""
    port: int | None = None
    protocol: str = "TCP"


class EndpointSlice(KubernetesObject, frozen=True):
    GROUP = "discovery.k8s.io"
    KIND = "EndpointSlice"
    PLURAL = "endpointslices"

    endpoints: tuple[Endpoint, ...] | None = ()  # the API prints null for an empty slice
    ports: tuple[EndpointPort, ...] | None = ()

    @property
    def service(self) -> str:
        return self.labels.get("kubernetes.io/service-name", "")


class Taint(Record, frozen=True):
    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Record, frozen=True):
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeStatus(Record, frozen=True):
    conditions: tuple[Condition, ...] = ()


class Node(KubernetesObject, frozen=True):
    KIND = "Node"
    PLURAL = "nodes"
    NAMESPACED = False

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ServiceAccount(KubernetesObject, frozen=True):
    KIND = "ServiceAccount"
    PLURAL = "serviceaccounts"


TLS_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))  # where istiod looks for a certificate and its key, in this order


class Secret(KubernetesObject, frozen=True):
    """A Secret's metadata: its data is never asked for (PartialObjectMetadata).

    Of one that a manifest writes out the public certificates are kept (PEM), and which entries of TLS_PAIRS it has;
    `entries` is None where that is not known.
    """

    KIND = "Secret"
    PLURAL = "secrets"

    entries: tuple[str, ...] | None = None
    certificates: dict[str, str] = {}


class ConfigMap(KubernetesObject, frozen=True):
    """A ConfigMap of the control plane (read by name, never listed over all namespaces)."""

    KIND = "ConfigMap"
    PLURAL = "configmaps"

    data: dict[str, str] = {}


class ResourceQuotaStatus(Record, frozen=True):
    hard: dict[str, str] = {}
    used: dict[str, str] = {}


class ResourceQuota(KubernetesObject, frozen=True):
    KIND = "ResourceQuota"
    PLURAL = "resourcequotas"

    status: ResourceQuotaStatus = ResourceQuotaStatus()


class LimitRangeItem(Record, frozen=True):
    type: str = ""
    max: dict[str, str] = {}
    min: dict[str, str] = {}
    default: dict[str, str] = {}


class LimitRangeSpec(Record, frozen=True):
    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(KubernetesObject, frozen=True):
    KIND = "LimitRange"
    PLURAL = "limitranges"

    spec: LimitRangeSpec = LimitRangeSpec()


class ObjectReference(Record, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    api_version: str = ""


class EventSeries(Record, frozen=True):
    count: int = 0
    last_observed_time: datetime | None = None


class Event(KubernetesObject, frozen=True):
    KIND = "Event"
    PLURAL = "events"

    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    involved_object: ObjectReference = ObjectReference()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None

    @property
    def last_seen(self) -> datetime | None:
        in_series = self.series.last_observed_time if self.series else None
        return in_series or self.last_timestamp or self.event_time or self.created
