"""What one Envoy said of itself through its admin port, and what its access log holds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from meshdoctor.model.sources import Source, SourceState, Unseen

if TYPE_CHECKING:
    from meshdoctor.model.traffic import Scrape


class Said(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An answer's parts: each is a value, or the Source that says why there is none.

    `FIRST` is the part that is asked for first: where it fails, no other is asked for, and for the same reason.
    """

    FIRST: ClassVar[str] = ""
    parts: dict[str, Any] = {}
    missing: dict[str, Source] = {}

    def part(self, name: str) -> Any:
        """The part of that name; raises Unseen where it was not read."""
        if name in self.parts:
            return self.parts[name]
        why = self.missing.get(name) or self.missing.get(self.FIRST)
        raise Unseen(why or Source(name=name, state=SourceState.SKIPPED, reason="was not asked"))

    def has(self, name: str) -> bool:
        return name in self.parts


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint of a cluster as this Envoy sees it."""

    address: str
    port: int
    eds_health: str = "HEALTHY"
    ejected: bool = False  # failed_outlier_check
    failed_active_check: bool = False
    stats: dict[str, int] = {}  # cx_connect_fail, rq_error, rq_timeout, cx_active, rq_active, ...


class ClusterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster of `/clusters`. `limits` are the circuit breaker's maxima of default priority."""

    name: str
    hosts: tuple[HostStatus, ...] = ()
    limits: dict[str, int] = {}  # max_connections, max_pending_requests, max_requests, max_retries


class LoadedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of a proxy or a gateway: public fields only. `name` is its SDS name (`default`, `ROOTCA`,
    `kubernetes://shop-tls`), `role` is `leaf` or `ca`."""

    name: str
    role: str = "leaf"
    subject: str = ""
    sans: tuple[str, ...] = ()
    serial: str = ""
    sha256: str = ""
    valid_from: datetime | None = None
    expires: datetime | None = None


class SecretState(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as Envoy holds it; `warming` means it waits for one that nobody delivers."""

    name: str
    warming: bool = False


class AccessLogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request or connection, as the access log tells it. Fields that the format lacks are empty."""

    time: datetime | None = None
    code: int = 0
    flags: str = ""
    details: str = ""
    connection_details: str = ""
    transport_failure: str = ""
    method: str = ""
    path: str = ""
    authority: str = ""
    upstream_cluster: str = ""
    upstream_host: str = ""
    downstream_remote: str = ""
    downstream_local: str = ""
    sni: str = ""
    tells_sni: bool = True  # whether the format has it: an empty one is plain text then
    route: str = ""
    protocol: str = ""
    request_id: str = ""  # the same along a chain of calls, where the applications hand it on
    duration_ms: int | None = None
    bytes_received: int | None = None  # of the request, or from the client of a connection
    bytes_sent: int | None = None

    @property
    def inbound(self) -> bool:
        """Whether it came in (the proxy is the server's): by the cluster's name, or the log has no cluster yet."""
        return self.upstream_cluster.lower().startswith("inbound") or (self.route == "" and self.upstream_cluster == "")


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of istio-proxy: the access log parsed, the rest as (time, text)."""

    access: tuple[AccessLogEntry, ...] = ()
    lines: tuple[tuple[datetime | None, str], ...] = ()
    window_s: float = 60.0


class Envoy(Said, frozen=True, kw_only=True, eq=False):
    """What one proxy said. Reading a part that was not asked or failed raises Unseen."""

    FIRST = "state"
    namespace: str
    name: str

    @property
    def clusters(self) -> tuple[ClusterStatus, ...]:
        value: tuple[ClusterStatus, ...] = self.part("clusters")
        return value

    @property
    def scrapes(self) -> tuple[Scrape, Scrape]:
        """Its counters at two moments."""
        value: tuple[Scrape, Scrape] = self.part("scrapes")
        return value

    @property
    def certificates(self) -> tuple[LoadedCertificate, ...]:
        """Leaf and CA certificates in use: of `/certs`, or of the secrets where that is too large to be read."""
        value: tuple[LoadedCertificate, ...] = self.part("certs")
        return value

    @property
    def secrets(self) -> tuple[SecretState, ...]:
        value: tuple[SecretState, ...] = self.part("secrets")
        return value

    @property
    def secret_certificates(self) -> tuple[LoadedCertificate, ...]:
        """The certificates inside the named secrets, keys left out."""
        value: tuple[LoadedCertificate, ...] = self.part("secret_certs")
        return value

    @property
    def filters(self) -> frozenset[str]:
        """The names of all filters in the inbound listener, of a gateway in all listeners."""
        value: frozenset[str] = self.part("filters")
        return value

    @property
    def stats(self) -> dict[str, int]:
        value: dict[str, int] = self.part("stats")
        return value

    @property
    def state(self) -> str:
        """LIVE, DRAINING, PRE_INITIALIZING or INITIALIZING (the text of `/ready`)."""
        value: str = self.part("state")
        return value

    @property
    def jwks(self) -> dict[str, str]:
        """JWKS text by issuer, as the jwt_authn filters of the listeners hold it inline."""
        value: dict[str, str] = self.part("jwks")
        return value

    @property
    def rejected_listeners(self) -> dict[str, str]:
        """Listener name to the error of its last refused update."""
        value: dict[str, str] = self.part("rejected")
        return value

    @property
    def listeners(self) -> tuple[str, ...]:
        """`address:port` of every listener that is bound (`/listeners`)."""
        value: tuple[str, ...] = self.part("listeners")
        return value

    @property
    def inbound_modes(self) -> dict[int, str]:
        """Workload port to what the live inbound listener takes there (STRICT, PERMISSIVE, DISABLE); 0: all others."""
        value: dict[int, str] = self.part("inbound")
        return value

    @property
    def route_configs(self) -> tuple[Any, ...]:
        """Its route configurations (`RouteConfig`), whole."""
        value: tuple[Any, ...] = self.part("route_configs")
        return value

    @property
    def walks(self) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
        """Calls (`Call`) that were led through its configuration, with the steps that they took (`Step`)."""
        value: tuple[tuple[Any, tuple[Any, ...]], ...] = self.part("walks")
        return value

    @property
    def handshakes(self) -> dict[int, tuple[int, int]]:
        """Workload port (0: the whole inbound listener) to (connections with TLS, connections) since the proxy started.

        Empty where the proxy's statistics do not keep them, which is Istio's default.
        """
        value: dict[int, tuple[int, int]] = self.part("handshakes")
        return value

    @property
    def logs(self) -> Logs:
        value: Logs = self.part("logs")
        return value
