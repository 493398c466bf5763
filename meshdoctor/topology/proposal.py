"""The least that a Service's callers need, from the calls that were observed: a proposal, to be tried first.

Nothing is guessed: whoever did not call while somebody looked is not in it, and how long that was is said.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.istio.accesslog_lookup import lines
from meshdoctor.istio.authorization.callers import Entrance, entrances
from meshdoctor.istio.authorization.logged import told
from meshdoctor.istio.authorization.showing import shown
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from meshdoctor.topology.build import graph_of
from meshdoctor.topology.silent import blind_spots

FEW_PATHS = 5  # of more than these some are likely to hold an identifier


class Calls(msgspec.Struct, frozen=True):
    """What one identity was seen to do: ports of the workload, methods and paths; `requests` is None where only that it called."""

    principal: str
    callers: tuple[Subject, ...]
    ports: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    requests: int | None = None


class Proposal(msgspec.Struct, frozen=True):
    """An ALLOW policy on trial (`istio.io/dry-run`) for the workloads of a Service, and how much was seen.

    `window_s` are the seconds that were looked at, `unseen` proxies that told nothing, `nameless` callers that show no
    identity: no policy of principals can let them in.
    """

    service: Subject
    manifest: dict[str, Any]
    calls: tuple[Calls, ...]
    nameless: tuple[Subject, ...]
    window_s: float
    unseen: int


def propose(mesh: Mesh, service: Service) -> Proposal:
    """What the callers that were observed need."""
    ports = entrances(mesh, service)
    seen: dict[str, _Seen] = {}
    for line in lines(mesh):
        what = told(mesh, line.entry)
        if what.server is None or what.client is None or what.service is not service or line.entry.code in (401, 403):
            continue
        known = seen.setdefault(what.request.principal or "", _Seen())
        known.callers.add(mesh.owner(what.client))
        known.ports.add(what.request.port or 0)
        known.count += not line.is_outbound  # the client's own line tells of the same request
        if what.request.is_http:
            known.methods.add(what.request.method or "")
            known.paths.add((what.request.path or "").partition("?")[0])
        else:
            known.is_tcp = True
    for client in _observed_clients(mesh, service):
        for principal in _shown(mesh, client, ports):
            seen.setdefault(principal, _Seen()).callers.add(client)
    calls = tuple(_calls(p, s, ports) for p, s in sorted(seen.items()) if p)
    nameless = tuple(sorted(seen[""].callers)) if "" in seen else ()
    window = max((e.logs.window_s for e in mesh.envoys if e.has("logs")), default=0.0)
    return Proposal(service.subject, _manifest(service, calls), calls, nameless, window, len(blind_spots(mesh)))


class _Seen:
    def __init__(self) -> None:
        self.callers: set[Subject] = set()
        self.ports: set[int] = set()
        self.methods: set[str] = set()
        self.paths: set[str] = set()
        self.count = 0
        self.is_tcp = False


def _observed_clients(mesh: Mesh, service: Service) -> tuple[Subject, ...]:
    """The workloads that the graph saw calling a Service."""
    edges = (data["edge"] for _, _, data in graph_of(mesh).edges(data=True))
    mine = (e for e in edges if e.server.subject == service.subject and any(s.startswith("observed") for s in e.sources))
    return tuple(dict.fromkeys(e.client.subject for e in mine if e.client.subject.name))


def _shown(mesh: Mesh, client: Subject, ports: tuple[Entrance, ...]) -> set[str]:
    pods = [p for p in mesh[Pod].within(client.namespace) if is_live(p) and mesh.owner(p) == client]
    return {shown(mesh, p, e.pod, e.service, e.port.port) or "" for p in pods[:1] for e in ports[:1]}


def _calls(principal: str, seen: _Seen, ports: tuple[Entrance, ...]) -> Calls:
    """Methods and paths only where all that was seen is HTTP, on ports that are declared so."""
    used = tuple(sorted(seen.ports - {0}))
    http = {e.target for e in ports if e.protocol == "http"}
    has_http = bool(seen.methods) and not seen.is_tcp and set(used) <= http
    methods = tuple(sorted(seen.methods - {""})) if has_http else ()
    paths = tuple(sorted(seen.paths - {""})) if has_http and len(seen.paths) <= FEW_PATHS else ()
    return Calls(principal, tuple(sorted(seen.callers)), used, methods, paths, seen.count or None)


def _manifest(service: Service, calls: tuple[Calls, ...]) -> dict[str, Any]:
    rules = []
    for one in calls:
        operation = {"ports": [str(p) for p in one.ports], "methods": list(one.methods), "paths": list(one.paths)}
        said = {k: v for k, v in operation.items() if v}
        rule: dict[str, Any] = {"from": [{"source": {"principals": [one.principal]}}]}
        rules.append(rule | ({"to": [{"operation": said}]} if said else {}))
    meta = {
        "name": f"{service.name}-callers",
        "namespace": service.namespace,
        "annotations": {"istio.io/dry-run": "true"},
    }
    spec = {"selector": {"matchLabels": dict(service.spec.selector)}, "action": "ALLOW", "rules": rules}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}
