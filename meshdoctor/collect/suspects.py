"""Which proxies are worth asking when not all can be: those that look bad, one a workload, worst first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.workloads import gateway_pods, injected_pods, live_pods, pods_of, sidecar_pods, unsettled_pods
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, RequestAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

MOST = 20
MANY = 2000  # pods: the mode of each is not worked out for a ranking


class Choice(msgspec.Struct, frozen=True):
    """Whom to ask, and how many proxies were left out."""

    gateways: tuple[Pod, ...]
    sidecars: tuple[Pod, ...]
    left_out: int
    workloads: int


def choose(mesh: Mesh, istiods: Iterable[Istiod], most: int = MOST) -> Choice:
    """All gateways (one pod at least of each is enough for none to hide), and the worst pod of the worst workloads."""
    gateways, sidecars = gateway_pods(mesh), sidecar_pods(mesh)
    scores = _scores(mesh, istiods)
    worst: dict[Subject, Pod] = {}
    for pod in sorted(sidecars, key=lambda p: -scores.get(p.name, 0)):  # else as in the table: by namespace and name
        worst.setdefault(mesh.owner(pod), pod)
    chosen = tuple(worst.values())[:most]
    return Choice(gateways, chosen, len(sidecars) - len(chosen), len(worst))


def _scores(mesh: Mesh, istiods: Iterable[Istiod]) -> dict[str, int]:
    """How bad each pod looks, from what is known without asking it."""
    scores: dict[str, int] = {}
    for pod, points in (*_unsettled(mesh), *_out_of_sync(mesh, istiods), *_configured(mesh)):
        name = pod.metadata.name
        scores[name] = scores.get(name, 0) + points
    return scores


def _unsettled(mesh: Mesh) -> list[tuple[Pod, int]]:
    """Pods that are not ready, and those whose proxy was restarted."""
    pods = unsettled_pods(mesh)
    restarted = [(p, 20) for p in pods if (status := p.proxy_status) and status.restart_count]
    return [*((p, 100) for p in pods if not p.is_ready), *restarted]


def _out_of_sync(mesh: Mesh, istiods: Iterable[Istiod]) -> list[tuple[Pod, int]]:
    """Pods that istiod does not know, that refused what it sent, or have not acknowledged it."""
    told = [s for i in istiods if i.has("syncz") for s in i.syncz]
    known = {s.name for s in told}
    states = {(s.name, t.state) for s in told for t in s.types.values()}
    refused, stale = ({name for name, state in states if state == wanted} for wanted in ("NACK", "STALE"))
    pods = injected_pods(mesh)
    unknown = [(p, 80) for p in pods if p.metadata.name not in known] if known else []
    return [*unknown, *((p, 90) for p in pods if p.metadata.name in refused), *((p, 50) for p in pods if p.metadata.name in stale)]


def _configured(mesh: Mesh) -> list[tuple[Pod, int]]:
    """Pods whose behaviour somebody shaped: they fail more often than those nobody touched."""
    found: list[tuple[Pod, int]] = []
    steps = (_with_policies, _with_rules, _strict_beside_outsiders)
    for step in steps:
        try:
            found.extend(step(mesh))
        except Unseen:
            continue  # ranking only: without the kind the order is a little worse
    return found


def _with_policies(mesh: Mesh) -> list[tuple[Pod, int]]:
    found: list[tuple[Pod, int]] = []
    for policy in (*mesh[AuthorizationPolicy], *mesh[RequestAuthentication], *mesh[EnvoyFilter]):
        found.extend((p, 12) for p in live_pods(mesh, policy.namespace, labels_of(policy)))
    return found


def _with_rules(mesh: Mesh) -> list[tuple[Pod, int]]:
    found: list[tuple[Pod, int]] = []
    hosts = [(r.spec.host, r.namespace) for r in mesh[DestinationRule] if r.spec.traffic_policy]
    hosts += [(h, v.namespace) for v in mesh[VirtualService] for h in v.spec.hosts]
    for host, namespace in hosts[:2000]:
        service = service_of(mesh, host, namespace)
        if service:
            found.extend((p, 6) for p in pods_of(mesh, service))
    return found


def _strict_beside_outsiders(mesh: Mesh) -> list[tuple[Pod, int]]:
    """STRICT servers, where some pod of the cluster has no proxy: its plain text would be refused."""
    if len(injected_pods(mesh)) > MANY:
        return []
    return [(p, 8) for p in injected_pods(mesh) if server_mode(mesh, p).mode == "STRICT"]
