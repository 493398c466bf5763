"""Effective mutual TLS: for each client, server and port what the two sides make of it, and which object decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Literal

import msgspec

from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.injection import IGNORED_NAMESPACES
from meshdoctor.istio.mutual.interception import has_settings, init_args
from meshdoctor.istio.mutual.routes import subsets_used
from meshdoctor.istio.mutual.sending import Sends, sends
from meshdoctor.istio.mutual.taking import Takes, takes
from meshdoctor.istio.mutual.targets import REDIRECTION, TLS_MODE, Endpoint, Target, addresses, targets
from meshdoctor.istio.workloads import is_gateway, is_live
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import DestinationRule, Sidecar
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

Verdict = Literal["mTLS", "plaintext", "broken", "unknown"]
RANK = {"broken": 0, "unknown": 1, "plaintext": 2, "mTLS": 3}
OWN_TLS = {"https", "tls"}


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One client, one server, one port of it, called by one name (`host`; empty: by the pod's address).

    `port` is the workload's, `service_port` the one that is called. `decides` is the object to change, None where Istio's
    defaults do. `is_refused`: a client without a proxy before a STRICT server, as its policy wants it. `is_mixed`: its pods
    or routes differ, and the worst is told.
    """

    client: Subject
    server: Subject
    host: str
    service_port: int
    port: int
    sends: Sends
    takes: Takes
    verdict: Verdict
    why: str
    decides: Subject | None
    path: str = ""
    is_gateway: bool = False
    client_has_proxy: bool = True
    is_mixed: bool = False

    @property
    def is_refused(self) -> bool:
        return self.verdict == "broken" and not self.client_has_proxy

    @property
    def key(self) -> tuple[Subject, Subject, int, str, int]:
        return self.client, self.server, self.port, self.host, self.service_port


Wanted = Callable[[Subject, Subject], bool]


def cells(mesh: Mesh, wanted: Wanted | None = None) -> tuple[Cell, ...]:
    """The pairs of workloads that could call each other by a name, in order: all, or those (client, server) that are wanted."""
    return _kept(mesh, "mtls cells", targets, wanted)


def cells_by_address(mesh: Mesh, wanted: Wanted | None = None) -> tuple[Cell, ...]:
    """The same for calls to a pod's own address, which no Service and no DestinationRule speaks of."""
    return _kept(mesh, "mtls cells by address", addresses, wanted)


def in_both(before: Mesh, after: Mesh, wanted: Wanted | None) -> Iterator[tuple[Cell, Cell]]:
    """The pairs that both have: as each was, and as it is then."""
    former = {c.key: c for c in cells(before, wanted)}
    yield from ((former[c.key], c) for c in cells(after, wanted) if c.key in former)


def possible(mesh: Mesh) -> int:
    """How many pairs there are, without looking at them."""
    return len(_callers(mesh)) * len(served(mesh))


def served(mesh: Mesh) -> dict[tuple[Subject, int], Takes]:
    """What each port of each server takes; where its pods differ, what the first kind of them does. Found once a snapshot."""
    found: dict[tuple[Subject, int], Takes] | None = mesh.memo.get("mtls served")
    if found is None:
        ends = (several[0] for _, several in _servers(mesh, targets(mesh)))
        found = mesh.memo["mtls served"] = {(e.owner, e.port): _taken(mesh, e) for e in ends}
    return found


def _kept(mesh: Mesh, key: str, called: Callable[[Mesh], tuple[Target, ...]], wanted: Wanted | None) -> tuple[Cell, ...]:
    """Found once a snapshot where all are wanted."""
    if wanted is not None:
        return _cells(mesh, called(mesh), wanted)
    known: tuple[Cell, ...] | None = mesh.memo.get(key)
    if known is None:
        known = mesh.memo[key] = _cells(mesh, called(mesh), lambda client, server: True)
    return known


