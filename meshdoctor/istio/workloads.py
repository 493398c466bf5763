"""Which pods a selector or a Service means, who owns them, and which of them carry a proxy."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import DaemonSet, Deployment, Pod, StatefulSet, Workload

_CONTROLLERS: dict[str, type[Workload]] = {"Deployment": Deployment, "StatefulSet": StatefulSet, "DaemonSet": DaemonSet}


def is_live(pod: Pod) -> bool:
    """A pod that runs or is about to: neither finished nor being deleted."""
    return pod.metadata.deletion_timestamp is None and not pod.is_finished


def all_live_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """The live pods of the whole cluster. Found once a table."""
    table = mesh[Pod]  # read each time, so that each rule is blind where pods were not seen
    found: tuple[Pod, ...] | None = table.memo.get("all_live_pods")
    if found is None:
        found = table.memo["all_live_pods"] = tuple([p for p in table if is_live(p)])
    return found


def live_pods(mesh: Mesh, namespace: str, labels: dict[str, str]) -> tuple[Pod, ...]:
    """The live pods of a namespace that carry all these labels; all of them where there are none. Found once a table."""
    table = mesh[Pod]
    pods = table.matching(namespace, labels)
    memo: dict[tuple[object, ...], tuple[Pod, ...]] = table.memo.setdefault("live_pods", {})
    key = (namespace, *labels.items())
    if key not in memo:
        memo[key] = tuple([p for p in pods if is_live(p)])
    return memo[key]


def pods_of(mesh: Mesh, service: Service) -> tuple[Pod, ...]:
    """The live pods that a Service selects; none where it has no selector."""
    return live_pods(mesh, service.namespace, service.spec.selector) if service.spec.selector else ()


def injected_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live pods with a proxy: sidecars and gateways. Found once a table."""
    live, memo = all_live_pods(mesh), mesh[Pod].memo
    found: tuple[Pod, ...] | None = memo.get("injected_pods")
    if found is None:
        found = memo["injected_pods"] = tuple([p for p in live if p.proxy is not None])
    return found


def unsettled_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live pods with a proxy that did not just start once and get ready: few of thousands. Found once a table."""
    proxies, memo = injected_pods(mesh), mesh[Pod].memo
    found: tuple[Pod, ...] | None = memo.get("unsettled_pods")
    if found is None:
        found = memo["unsettled_pods"] = tuple([p for p in proxies if _is_unsettled(p)])
    return found


def _is_unsettled(pod: Pod) -> bool:
    """Whether it is not Ready, or one of its containers is not, or ran before."""
    for statuses in (pod.status.init_container_statuses, pod.status.container_statuses):
        for status in statuses:
            if not status.ready or status.restart_count or status.last_state.terminated is not None:
                return True
    return not pod.is_ready


def is_gateway(pod: Pod) -> bool:
    """Whether its proxy is a gateway's (router) rather than a sidecar: it stands alone, or the template says so."""
    proxy = pod.proxy
    if proxy is None:
        return False
    templates = pod.annotations.get("inject.istio.io/templates")
    if (templates and "gateway" in templates.split(",")) or "gateway.networking.k8s.io/gateway-name" in pod.labels:
        return True
    return "router" in proxy.args and not pod.app_containers


def gateway_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live gateway pods of the whole mesh. Found once a table."""
    return _parted(mesh)[0]


def gateways_seen(mesh: Mesh) -> tuple[Pod, ...]:
    """As `gateway_pods`; raises Unseen where none is seen, and one may run where nothing may be read."""
    found = gateway_pods(mesh)
    if not found:
        mesh[Pod].everywhere()
    return found


def sidecar_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live pods with a sidecar, of the whole mesh. Found once a table."""
    return _parted(mesh)[1]


def _parted(mesh: Mesh) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    proxies, memo = injected_pods(mesh), mesh[Pod].memo
    found: tuple[tuple[Pod, ...], tuple[Pod, ...]] | None = memo.get("gateways_and_sidecars")
    if found is None:
        gateways, sidecars = list[Pod](), list[Pod]()
        for pod in proxies:
            (gateways if is_gateway(pod) else sidecars).append(pod)
        found = memo["gateways_and_sidecars"] = tuple(gateways), tuple(sidecars)
    return found


