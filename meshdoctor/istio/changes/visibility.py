"""Hosts that proxies would no longer be told of, or newly, by exportTo, by Sidecars, or because they are new."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.changes.clients import proxy_namespaces, said_of, sidecar_namespaces
from meshdoctor.istio.changes.objects import changed
from meshdoctor.istio.hosts import registry, service_host
from meshdoctor.istio.meshroutes import known_to
from meshdoctor.istio.routewords import short_host
from meshdoctor.model.changes import Effect, VisibilityChange
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry, Sidecar
from meshdoctor.model.subject import Subject


def visibility_changes(before: Mesh, after: Mesh) -> Iterator[VisibilityChange]:
    """Each host, with the namespaces whose proxies lose it, and those that gain it."""
    everybody, limitable = proxy_namespaces(before, after), sidecar_namespaces(before, after)
    few = _limited(before, after)
    touched = _touched(before, after)
    for host in sorted({*registry(before), *registry(after)}) if touched or few else ():
        some = everybody if host in touched else [c for c in limitable if c in few or "*" in few]
        told = {c: (bool(known_to(before, host, c)), bool(known_to(after, host, c))) for c in some}
        lost = [c for c, said in told.items() if said == (True, False)]
        gained = [c for c, said in told.items() if said == (False, True)]
        by = tuple(dict.fromkeys((*touched.get(host, ()), *few.values())))
        if lost:
            yield _change(after, host, lost, everybody, "loses", by)
        if gained:
            yield _change(after, host, gained, everybody, "gains", by)


def _limited(before: Mesh, after: Mesh) -> dict[str, Subject]:
    """The namespaces whose Sidecar changes, to that; `*` for that of the whole mesh."""
    root = after.mesh_config.root_namespace
    pairs = changed(before, after, Sidecar)
    return {("*" if s.namespace == root else s.namespace): s.subject for pair in pairs for s in pair if s is not None}


def _touched(before: Mesh, after: Mesh) -> dict[str, tuple[Subject, ...]]:
    """The hosts of Services and ServiceEntries that are not the same."""
    found: dict[str, tuple[Subject, ...]] = {}
    for pair in changed(before, after, Service):
        found |= {service_host(s, after.cluster.domain): (s.subject,) for s in pair if s is not None}
    for entries in changed(before, after, ServiceEntry):
        found |= {h.lower(): (e.subject,) for e in entries if e is not None for h in e.spec.hosts}
    return found


def _change(
    mesh: Mesh, host: str, some: list[str], everybody: tuple[str, ...], effect: Effect, by: tuple[Subject, ...]
) -> VisibilityChange:
    who = said_of("proxies", some, everybody)
    says = f"{who} are no longer told of it" if effect == "loses" else f"{who} are told of it"
    return VisibilityChange(effect=effect, about=short_host(mesh, host), says=says, by=by, host=host, clients=tuple(some))