def _cells(mesh: Mesh, called: tuple[Target, ...], wanted: Wanted) -> tuple[Cell, ...]:
    """Clients that are alike for all that mutual TLS depends on are judged once."""
    found: list[Cell] = []
    for target, ends in _servers(mesh, called):
        shared: dict[object, Cell | None] = {}
        for client, (pods, alike) in _callers(mesh).items():
            if client == ends[0].owner or not wanted(client, ends[0].owner):
                continue
            cell = shared[alike] if alike in shared else _cell(mesh, client, pods, target, ends)
            if alike is not None and (cell is None or cell.sends.by != client):
                shared[alike] = cell
            if cell is not None:
                found.append(cell if cell.client == client else msgspec.structs.replace(cell, client=client))
    return tuple(sorted(found, key=lambda c: c.key))


def _callers(mesh: Mesh) -> dict[Subject, tuple[tuple[Pod, ...], object]]:
    """Every client: its kinds of pods, and what it has in common with those that are alike (None: with nobody)."""
    found: dict[Subject, tuple[tuple[Pod, ...], object]] | None = mesh.memo.get("mtls callers")
    if found is None:
        planes = {p.subject for p in istiod_pods(mesh)}
        variants = _variants(mesh, (p for p in mesh[Pod] if is_live(p) and p.subject not in planes))
        selective = _selects_clients(mesh)
        found = mesh.memo["mtls callers"] = {c: (pods, _alike(pods, selective=selective)) for c, pods in variants.items()}
    return found


def _selects_clients(mesh: Mesh) -> bool:
    """Whether some Sidecar or DestinationRule is for some workloads of its namespace only."""
    kinds: tuple[type[Sidecar] | type[DestinationRule], ...] = (Sidecar, DestinationRule)
    things = (t for kind in kinds if mesh.state(kind) in USABLE for t in mesh[kind])
    return any(t.spec.workload_selector and t.spec.workload_selector.wanted for t in things)


def _alike(pods: tuple[Pod, ...], *, selective: bool) -> object:
    pod = pods[0]
    if len(pods) > 1 or pod.proxy is None or has_settings(pod):
        return None
    return pod.namespace, is_gateway(pod), init_args(pod), frozenset(pod.labels.items()) if selective else None


def _variants(mesh: Mesh, pods: Iterable[Pod]) -> dict[Subject, tuple[Pod, ...]]:
    """Each workload with one pod of each kind it has: pods that differ in what mutual TLS depends on."""
    kinds: dict[Subject, dict[object, Pod]] = {}
    for pod in pods:
        kinds.setdefault(mesh.owner(pod), {}).setdefault(_kind(pod), pod)
    return {subject: tuple(some.values()) for subject, some in kinds.items()}


def _kind(pod: Pod) -> object:
    marks = tuple(v for k, v in sorted(pod.annotations.items()) if k.startswith("traffic.sidecar") or k == REDIRECTION)
    labels = frozenset(i for i in pod.labels.items() if i[0] != "pod-template-hash")
    return pod.proxy is not None, pod.spec.host_network, marks, labels


def _servers(mesh: Mesh, called: tuple[Target, ...]) -> Iterator[tuple[Target, tuple[Endpoint, ...]]]:
    """Each target with the endpoints of one workload that differ. Gateways and control planes end TLS by rules of their own,
    and what the cluster itself needs is never in the mesh."""
    planes = {p.subject for p in istiod_pods(mesh)}
    for target in called:
        if target.namespace in IGNORED_NAMESPACES:
            continue
        by_owner: dict[tuple[Subject, int], dict[object, Endpoint]] = {}
        for end in target.endpoints:
            if end.pod is None or (end.pod.subject not in planes and not is_gateway(end.pod)):
                kind = _kind(end.pod) if end.pod else end.labels.get(TLS_MODE)
                by_owner.setdefault((end.owner, end.port), {}).setdefault(kind, end)
        for ends in by_owner.values():
            yield target, tuple(ends.values())


