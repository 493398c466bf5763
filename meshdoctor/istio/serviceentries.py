"""ServiceEntries that speak of the same host and port."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import msgspec

from meshdoctor.istio.imports import seen_together
from meshdoctor.istio.visibility import exports, meet
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Port, ServiceEntry


class EntryPort(msgspec.Struct, frozen=True, eq=False):
    """One port of a ServiceEntry, by its place in the list."""

    entry: ServiceEntry
    index: int

    @property
    def port(self) -> Port:
        return self.entry.spec.ports[self.index]

    @property
    def protocol(self) -> str:
        return self.port.protocol.upper()


def by_host_and_port(mesh: Mesh) -> dict[tuple[str, int], list[EntryPort]]:
    """Ports of ServiceEntries by host and number, the oldest first."""
    entries = mesh[ServiceEntry].everywhere()
    known: dict[tuple[str, int], list[EntryPort]] | None = mesh.memo.get("service entries by host and port")
    if known is None:
        known = mesh.memo["service entries by host and port"] = {}
        for entry in sorted(entries, key=_age):
            for host, (i, port) in product(dict.fromkeys(h.lower() for h in entry.spec.hosts), enumerate(entry.spec.ports)):
                known.setdefault((host, port.number), []).append(EntryPort(entry, i))
    return known


def tcp_catch_alls(mesh: Mesh) -> dict[int, list[ServiceEntry]]:
    """The ServiceEntries by port that take all TCP on it, as they have no addresses; the oldest first."""
    entries = mesh[ServiceEntry].everywhere()
    known: dict[int, list[ServiceEntry]] | None = mesh.memo.get("tcp catch-alls")
    if known is None:
        known = mesh.memo["tcp catch-alls"] = {}
        for entry in sorted((e for e in entries if not e.spec.addresses), key=_age):
            for number in dict.fromkeys(p.number for p in entry.spec.ports if p.protocol.upper() in {"", "TCP"}):
                known.setdefault(number, []).append(entry)
    return known


def _age(entry: ServiceEntry) -> tuple[float, str, str]:
    return entry.created.timestamp() if entry.created else 0.0, entry.namespace, entry.name


def gives_addresses(mesh: Mesh) -> bool:
    """Whether the mesh config says that proxies get addresses for entries without one, and use them."""
    metadata = mesh.mesh_config.default_config.get("proxyMetadata") or {}
    on = {name for name, value in metadata.items() if str(value).lower() == "true"}
    return "ISTIO_META_DNS_CAPTURE" in on and bool(on & {"ISTIO_META_DNS_AUTO_ALLOCATE", "PILOT_ENABLE_IP_AUTOALLOCATE"})


def contradictions(mesh: Mesh) -> Iterator[tuple[EntryPort, EntryPort, str, str]]:
    """Pairs (older, younger, host, how they differ) that some namespace sees both of.

    An entry private to its namespace overrides one of another namespace on purpose: that is no contradiction.
    """
    for (host, _), those in by_host_and_port(mesh).items():
        for older, younger in combinations(those, 2):
            one, other = older.entry, younger.entry
            how = _difference(older, younger)
            if how and one.subject != other.subject and meet(mesh, one, other) and not _private(mesh, one, other):
                yield older, younger, host, how


def _difference(older: EntryPort, younger: EntryPort) -> str:
    if older.protocol != younger.protocol:
        return f"protocol {younger.protocol} against {older.protocol}"
    one, other = older.entry.spec.resolution, younger.entry.spec.resolution
    return f"resolution {other} against {one}" if one != other else ""


def _private(mesh: Mesh, one: ServiceEntry, other: ServiceEntry) -> bool:
    return one.namespace != other.namespace and any(exports(mesh, e) == (e.namespace,) for e in (one, other))


def shared_ports(mesh: Mesh) -> Iterator[tuple[EntryPort, str, tuple[EntryPort, ...]]]:
    """Each port whose host and number another port has too, where proxies see both: (port, host, the others)."""
    for (host, _), those in by_host_and_port(mesh).items():
        for each in those if len(those) > 1 else ():
            others = tuple(o for o in those if o is not each and seen_together(mesh, each.entry, o.entry))
            if others:
                yield each, host, others
