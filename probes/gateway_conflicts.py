"""Servers of Gateways that cannot share a port of their pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshdoctor.istio.gateways import Selector, gateway_pods_of, is_plain_http, is_tls, server_hosts
from meshdoctor.model.findings import STRONG
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway, Server
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


class Place(NamedTuple):
    """One server of one Gateway; the older Gateways have the lower ranks."""

    rank: int
    gateway: Gateway
    at: int
    server: Server

    @property
    def manner(self) -> str:
        """What servers of one port must have in common."""
        if is_tls(self.server):
            return "tls"
        return "plain" if is_plain_http(self.server) else "other"

    @property
    def selector(self) -> Selector:
        return frozenset(self.gateway.spec.selector.items())

    @property
    def hosts(self) -> set[str]:
        return {h.name for h in server_hosts(self.gateway, self.server)}


@probe("GW-003", needs=(Gateway, Pod))
def conflicting_servers(mesh: Mesh) -> Iterator[Draft]:
    """Two servers on one port of the same pods differ in protocol or share a TLS host: the later one is skipped."""
    meeting = _meeting(mesh)
    ports: dict[tuple[int, str], Port] = {}
    told: set[tuple[int, str, Subject]] = set()
    for place in _by_age(mesh):
        key = (place.server.port.number, place.server.bind)
        port = ports.setdefault(key, Port(meeting))
        older = port.rival(place)
        port.add(place)
        plain = older is not None and older.manner == place.manner == "plain"
        if older is None or (*key, place.gateway.subject) in told:
            continue
        if not plain:
            told.add((*key, place.gateway.subject))
        yield fail(
            place.gateway,
            f"port {key[0]}: {_conflict(older, place)} as {older.gateway.subject}",
            at=f"spec.servers[{place.at}]",
            why="Istio merges them: routes of both answer" if plain else "the younger one is skipped",
            evidence=tuple(quote(p.gateway, f"spec.servers[{p.at}]", _words(p.server)) for p in (place, older)),
            severity="medium" if plain else None,
            confidence=STRONG if plain else None,
            also=(older.gateway,),
            codes=(),  # what istioctl says of it is told of every Gateway: MD5206
        )


def _by_age(mesh: Mesh) -> Iterator[Place]:
    every = [(g, i, s) for g in mesh[Gateway] for i, s in enumerate(g.spec.servers)]
    every.sort(key=lambda e: (e[0].created.timestamp() if e[0].created else 0.0, e[0].namespace, e[0].name, e[1]))
    return (Place(rank, *each) for rank, each in enumerate(every))


def _meeting(mesh: Mesh) -> dict[Selector, set[Selector]]:
    """For each selector the selectors that choose some of the same pods."""
    by_pod: dict[Subject, set[Selector]] = {}
    for selector, gateway in {frozenset(g.spec.selector.items()): g for g in mesh[Gateway]}.items():
        for pod in gateway_pods_of(mesh, gateway):
            by_pod.setdefault(pod.subject, set()).add(selector)
    meeting: dict[Selector, set[Selector]] = {}
    for together in by_pod.values():
        for selector in together:
            meeting.setdefault(selector, set()).update(together)
    return meeting


class Port:
    """The servers of one port so far: the oldest of each manner, and the oldest two Gateways' of each host."""

    def __init__(self, meeting: dict[Selector, set[Selector]]) -> None:
        self._meeting = meeting
        self._by_manner: dict[tuple[Selector, str], Place] = {}
        self._by_host: dict[tuple[Selector, str, str], list[Place]] = {}

    def add(self, place: Place) -> None:
        self._by_manner.setdefault((place.selector, place.manner), place)
        for host in place.hosts:
            known = self._by_host.setdefault((place.selector, place.manner, host), [])
            if len({p.gateway.subject for p in known}) < 2:
                known.append(place)

    def rival(self, place: Place) -> Place | None:
        """The oldest server that this one cannot stand beside, or whose plain host it doubles."""
        found: list[Place] = []
        for selector in self._meeting.get(place.selector, ()):
            manners = {"tls", "plain", "other"} - ({place.manner} if place.manner != "other" else set())
            found += (p for m in manners if (p := self._by_manner.get((selector, m))))
            for host in place.hosts:
                known = self._by_host.get((selector, place.manner, host), ())
                found += (p for p in known if p.gateway.subject != place.gateway.subject or is_tls(place.server))
        return min(found, key=lambda p: p.rank, default=None)


def _conflict(older: Place, younger: Place) -> str:
    """Why istiod skips the second of two servers on a port (istio: model/gateway.go mergeGateways), or how they double."""
    first, second = (p.server.port.protocol.upper() for p in (older, younger))
    if older.manner != younger.manner or older.manner == "other":
        return f"protocol {second} cannot share the port with {first}, the same port"
    return f"the same host {min(older.hosts & younger.hosts)}"


def _words(server: Server) -> str:
    mode = f" {server.tls.mode}" if server.tls else ""
    return f"{server.port.protocol} {server.port.number}{mode} {', '.join(server.hosts)}"
