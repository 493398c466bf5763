"""What a server's proxy knows of one request or connection when policies are asked."""

from __future__ import annotations

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that policies ask for: None (of a header: absent from `headers`) where one is not known.

    `principal` is `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, empty for a caller that shows no identity. `port` is the
    workload's own port, not the Service's. `claims` are those of a token that was verified, empty without a token.
    """

    principal: str | None = None
    source_ip: str | None = None  # the peer's address
    remote_ip: str | None = None  # the client's, by X-Forwarded-For or PROXY protocol
    destination_ip: str | None = None
    port: int | None = None
    sni: str | None = None
    is_http: bool = True
    host: str | None = None
    method: str | None = None
    path: str | None = None
    headers: dict[str, tuple[str, ...]] = {}  # names in small letters, each with the values that were sent
    has_all_headers: bool = False  # a header that is not in `headers` was not sent
    claims: dict[str, Any] | None = None
    metadata: dict[str, dict[str, Any]] | None = None  # dynamic metadata of Envoy's filters

    def header(self, name: str) -> tuple[bool, tuple[str, ...]]:
        """Whether a header is known, and its values; none where it was not sent."""
        pseudo = {":authority": self.host, ":method": self.method, ":path": self.path}
        low = name.lower()
        if low in pseudo or low == "host":
            value = pseudo[":authority" if low == "host" else low]
            return value is not None, () if value is None else (value,)
        return low in self.headers or self.has_all_headers, self.headers.get(low, ())


def forwarded_for(headers: dict[str, tuple[str, ...]]) -> str:
    """The last address of X-Forwarded-For, which a sidecar takes for the client's; empty without one."""
    return ",".join(headers.get("x-forwarded-for", ())).rpartition(",")[2].strip()
