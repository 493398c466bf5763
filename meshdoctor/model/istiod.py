"""What the replicas of istiod said: sync state of their proxies, mesh config, metrics, logs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.model.envoy import Said

XDS_TYPES = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "CDS",
    "type.googleapis.com/envoy.config.listener.v3.Listener": "LDS",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "EDS",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "RDS",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "ECDS",
}


class TypeSync(msgspec.Struct, frozen=True, kw_only=True):
    """One xDS type of one proxy: nonces sent and acknowledged, and the last refusal's text."""

    sent: str = ""
    acked: str = ""
    sent_at: datetime | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """SYNCED, STALE, NOT SENT or NACK (istio: statusgen.debugSyncStatus)."""
        if self.error:
            return "NACK"
        if not self.sent:
            return "NOT SENT"
        return "SYNCED" if self.sent == self.acked else "STALE"


class ProxySync(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy's line of `/debug/syncz`."""

    namespace: str
    name: str
    istiod: str  # the replica's pod name
    cluster_id: str = ""
    proxy_type: str = ""
    version: str = ""
    types: dict[str, TypeSync] = {}  # CDS, LDS, EDS, RDS, ECDS


class DefaultProviders(msgspec.Struct, frozen=True, rename="camel"):
    metrics: tuple[str, ...] | None = None
    access_logging: tuple[str, ...] | None = None


class MeshConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The MeshConfig fields that rules read, with Istio's defaults."""

    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    trust_domain_aliases: tuple[str, ...] = ()
    enable_auto_mtls: bool | None = True
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: str = "TEXT"
    outbound_traffic_policy: dict[str, Any] = {}
    default_providers: DefaultProviders = DefaultProviders()
    extension_providers: tuple[dict[str, Any], ...] = ()
    default_config: dict[str, Any] = {}
    default_service_export_to: tuple[str, ...] = ()
    default_virtual_service_export_to: tuple[str, ...] = ()
    default_destination_rule_export_to: tuple[str, ...] = ()
    discovery_selectors: tuple[dict[str, Any], ...] = ()
    path_normalization: dict[str, Any] = {}

    @property
    def registry_only(self) -> bool:
        return self.outbound_traffic_policy.get("mode") == "REGISTRY_ONLY"


class Sample(msgspec.Struct, frozen=True):
    """One sample of a Prometheus text exposition."""

    name: str
    labels: dict[str, str]
    value: float


class Istiod(Said, frozen=True, kw_only=True, eq=False):
    """What one replica said. Reading a part that was not asked or failed raises Unseen."""

    FIRST = "syncz"
    namespace: str
    name: str
    revision: str = "default"

    @property
    def syncz(self) -> tuple[ProxySync, ...]:
        value: tuple[ProxySync, ...] = self.part("syncz")
        return value

    @property
    def mesh_config(self) -> MeshConfig:
        value: MeshConfig = self.part("mesh")
        return value

    @property
    def version(self) -> str:
        value: str = self.part("version")
        return value

    @property
    def metrics(self) -> tuple[Sample, ...]:
        value: tuple[Sample, ...] = self.part("metrics")
        return value

    @property
    def log(self) -> tuple[tuple[datetime | None, str], ...]:
        """Lines of the last 60 s as (time, text)."""
        value: tuple[tuple[datetime | None, str], ...] = self.part("log")
        return value

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum over all samples of a metric that carry these labels; None where there is none."""
        found = [s.value for s in self.metrics if s.name == name and labels.items() <= s.labels.items()]
        return sum(found) if found else None
