"""What becomes of a traced request at its server: which policy decides, as far as the request is known.

Source: istio.io, "Authorization Policy" (policies are asked by the proxies of the server's side, after routing and mutual TLS).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from meshdoctor.istio.authorization.callers import Row, entrances, who_can
from meshdoctor.istio.authorization.decide import Verdict
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.istio.trace import trace_from
from meshdoctor.istio.workloads import pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Pod

NAME, TLS = "authorization", "mutual TLS"
REFUSED = {Verdict.DENIED: "403", Verdict.UNAUTHENTICATED: "401"}


def whole_trace(mesh: Mesh, pod: Pod, call: Call) -> tuple[Step, ...]:
    """The steps of a call from a pod, with what the policies before each cluster's pods say behind that cluster's."""
    steps = trace_from(mesh, pod, call)
    asked = _asked(call, is_rewritten=any(s.name == "rule does" and "rewrite" in s.path for s in steps))
    made: list[Step] = []
    for before, step in zip((None, *steps), steps, strict=False):
        made.append(step)
        if step.name == TLS and not step.is_end and before is not None and before.name == "endpoints":
            made += (replace(s, cluster=step.cluster) for s in _seen(mesh, pod, asked, before, step.cluster))
    return tuple(made)


def _asked(call: Call, *, is_rewritten: bool) -> Request:
    """The request as the server gets it. A rule that rewrites leaves host and path open; the client may send other headers."""
    if is_rewritten:
        return Request(method=call.method, headers={k: (v,) for k, v in call.headers.items()})
    host = call.host if call.port in (80, 443) else f"{call.host}:{call.port}"
    return Request(method=call.method, path=call.path, host=host, headers={k: (v,) for k, v in call.headers.items()})


def _seen(mesh: Mesh, pod: Pod, asked: Request, endpoints: Step, cluster: str) -> Iterator[Step]:
    try:
        yield from _steps(mesh, pod, asked, endpoints, cluster)
    except Unseen as unseen:
        yield Step(NAME, f"what decides was not seen: {unseen}", is_unknown=True)


def _steps(mesh: Mesh, pod: Pod, asked: Request, endpoints: Step, cluster: str) -> Iterator[Step]:
    """One step for each different answer of the workloads that the cluster's ready pods are of."""
    place = endpoints.subject
    service = mesh[Service].get(place.namespace, place.name) if place is not None and place.kind == Service.KIND else None
    if service is None:
        return
    ips = set(endpoints.decides.split())
    servers = {mesh.owner(p) for p in pods_of(mesh, service) if p.status.pod_ip in ips}
    port = _port(cluster)
    doors = [e for e in entrances(mesh, service, port) if e.server in servers and port in (None, e.port.port)]
    answers: dict[Step, list[str]] = {}
    for door in doors:
        for row in who_can(mesh, door, asked, (pod,)):
            answers.setdefault(_step(row), []).append(f"{door.server.namespace}/{door.server.name}")
    for step, names in answers.items():
        yield step if len(answers) == 1 else replace(step, says=f"{', '.join(names)}: {step.says}")


def _port(cluster: str) -> int | None:
    number = cluster.split("|")[1] if cluster.count("|") == 3 else ""
    return int(number) if number.isdecimal() else None


def _step(row: Row) -> Step:
    """The decision about the identity that the client shows there."""
    decision = row.decision
    who = "whose identity is not known" if row.principal is None else row.principal or "without an identity"
    known = f"{decision.why}{''.join(f', if {name} agrees' for name in decision.asks)}"
    refused = REFUSED.get(decision.verdict)
    if refused and row.entrance.protocol == "tcp":
        refused = "closed"
    says = f"the client, {who}: {known}{f': refused, {refused}' if refused else ''}"
    says = "; ".join((says, *decision.dry_run))
    unknown = decision.verdict is Verdict.DEPENDS
    path = decision.path if row.by is not None else ""
    return Step(NAME, f"it depends: {says}" if unknown else says, row.by, path, is_end=bool(refused), is_unknown=unknown)
