"""ServiceEntries: what the mesh knows of hosts outside."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.imports import RUNNING
from meshdoctor.istio.proxyconfig import captures_dns
from meshdoctor.istio.serviceentries import EntryPort, contradictions, gives_addresses, shared_ports, tcp_catch_alls
from meshdoctor.istio.visibility import meet
from meshdoctor.istio.workloads import sidecar_pods
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import Port, ServiceEntry, Sidecar
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


class Shared(msgspec.Struct):
    """What is to be said of one port of a ServiceEntry."""

    port: EntryPort
    other: EntryPort
    host: str
    how: str = ""  # what the younger one says differently
    codes: tuple[str, ...] = ()


@probe("EG-007", needs=(ServiceEntry, Namespace, Service, Sidecar, *RUNNING))
def two_entries_for_a_host(mesh: Mesh) -> Iterator[Draft]:
    """Two ServiceEntries that one namespace sees say different things of the same host and port.

    Those that say the same twice, and the older ones, are told of as well.
    """
    told: set[Subject] = set()
    for each in _shared(mesh):
        port, other = each.port, each.other
        worst = bool(each.how) and port.entry.subject not in told
        if worst:
            told.add(port.entry.subject)
        yield fail(
            port.entry,
            f"{other.entry.subject} has {each.host}:{port.port.number} too{': ' if each.how else ''}{each.how}",
            at=f"spec.ports[{port.index}]",
            evidence=[quote(p.entry, "spec", _words(p, each.host)) for p in (port, other)],
            severity=None if worst else "info",
            also=(other.entry,),
            since=port.entry.created,
            codes=each.codes,
        )


def _words(port: EntryPort, host: str) -> str:
    return f"{host}:{port.port.number} {port.port.protocol} {port.entry.spec.resolution}"


def _shared(mesh: Mesh) -> Iterator[Shared]:
    """Every port that has a rival, once."""
    found: dict[tuple[Subject, int], Shared] = {}
    for older, younger, host, how in contradictions(mesh):
        found.setdefault((younger.entry.subject, younger.index), Shared(younger, older, host, how))
    for port, host, others in shared_ports(mesh):
        differs = any(o.protocol != port.protocol for o in others)
        known = found.setdefault((port.entry.subject, port.index), Shared(port, others[0], host))
        # a clash with one of the others is a clash for all of them
        clash = differs or len({o.protocol for o in others}) > 1
        known.codes += ("KIA1212",) if clash else ("KIA1211",)
        known.codes += ("IST0177",) if differs else ()
    once: set[Subject] = set()
    for each in found.values():
        codes = set(each.codes) - ({"IST0177"} if each.port.entry.subject in once else set())
        once |= {each.port.entry.subject} if "IST0177" in codes else set()
        each.codes = tuple(sorted(codes))
        yield each


@probe("EG-003", over=ServiceEntry, needs=(ServiceEntry, Pod))
def tcp_without_address(mesh: Mesh, entry: ServiceEntry) -> Iterator[Draft]:
    """A TCP port (or one of no protocol) of a ServiceEntry without addresses matches every destination on that port.

    istiod gives such an entry an address by itself, since 1.25 unless told not to, which counts for proxies that capture
    DNS. Where two entries want the same port of the others the older one gets all of it; one alone is a remark.
    """
    if entry.spec.addresses or gives_addresses(mesh):
        return
    for i, port in enumerate(entry.spec.ports):
        if not _takes_all(port):
            continue
        older = _older_on(mesh, entry, port)
        if older is None and entry.status.addresses:
            continue
        lost = f", as has {older.subject}, which is older and gets all that goes to the port" if older else ""
        yield fail(
            entry,
            f"port {port.number} is {port.protocol or 'of no protocol'} and it has no addresses{lost}",
            at=f"spec.ports[{i}]",
            severity=None if older else "info",
            codes=() if entry.status.addresses else ("IST0134",),
            also=(older,) if older else (),
        )


def _takes_all(port: Port) -> bool:
    return port.protocol.upper() in {"", "TCP"}


def _older_on(mesh: Mesh, entry: ServiceEntry, port: Port) -> ServiceEntry | None:
    """The oldest other ServiceEntry that wants all of a port too, where a sidecar does not capture DNS."""
    if mesh.state(Pod) not in USABLE or all(captures_dns(mesh, p) for p in sidecar_pods(mesh)):
        return None
    for other in tcp_catch_alls(mesh).get(port.number, ()):
        if other.subject == entry.subject:
            return None
        if meet(mesh, other, entry) and not set(other.spec.hosts) & set(entry.spec.hosts):
            return other
    return None