def _cell(mesh: Mesh, client: Subject, pods: tuple[Pod, ...], target: Target, ends: tuple[Endpoint, ...]) -> Cell | None:
    """The worst of what the kinds of pods and the routes make; None where a gateway cannot reach the target."""
    made: list[Cell] = []
    for pod, end in product(pods, ends):
        if is_gateway(pod) and target.origin is None:
            continue
        taken = _taken(mesh, end)
        for subset in subsets_used(mesh, pod, target, end.labels):
            sent = sends(mesh, pod, target, end, subset)
            if not (is_gateway(pod) and sent.how == "nothing"):
                made.append(_judged(mesh, client, pod, target, end, sent, taken))
    if not made:
        return None
    worst = min(made, key=lambda c: RANK[c.verdict])
    return msgspec.structs.replace(worst, is_mixed=True) if len({c.verdict for c in made}) > 1 else worst


def _taken(mesh: Mesh, end: Endpoint) -> Takes:
    memo: dict[object, Takes] = mesh.memo.setdefault("mtls takes", {})
    key = (end.pod.subject if end.pod else (end.owner, tuple(sorted(end.labels.items()))), end.port)
    if key not in memo:
        memo[key] = takes(mesh, end)
    return memo[key]


def _judged(mesh: Mesh, client: Subject, pod: Pod, target: Target, end: Endpoint, sent: Sends, taken: Takes) -> Cell:
    verdict, why, decides, path = judge(sent, taken, target.protocol)
    has_proxy = pod.proxy is not None or pod.annotations.get(REDIRECTION) == "enabled"
    return Cell(
        client=client,
        server=end.owner,
        host=target.host,
        service_port=target.port,
        port=end.port,
        sends=sent,
        takes=taken,
        verdict=verdict,
        why=why,
        decides=decides,
        path=path,
        is_gateway=is_gateway(pod),
        client_has_proxy=has_proxy,
    )


def judge(sent: Sends, taken: Takes, protocol: str) -> tuple[Verdict, str, Subject | None, str]:
    """What a client's and a server's side make together: the verdict, why, and the object that decides with its path."""
    if sent.how == "unknown":
        return "unknown", sent.why, sent.by, sent.path
    if sent.how == "nothing":
        return "broken", f"the client's proxy refuses the call: {sent.why}", sent.by, sent.path
    if sent.how == "mTLS":
        if taken.mode in ("STRICT", "PERMISSIVE"):
            by = sent.by or taken.by
            return "mTLS", sent.why if sent.by or not taken.by else f"{sent.why}; {taken.why}", by, sent.path or taken.path
        why = f"the client sends mutual TLS ({sent.why}) and the server takes plain text only ({taken.why})"
        return ("broken", why, sent.by, sent.path) if sent.by else ("broken", why, taken.by, taken.path)
    if sent.how == "TLS":
        return _foreign(sent, taken, protocol)
    if taken.mode == "STRICT":
        why = f"the client sends plain text ({sent.why}) and {taken.why}"
        return ("broken", why, sent.by, sent.path) if sent.by else ("broken", why, taken.by, taken.path)
    own = ", inside which the port declares TLS of its own" if protocol in OWN_TLS else ""
    return "plaintext", f"{sent.why}{own}", sent.by or taken.by, sent.path or taken.path


def _foreign(sent: Sends, taken: Takes, protocol: str) -> tuple[Verdict, str, Subject | None, str]:
    """TLS with certificates that are not Istio's: a STRICT sidecar refuses it, any other hands it to the application."""
    if taken.mode == "STRICT":
        return "broken", f"{sent.why}, and {taken.why}: only Istio's own certificates pass", sent.by, sent.path
    if protocol in OWN_TLS:
        return "plaintext", f"{sent.why}: the application ends this TLS, the mesh sees no identity", sent.by, sent.path
    if protocol in ("tcp", "auto"):
        return "unknown", f"{sent.why}: whether the application takes TLS on this port is not known", sent.by, sent.path
    return "broken", f"{sent.why}, and the port is declared {protocol}, not TLS", sent.by, sent.path
