"""What an Envoy's inbound listener takes, and how many of its connections were TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

OWN_PORT = 15006  # calls to the listener itself, which it drops
_OF_PORT = re.compile(r"^http\.inbound_[^;]*?_(\d+);?\.downstream_cx(_ssl)?_total$")
_OF_LISTENER = re.compile(rf"^listener\..*_{OWN_PORT}\.(?:downstream_cx_total|(ssl\.handshake))$")


def inbound_modes(body: bytes) -> dict[int, str]:
    """`/config_dump?resource=dynamic_listeners&name_regex=virtualInbound`: workload port (0: all others) to its mode.

    STRICT: every filter chain of the port wants a client certificate; DISABLE: none; PERMISSIVE: some.
    """
    wants: dict[int, set[bool]] = {}
    for chain in _chains(msgspec.json.decode(body)):
        port = int(chain.get("filter_chain_match", {}).get("destination_port", 0))
        if port != OWN_PORT:
            wants.setdefault(port, set()).add(_wants_certificate(chain))
    return {port: "PERMISSIVE" if len(found) > 1 else "STRICT" if True in found else "DISABLE" for port, found in wants.items()}


def _chains(answer: Any) -> Iterator[dict[str, Any]]:
    for config in answer.get("configs", ()) if isinstance(answer, dict) else ():
        yield from config.get("active_state", {}).get("listener", {}).get("filter_chains", ())


def _wants_certificate(chain: dict[str, Any]) -> bool:
    return bool(chain.get("transport_socket", {}).get("typed_config", {}).get("require_client_certificate"))


def handshakes(body: bytes) -> dict[int, tuple[int, int]]:
    """`/stats?format=json`: workload port (0: the whole listener) to (connections with TLS, connections)."""
    tls: dict[int, int] = {}
    every: dict[int, int] = {}
    for entry in msgspec.json.decode(body).get("stats", ()):
        name, value = str(entry.get("name", "")), entry.get("value")
        match = _OF_PORT.match(name)
        port, is_tls = (int(match[1]), bool(match[2])) if match else (0, False)
        if match is None:
            match = _OF_LISTENER.match(name)
            is_tls = bool(match and match[1])
        if match is not None and isinstance(value, int):
            counts = tls if is_tls else every
            counts[port] = counts.get(port, 0) + value
    return {port: (tls.get(port, 0), count) for port, count in every.items()}
