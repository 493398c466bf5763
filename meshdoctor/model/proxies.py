"""networking.istio.io: how machines join the mesh, and how proxies are set up."""

from __future__ import annotations

from typing import Any, ClassVar

from meshdoctor.model.base import Record
from meshdoctor.model.networking import NetworkingObject, WorkloadEntrySpec, WorkloadSelector


class WorkloadGroupMetadata(Record, frozen=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class WorkloadGroupSpec(Record, frozen=True):
    metadata: WorkloadGroupMetadata = WorkloadGroupMetadata()
    template: WorkloadEntrySpec = WorkloadEntrySpec()
    probe: dict[str, Any] | None = None


class WorkloadGroup(NetworkingObject, frozen=True):
    KIND = "WorkloadGroup"
    PLURAL = "workloadgroups"

    spec: WorkloadGroupSpec = WorkloadGroupSpec()


class ProxyConfigSpec(Record, frozen=True):
    selector: WorkloadSelector | None = None
    concurrency: int | None = None
    environment_variables: dict[str, str] = {}
    image: dict[str, Any] | None = None


class ProxyConfig(NetworkingObject, frozen=True):
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta1",)
    KIND = "ProxyConfig"
    PLURAL = "proxyconfigs"

    spec: ProxyConfigSpec = ProxyConfigSpec()
