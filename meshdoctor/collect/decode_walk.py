"""Resources of `/config_dump?resource=…` as the structs that a walk reads, by name."""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.collect import decode_envoy
from meshdoctor.model.envoy_config import (
    Address,
    Cluster,
    Endpoints,
    Kind,
    LbEndpoint,
    Listener,
    Locality,
    Record,
    RouteConfig,
    SocketAddress,
    Target,
)

RESOURCES: dict[Kind, str] = {
    "listeners": "dynamic_listeners",
    "routes": "dynamic_route_configs",
    "clusters": "dynamic_active_clusters",
    "endpoints": "dynamic_endpoint_configs",
}


class _State(Record, frozen=True):
    listener: Listener = Listener()


class _Item(Record, frozen=True):
    active_state: _State | None = None
    route_config: RouteConfig | None = None
    cluster: Cluster | None = None
    endpoint_config: Endpoints | None = None


class _Dump(Record, frozen=True):
    configs: tuple[_Item, ...] = ()


def resources(body: bytes) -> dict[str, Any]:
    """The listeners, route configurations, clusters or endpoints of an answer, by their names."""
    found: dict[str, Any] = {}
    for item in msgspec.json.decode(body, type=_Dump, strict=False).configs:
        if item.active_state is not None:
            found[item.active_state.listener.name] = item.active_state.listener
        for each in (item.route_config, item.cluster):
            if each is not None:
                found[each.name] = each
        if item.endpoint_config is not None:
            found[item.endpoint_config.cluster_name] = item.endpoint_config
    return found


def endpoints_of_clusters(body: bytes) -> dict[str, Endpoints]:
    """The same of `/clusters?format=json`, where the labels of endpoints are not told."""
    return {c.name: Endpoints(c.name, (Locality(tuple(map(_endpoint, c.hosts))),)) for c in decode_envoy.clusters(body)}


def _endpoint(host: Any) -> LbEndpoint:
    well = host.eds_health == "HEALTHY" and not host.ejected and not host.failed_active_check
    address = Address(SocketAddress(host.address, host.port))
    return LbEndpoint(Target(address), "HEALTHY" if well else "UNHEALTHY", None)
