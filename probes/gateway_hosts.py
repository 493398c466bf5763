"""Hosts that several servers of Gateways take on one port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

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
        crowd = Crowd(found)
        for position, claim in enumerate(found):
            twin = crowd.twin(position)
            if twin is not None:
                says = f"{twin.gateway.subject} takes {twin.host.name} on port {port} too"
                yield fail(claim.gateway, says, at=claim.path, also=(twin.gateway,))


class Crowd:
    """The claims of one port by name, so that those which may meet are found without comparing all with all."""

    def __init__(self, claims: list[Claim]) -> None:
        self.claims = claims
        self._named: dict[str, list[int]] = {}
        self._beneath: dict[str, list[int]] = {}  # by wildcard: the exact names it covers
        self._odd: list[int] = []  # wildcards within a label, such as `*shop.example.com`
        for position, name in enumerate(c.host.name for c in claims):
            self._named.setdefault(name, []).append(position)
            if not name.startswith("*"):
                for wildcard in _above(name):
                    self._beneath.setdefault(wildcard, []).append(position)
            elif name != "*" and not name.startswith("*."):
                self._odd.append(position)

    def twin(self, position: int) -> Claim | None:
        """The first other claim that meets this one; of two in one Gateway only the first is told of the second."""
        firsts = (self._first(position, near) for near in self._near(self.claims[position].host.name))
        return min(((n, self.claims[n]) for n in firsts if n is not None), default=(0, None), key=lambda f: f[0])[1]

    def _near(self, name: str) -> Iterator[Sequence[int]]:
        if name in self._odd_names or name == "*":
            yield range(len(self.claims))
            return
        yield self._named[name]
        yield self._named.get("*", ())
        if name.startswith("*"):
            yield self._beneath.get(name, ())
        else:
            yield from (self._named.get(wildcard, ()) for wildcard in _above(name))
            yield self._odd

    @cached_property
    def _odd_names(self) -> frozenset[str]:
        return frozenset(self.claims[n].host.name for n in self._odd)

    def _first(self, position: int, near: Sequence[int]) -> int | None:
        own = self.claims[position]
        for n in near:
            other = self.claims[n]
            if n != position and (n > position or other.gateway is not own.gateway) and _meet(own.host, other.host):
                return n
        return None


def _above(name: str) -> Iterator[str]:
    """The wildcards that cover a name, but for `*`."""
    while "." in name:
        name = name.partition(".")[2]
        yield f"*.{name}"


def _meet(one: ServerHost, other: ServerHost) -> bool:
    """Whether a request may be for both: for VirtualServices of one namespace, and one host covers the other."""
    if "*" not in (one.namespace, other.namespace) and one.namespace != other.namespace:
        return False
    if one.name == other.name or "*" in (one.name, other.name):
        return True
    if one.name.startswith("*") and other.name.startswith("*"):
        return False  # which of two suffixes is meant depends on the name that is asked for
    return matches(one.name, other.name) or matches(other.name, one.name)
