"""The configuration that an Envoy has, as its `/config_dump` prints it: only what decides where a request goes.

Source: envoyproxy.io, API v3: Listener, HttpConnectionManager, TcpProxy, RouteConfiguration, Cluster, ClusterLoadAssignment.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from meshdoctor.model.sources import Source, Unseen

Kind = Literal["listeners", "routes", "clusters", "endpoints"]


class Record(msgspec.Struct, frozen=True):
    """Fields that are not named here are left aside."""


class SocketAddress(Record, frozen=True):
    address: str = ""
    port_value: int = 0


class Address(Record, frozen=True):
    socket_address: SocketAddress = SocketAddress()


class Metadata(Record, frozen=True):
    filter_metadata: dict[str, dict[str, Any]] = {}

    @property
    def config(self) -> str:
        """The path of the Istio object that a resource was made of, as istiod writes it; empty where it does not."""
        return str(self.filter_metadata.get("istio", {}).get("config", ""))


class Weight(Record, frozen=True):
    name: str = ""
    weight: int = 0


class Weights(Record, frozen=True):
    clusters: tuple[Weight, ...] = ()


class Regex(Record, frozen=True):
    regex: str = ""


class StringMatcher(Record, frozen=True):
    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    contains: str | None = None
    safe_regex: Regex | None = None
    ignore_case: bool = False


class Range(Record, frozen=True):
    start: int = 0
    end: int = 0


class ValueMatch(Record, frozen=True):
    """A condition on a header or a query parameter. Older releases print `exact_match` and the like in place of `string_match`."""

    name: str = ""
    string_match: StringMatcher | None = None
    exact_match: str | None = None
    prefix_match: str | None = None
    suffix_match: str | None = None
    safe_regex_match: Regex | None = None
    range_match: Range | None = None
    present_match: bool | None = None
    invert_match: bool = False
    treat_missing_header_as_empty: bool = False


class RouteMatch(Record, frozen=True):
    prefix: str | None = None
    path: str | None = None
    path_separated_prefix: str | None = None
    safe_regex: Regex | None = None
    case_sensitive: bool = True
    headers: tuple[ValueMatch, ...] = ()
    query_parameters: tuple[ValueMatch, ...] = ()


class RouteAction(Record, frozen=True):
    cluster: str = ""
    weighted_clusters: Weights | None = None
    cluster_header: str = ""
    timeout: str = ""


class Redirect(Record, frozen=True):
    response_code: str = ""
    host_redirect: str = ""
    path_redirect: str = ""
    https_redirect: bool = False


class DirectResponse(Record, frozen=True):
    status: int = 0


class Route(Record, frozen=True):
    name: str = ""
    match: RouteMatch = RouteMatch()
    route: RouteAction | None = None
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    metadata: Metadata = Metadata()


class VirtualHost(Record, frozen=True):
    name: str = ""
    domains: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    require_tls: str = "NONE"


class RouteConfig(Record, frozen=True):
    name: str = ""
    virtual_hosts: tuple[VirtualHost, ...] = ()
    ignore_port_in_host_matching: bool = False


class Rds(Record, frozen=True):
    route_config_name: str = ""


class FilterConfig(Record, frozen=True):
    """Of an HTTP connection manager its routes, of a TCP proxy its clusters."""

    rds: Rds | None = None
    route_config: RouteConfig | None = None
    cluster: str = ""
    weighted_clusters: Weights | None = None


class NetworkFilter(Record, frozen=True):
    name: str = ""
    typed_config: FilterConfig = FilterConfig()


class Prefix(Record, frozen=True):
    address_prefix: str = ""
    prefix_len: int = 0


class ChainMatch(Record, frozen=True):
    destination_port: int = 0
    prefix_ranges: tuple[Prefix, ...] = ()
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()


class Socket(Record, frozen=True):
    name: str = ""
    typed_config: dict[str, Any] = {}


class FilterChain(Record, frozen=True):
    name: str = ""
    filter_chain_match: ChainMatch = ChainMatch()
    filters: tuple[NetworkFilter, ...] = ()
    transport_socket: Socket | None = None


class Listener(Record, frozen=True):
    name: str = ""
    address: Address = Address()
    filter_chains: tuple[FilterChain, ...] = ()
    default_filter_chain: FilterChain | None = None


class SocketMatch(Record, frozen=True):
    name: str = ""
    match: dict[str, Any] = {}
    transport_socket: Socket = Socket()


class Cluster(Record, frozen=True):
    name: str = ""
    type: str = "STATIC"
    transport_socket: Socket | None = None
    transport_socket_matches: tuple[SocketMatch, ...] = ()
    metadata: Metadata = Metadata()


class Target(Record, frozen=True):
    address: Address = Address()


class LbEndpoint(Record, frozen=True):
    endpoint: Target = Target()
    health_status: str = "HEALTHY"
    metadata: Metadata | None = Metadata()  # None where it is not known: the answer of `/clusters` has none

    @property
    def ip(self) -> str:
        return self.endpoint.address.socket_address.address


class Locality(Record, frozen=True):
    lb_endpoints: tuple[LbEndpoint, ...] = ()


class Endpoints(Record, frozen=True):
    cluster_name: str = ""
    endpoints: tuple[Locality, ...] = ()

    @property
    def all(self) -> tuple[LbEndpoint, ...]:
        return tuple(e for locality in self.endpoints for e in locality.lb_endpoints)


class Lacks(Exception):
    """A walk needs resources that were not asked for yet."""

    def __init__(self, kind: Kind, names: tuple[str, ...]) -> None:
        self.kind, self.names = kind, names
        super().__init__(f"{kind}: {', '.join(names)}")


class EnvoyConfig(msgspec.Struct):
    """Parts of one Envoy's configuration, by kind and name. `whole` are the kinds of which everything was read."""

    found: dict[tuple[Kind, str], Any] = {}
    asked: set[tuple[Kind, str]] = set()
    whole: set[Kind] = set()
    missing: dict[Kind, Source] = {}

    def some(self, kind: Kind, *names: str) -> dict[str, Any]:
        """Those of these resources that Envoy has. Raises Unseen where the kind could not be read, Lacks where it was not asked."""
        if kind in self.missing:
            raise Unseen(self.missing[kind])
        unknown = tuple(n for n in names if (kind, n) not in self.asked) if kind not in self.whole else ()
        if unknown:
            raise Lacks(kind, unknown)
        return {n: self.found[kind, n] for n in names if (kind, n) in self.found}