def asked_pods(mesh: Mesh) -> tuple[tuple[Pod, Envoy], ...]:
    """Live pods whose proxy was asked, with what it said: a few of thousands. Found once a snapshot."""
    table, envoys = mesh[Pod], mesh.envoys
    found: tuple[tuple[Pod, Envoy], ...] | None = mesh.memo.get("asked_pods")
    if found is None:
        by_place = sorted(envoys, key=lambda e: (e.namespace, e.name))
        pairs = [(p, e) for e in by_place if (p := table.seen((e.namespace, e.name))) is not None]
        found = mesh.memo["asked_pods"] = tuple([(p, e) for p, e in pairs if p.proxy is not None and is_live(p)])
    return found


def client_namespaces(mesh: Mesh) -> frozenset[str]:
    """The namespaces in which a proxy runs. Found once a snapshot."""
    proxies = injected_pods(mesh)
    found: frozenset[str] | None = mesh.memo.get("client_namespaces")
    if found is None:
        found = mesh.memo["client_namespaces"] = frozenset(p.namespace for p in proxies)
    return found


def makers(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> tuple[Workload, ...]:
    """The controllers of a namespace whose pods would carry all these labels; none for no labels."""
    tables = [mesh[kind].within(namespace) for kind in WORKLOADS]
    key = ("controllers", namespace)
    known: dict[tuple[str, str], list[Workload]] | None = mesh.memo.get(key)
    if known is None:
        known = mesh.memo[key] = {}
        for workload in (w for table in tables for w in table):
            for label in workload.template.metadata.labels.items():
                known.setdefault(label, []).append(workload)
    few = min((known.get(label, []) for label in wanted.items()), key=len, default=[])
    return tuple(w for w in few if wanted.items() <= w.template.metadata.labels.items())


def owner_object(mesh: Mesh, pod: Pod) -> KubernetesObject:
    """The controller object that owns the pod where it was read, else the pod."""
    subject = mesh.owner(pod)
    kind = _CONTROLLERS.get(subject.kind)
    if kind is None:
        return pod
    return mesh[kind].get(subject.namespace, subject.name) or pod


def by_owner(mesh: Mesh, pods: Iterable[Pod]) -> dict[Subject, list[Pod]]:
    """Pods grouped by their top controller."""
    groups: dict[Subject, list[Pod]] = {}
    for pod in pods:
        groups.setdefault(mesh.owner(pod), []).append(pod)
    return groups


def revision_of(pod: Pod) -> str:
    """The revision that injected the pod, as its annotation or label says; empty where it has no proxy."""
    if pod.proxy is None:
        return ""
    return pod.annotations.get("istio.io/rev") or pod.labels.get("istio.io/rev") or "default"


def workload_name(mesh: Mesh, pod: Pod) -> str:
    """`namespace/name` of the owner: how a workload is named in harm and evidence."""
    owner = mesh.owner(pod)
    return f"{owner.namespace}/{owner.name}"


def services_of(mesh: Mesh, pod: Pod) -> tuple[Service, ...]:
    """The Services of its namespace that select a pod."""
    return services_selecting(mesh, pod.namespace, pod.labels)


def services_selecting(mesh: Mesh, namespace: str, labels: dict[str, str]) -> tuple[Service, ...]:
    """The Services of a namespace that select what carries these labels. Indexed once a table."""
    table = mesh[Service]
    table.within(namespace)  # raises where the namespace could not be read
    index: dict[str, dict[tuple[str, str], list[Service]]] | None = table.memo.get("services_by_selector")
    if index is None:
        index = table.memo["services_by_selector"] = {}
        for service in table:
            for label in list(service.spec.selector.items())[:1]:
                index.setdefault(service.namespace, {}).setdefault(label, []).append(service)
    inside = index.get(namespace)
    if inside is None:
        return ()
    found = []
    for label in labels.items():  # a plain loop: asked of every pod
        if label in inside:
            found += [s for s in inside[label] if s.spec.selector.items() <= labels.items()]
    return tuple(found)


def is_in_mesh(pod: Pod) -> bool:
    """Whether its requests go through the mesh: by a sidecar, or redirected to the node's ztunnel (ambient)."""
    marks = pod.annotations
    return pod.proxy is not None or "sidecar.istio.io/status" in marks or marks.get("ambient.istio.io/redirection") == "enabled"
