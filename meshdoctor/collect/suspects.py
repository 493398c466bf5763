"""Which proxies are worth asking when not all can be: those that look bad, one a workload, worst first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.hosts import service_of
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.workloads import gateway_pods, injected_pods, live_pods, pods_of, sidecar_pods
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
    scores = _scores(mesh, istiods, injected_pods(mesh))
    worst: dict[Subject, Pod] = {}
    for pod in sorted(sidecars, key=lambda p: (-scores.get(p.name, 0), p.namespace, p.name)):
        worst.setdefault(mesh.owner(pod), pod)
    chosen = tuple(worst.values())[:most]
    return Choice(gateways, chosen, len(sidecars) - len(chosen), len(worst))


def _scores(mesh: Mesh, istiods: Iterable[Istiod], pods: Iterable[Pod]) -> dict[str, int]:
    """How bad each pod looks, from what is known without asking it."""
    scores: dict[str, int] = {}

    def add(pod: Pod, points: int) -> None:
        scores[pod.name] = scores.get(pod.name, 0) + points

    bad = {(s.name, t.state) for i in istiods if i.has("syncz") for s in i.syncz for t in s.types.values()}
    known = {s.name for i in istiods if i.has("syncz") for s in i.syncz}
    for pod in pods:
        if not pod.is_ready:
            add(pod, 100)
        if known and pod.name not in known:
            add(pod, 80)
        if (pod.name, "NACK") in bad:
            add(pod, 90)
        if (pod.name, "STALE") in bad:
            add(pod, 50)
        status = pod.proxy_status
        if status and status.restart_count:
            add(pod, 20)
    for pod, points in _configured(mesh):
        add(pod, points)
    return scores


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
