"""EnvoyFilters: patches of what proxies are told."""

from __future__ import annotations

from typing import Any, ClassVar

from meshdoctor.model.base import Record
from meshdoctor.model.networking import NetworkingObject, PolicyTargetReference, WorkloadSelector


class EnvoyFilterMatch(Record, frozen=True):
    context: str = "ANY"
    proxy: dict[str, Any] = {}
    listener: dict[str, Any] = {}


class EnvoyConfigObjectPatch(Record, frozen=True):
    apply_to: str = ""
    match: EnvoyFilterMatch = EnvoyFilterMatch()
    patch: dict[str, Any] = {}

    @property
    def operation(self) -> str:
        return str(self.patch.get("operation", "")).upper()

    @property
    def filter_name(self) -> str:
        """The filter that it adds, else the one that it matches; empty where it names none."""
        value = self.patch.get("value")
        if isinstance(value, dict) and value.get("name"):
            return str(value["name"])
        matched = (self.match.listener.get("filterChain") or {}).get("filter") or {}
        return str(matched.get("name", ""))

    @property
    def added_filter(self) -> str:
        """The name of the filter that it puts into listeners; empty where it does something else."""
        adds = self.operation in ("ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST", "REPLACE")
        value = self.patch.get("value")
        named = str(value.get("name") or "") if isinstance(value, dict) else ""
        return named if adds and self.apply_to in ("HTTP_FILTER", "NETWORK_FILTER") else ""

    @property
    def removed_filter(self) -> str:
        """The name of the filter that it takes out of listeners; empty where it does something else."""
        matched = (self.match.listener.get("filterChain") or {}).get("filter") or {}
        if self.apply_to == "HTTP_FILTER":
            matched = matched.get("subFilter") or {}
        removes = self.operation == "REMOVE" and self.apply_to in ("HTTP_FILTER", "NETWORK_FILTER")
        return str(matched.get("name") or "") if removes else ""

    @property
    def proxy_version(self) -> str:
        return str(self.match.proxy.get("proxyVersion", ""))


class EnvoyFilterSpec(Record, frozen=True):
    workload_selector: WorkloadSelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    config_patches: tuple[EnvoyConfigObjectPatch, ...] = ()
    priority: int = 0


class EnvoyFilter(NetworkingObject, frozen=True):
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1alpha3",)
    KIND = "EnvoyFilter"
    PLURAL = "envoyfilters"

    spec: EnvoyFilterSpec = EnvoyFilterSpec()
