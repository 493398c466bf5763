"""ServiceEntries: what the mesh knows of hosts outside."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio.imports import RUNNING
from meshdoctor.istio.serviceentries import EntryPort, contradictions, shared_ports
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar
from meshdoctor.model.subject import Subject
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
