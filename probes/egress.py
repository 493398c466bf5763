"""ServiceEntries: what the mesh knows of hosts outside."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.serviceentries import contradictions
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry
from meshdoctor.model.subject import Subject
from probes.registry import Draft, fail, probe, quote


@probe("EG-007", needs=(ServiceEntry,))
def two_entries_for_a_host(mesh: Mesh) -> Iterator[Draft]:
    """Two ServiceEntries that one namespace sees say different things of the same host and port."""
    told: set[tuple[Subject, str]] = set()
    for older, younger, host, number, how in contradictions(mesh):
        if (younger.subject, host) in told:
            continue
        told.add((younger.subject, host))
        yield fail(
            younger,
            f"{older.subject} has {host}:{number} too: {how}",
            at=f"spec.hosts: {host}",
            evidence=[quote(e, "spec", f"{host}:{number} {_protocol(e, number)} {e.spec.resolution}") for e in (younger, older)],
            also=(older,),
            since=younger.created,
        )


def _protocol(entry: ServiceEntry, number: int) -> str:
    return next((p.protocol for p in entry.spec.ports if p.number == number), "")
