"""ServiceEntries that speak of the same host."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from meshdoctor.istio.visibility import exports, meet
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Port, ServiceEntry


def by_host_and_port(mesh: Mesh) -> dict[tuple[str, int], list[tuple[ServiceEntry, Port]]]:
    """ServiceEntries by host and port number, the oldest first."""
    found: dict[tuple[str, int], list[tuple[ServiceEntry, Port]]] = {}
    for entry in sorted(mesh[ServiceEntry].everywhere(), key=_age):
        for host in dict.fromkeys(h.lower() for h in entry.spec.hosts):
            for port in entry.spec.ports:
                found.setdefault((host, port.number), []).append((entry, port))
    return found


def _age(entry: ServiceEntry) -> tuple[float, str, str]:
    return entry.created.timestamp() if entry.created else 0.0, entry.namespace, entry.name


def contradictions(mesh: Mesh) -> Iterator[tuple[ServiceEntry, ServiceEntry, str, int, str]]:
    """Pairs (older, younger, host, port, how they differ) that some namespace sees both of.

    An entry private to its namespace overrides one of another namespace on purpose: that is no contradiction.
    """
    for (host, number), entries in by_host_and_port(mesh).items():
        for (older, one), (younger, other) in combinations(entries, 2):
            how = _difference(older, one, younger, other)
            if how and older.subject != younger.subject and meet(mesh, older, younger) and not _private(mesh, older, younger):
                yield older, younger, host, number, how


def _difference(older: ServiceEntry, one: Port, younger: ServiceEntry, other: Port) -> str:
    if one.protocol.upper() != other.protocol.upper():
        return f"protocol {other.protocol} against {one.protocol}"
    if older.spec.resolution != younger.spec.resolution:
        return f"resolution {younger.spec.resolution} against {older.spec.resolution}"
    return ""


def _private(mesh: Mesh, one: ServiceEntry, other: ServiceEntry) -> bool:
    return one.namespace != other.namespace and any(exports(mesh, e) == (e.namespace,) for e in (one, other))
