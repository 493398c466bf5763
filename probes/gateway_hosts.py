"""Hosts that several servers of Gateways take on one port."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import msgspec

from meshdoctor.istio.gateways import ServerHost, server_hosts
from meshdoctor.istio.hosts import matches
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway
from probes.registry import Draft, fail, probe


class Claim(msgspec.Struct, frozen=True):
    """One host of one server."""

    gateway: Gateway
    path: str
    host: ServerHost


@probe("MD5205", needs=(Gateway,), title="Several servers take one host", severity="info", codes=("KIA0301",))
def host_taken_twice(mesh: Mesh) -> Iterator[Draft]:
    """Two servers on one port of the same pods take the same host: which routes answer depends on both."""
    claims: dict[tuple[frozenset[tuple[str, str]], int], list[Claim]] = {}
    for gateway in mesh[Gateway]:
        for i, server in enumerate(gateway.spec.servers):
            key = (frozenset(gateway.spec.selector.items()), server.port.number)
            for j, host in enumerate(server_hosts(gateway, server)):
                claims.setdefault(key, []).append(Claim(gateway, f"spec.servers[{i}].hosts[{j}]", host))
    for (_, port), found in claims.items():
        told: dict[tuple[int, str], tuple[Claim, Claim]] = {}
        for one, other in combinations(found, 2):
            if _meet(one.host, other.host):
                told.setdefault((id(one.gateway), one.path), (one, other))
                if one.gateway is not other.gateway:  # within one Gateway the pair is told once
                    told.setdefault((id(other.gateway), other.path), (other, one))
        for claim, twin in told.values():
            says = f"{twin.gateway.subject} takes {twin.host.name} on port {port} too"
            yield fail(claim.gateway, says, at=claim.path, also=(twin.gateway,))


def _meet(one: ServerHost, other: ServerHost) -> bool:
    """Whether a request may be for both: for VirtualServices of one namespace, and one host covers the other."""
    if "*" not in (one.namespace, other.namespace) and one.namespace != other.namespace:
        return False
    if one.name == other.name or "*" in (one.name, other.name):
        return True
    if one.name.startswith("*") and other.name.startswith("*"):
        return False  # which of two suffixes is meant depends on the name that is asked for
    return matches(one.name, other.name) or matches(other.name, one.name)
