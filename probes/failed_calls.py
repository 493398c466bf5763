"""Calls that fail now, by what the access logs of clients tell: not imported, too slow, cut off, changed in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.imports import reaches, sidecar_of
from meshdoctor.istio.proxyconfig import seconds
from meshdoctor.istio.routing import routes_to, rule_host
from meshdoctor.istio.workloads import by_owner, pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, HTTPRoute, Sidecar, VirtualService
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

SOME, SHARE = 3, 0.05  # fewer timeouts, and a smaller part of all, are no fault
RARE = 0.2  # of the requests: where more are cut off, something else is wrong
AT_ONCE = 50  # ms
LATELY = timedelta(seconds=30)  # the last cut
SETTLED = timedelta(seconds=20)
CHANGE = timedelta(minutes=2)


@probe("RT-009", needs=(Sidecar, Service, Pod, Envoy))
def not_imported(mesh: Mesh) -> Iterator[Draft]:
    """A client calls a Service of the mesh that its Sidecar does not import: the call is refused, or goes without mutual TLS."""
    log.must_have(mesh, "logs")
    found: dict[tuple[Sidecar, Service], list[log.Line]] = {}
    for line in log.unrouted(mesh):
        service = log.called_service(mesh, line)
        sidecar = sidecar_of(mesh, line.pod) if service else None
        if service is None or sidecar is None or reaches(mesh, line.pod, service):
            continue
        if log.newer([line], sidecar.changed):
            found.setdefault((sidecar, service), []).append(line)
    for (sidecar, service), lines in found.items():
        hosts = [h for e in sidecar.spec.egress for h in e.hosts]
        yield fail(
            sidecar,
            f"it does not import {service.namespace}/{service.name}, which its workloads call",
            at="spec.egress",
            evidence=(quote(sidecar, "spec.egress.hosts", hosts), *log.shown(mesh, lines)),
            harm=log.harm(mesh, [x for x in lines if x.entry.code >= 500 or x.flags]),
            also=(service, *by_owner(mesh, pods_of(mesh, service)), *log.clients(mesh, lines)),
        )


@probe("RT-016", over=Service, needs=(Service, Pod, Envoy, VirtualService))
def times_out(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """Requests end at their timeout (504 UT): the server takes longer than the route allows."""
    host = f"{service.name}.{service.namespace}.svc.{mesh.cluster.domain}"
    calls = log.lines_to(mesh, host)
    late = log.chosen(calls, lambda x: "UT" in x.flags)
    if len(late) < SOME or len(late) < len(calls) * SHARE:
        return
    took = sorted(x.entry.duration_ms for x in late if x.entry.duration_ms is not None)
    rule = next((r for r in _timeouts(mesh, host) if took and _is_near(took[len(took) // 2], r[2])), None)
    pods = pods_of(mesh, service)
    if rule is not None:
        late = log.newer(late, rule[0].changed)
    if not late:
        return
    words = f"after {took[len(took) // 2]} ms" if took else "at their timeout"
    evidence: tuple[Evidence, ...] = log.shown(mesh, late)
    if rule is not None:
        evidence = (quote(rule[0], rule[1], f"{rule[2]:g} s"), *evidence)
    yield fail(
        rule[0] if rule else next(iter(by_owner(mesh, pods)), service.subject),
        f"{counted(len(late), 'request')} to {host} ended {words}: no answer came in time",
        at=rule[1] if rule else "",
        evidence=evidence,
        harm=log.harm(mesh, late),
        also=(service, *by_owner(mesh, pods), *log.clients(mesh, late)),
    )


def _timeouts(mesh: Mesh, host: str) -> Iterator[tuple[VirtualService, str, float]]:
    """The timeouts that routes to a host set: where, and how many seconds."""
    for route in routes_to(mesh, host):
        for i, http in enumerate(route.virtual_service.spec.http):
            if route.path.startswith(f"spec.http[{i}]"):
                yield from ((route.virtual_service, f"spec.http[{i}].{at}", s) for at, s in _of_rule(http))


def _of_rule(http: HTTPRoute) -> Iterator[tuple[str, float]]:
    if (total := seconds(http.timeout)) is not None:
        yield "timeout", total
    if http.retries and (each := seconds(http.retries.per_try_timeout)) is not None:
        yield "retries.perTryTimeout", each
        yield "retries", each * (http.retries.attempts + 1)


def _is_near(took_ms: int, allowed_s: float) -> bool:
    return abs(took_ms / 1000 - allowed_s) <= max(0.1, allowed_s * 0.15)


@probe("RT-018", over=Service, needs=(Service, Pod, Envoy))
def connection_cut(mesh: Mesh, service: Service) -> Iterator[Draft]:
    """A few requests fail at once because the server had closed a connection that was kept for them (503 UC)."""
    host = f"{service.name}.{service.namespace}.svc.{mesh.cluster.domain}"
    pods = pods_of(mesh, service)
    logged = log.lines_to(mesh, host, service.changed)
    ready = [since for p in pods if (since := p.ready_since) is not None] if logged else []
    if len(ready) < len(pods) or not ready or mesh.now - max(ready) < SETTLED:
        return  # a rollout cuts connections as well
    calls = log.newer(logged, max(ready))
    there = {p.status.pod_ip for p in pods}
    cut = log.chosen(calls, lambda x: _is_cut(x) and x.entry.upstream_host.rpartition(":")[0] in there)
    if len(cut) >= 2 and len(cut) < len(calls) * RARE and _is_scattered(mesh, calls, cut):
        owner = next(iter(by_owner(mesh, pods)), service.subject)
        yield fail(
            owner,
            f"{len(cut)} of {counted(len(calls), 'request')} to {host} found the kept connection closed",
            why="the application closes idle connections sooner than the proxies before it give them up",
            evidence=log.shown(mesh, cut),
            harm=log.harm(mesh, cut),
            also=(service, *log.clients(mesh, cut)),
        )


def _is_scattered(mesh: Mesh, calls: tuple[log.Line, ...], cut: tuple[log.Line, ...]) -> bool:
    """Whether they stand one by one among requests that succeed, until now: those of a fault that is over stand together."""
    moments = [x.entry.time for x in cut if x.entry.time is not None]
    if not moments or mesh.now - max(moments) > LATELY:
        return False
    between = log.chosen(calls, lambda x: x.entry.time is not None and min(moments) <= x.entry.time <= max(moments))
    return len(cut) < len(between) * RARE


def _is_cut(line: log.Line) -> bool:
    entry = line.entry
    at_once = entry.duration_ms is not None and entry.duration_ms < AT_ONCE
    return "UC" in line.flags and at_once and "before_response_started{connection_termination}" in entry.details


@probe("RT-020", over=VirtualService, needs=(VirtualService, DestinationRule, Service, Pod, Envoy))
def changed_in_the_wrong_order(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """Requests failed for a moment: a route led to a subset before the DestinationRule defined it."""
    changed = virtual_service.changed
    if changed is None or mesh.now - changed > CHANGE:
        return
    for rule in mesh[DestinationRule]:
        after = rule.changed - changed if rule.changed else timedelta()
        if not timedelta(seconds=1) <= after < CHANGE:
            continue
        host = rule_host(rule, mesh.cluster.domain)
        if not any(r.virtual_service is virtual_service and r.subset for r in routes_to(mesh, host)):
            continue
        lost = log.flagged(log.lines_to(mesh, host, changed), "NC", "UH")
        if lost and not log.newer(lost, rule.changed):
            service = service_of(mesh, host, rule.namespace)
            yield fail(
                virtual_service,
                f"requests to {host} failed until {rule.subject} was changed {after.total_seconds():.0f} s later",
                at="spec.http",
                evidence=log.shown(mesh, lost),
                also=(rule, *((service,) if service else ())),
            )
