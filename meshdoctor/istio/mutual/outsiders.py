"""Who calls workloads from outside the mesh by their configuration: the kubelet, load balancers, Prometheus, the API server.

Sources: istio.io, "Health checking of Istio services", "Prometheus" (metrics merging), PeerAuthentication (a STRICT port takes
nothing else); kubernetes.io, admission webhooks (the API server calls their Service).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio.health_probes import direct_probes
from meshdoctor.istio.mutual.interception import past_inbound
from meshdoctor.istio.mutual.targets import workload_port
from meshdoctor.istio.workloads import is_live, pods_of
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

SCRAPE = "prometheus.io/"
MERGED = ("15020", "15090")  # the agent's ports, which are never redirected
WEBHOOKS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)


class Outsider(msgspec.Struct, frozen=True, order=True):
    """One caller that has no identity: who, which server and port, the object that says so and where.

    `is_sure`: it does call, as long as its configuration stands; others may have nobody behind them.
    """

    who: str
    server: Subject
    port: int
    why: str
    by: Subject
    path: str
    is_sure: bool = False


def outsiders(mesh: Mesh, ports: Iterable[tuple[Subject, int]]) -> Iterator[Outsider]:
    """The outside callers of these ports of workloads, each once."""
    wanted = set(ports)
    owners = {owner for owner, _ in wanted}
    pods = {mesh.owner(p): p for p in mesh[Pod] if is_live(p) and p.proxy is not None}
    found = set()
    for owner, pod in pods.items():
        if owner in owners:
            found |= {o for o in (*_kubelet(owner, pod), *_prometheus(owner, pod)) if (owner, o.port) in wanted}
    found |= {o for o in (*_load_balancers(mesh), *_api_server(mesh)) if (o.server, o.port) in wanted}
    yield from sorted(found)


def _kubelet(owner: Subject, pod: Pod) -> Iterator[Outsider]:
    for container in pod.app_containers:
        for port, kind in direct_probes(container):
            why = f"{kind} of {container.name} goes to port {port} itself, not to the agent (15020 /app-health)"
            if past_inbound(pod, port) is None:
                yield Outsider("kubelet", owner, port, why, owner, kind, is_sure=True)


def _prometheus(owner: Subject, pod: Pod) -> Iterator[Outsider]:
    port = pod.annotations.get(f"{SCRAPE}port", "")
    if pod.annotations.get(f"{SCRAPE}scrape") == "true" and port.isdigit() and port not in MERGED:
        why = f"it is told to scrape port {port} of the application"
        if past_inbound(pod, int(port)) is None:
            yield Outsider("Prometheus", owner, int(port), why, owner, f"metadata.annotations[{SCRAPE}port]")


def _load_balancers(mesh: Mesh) -> Iterator[Outsider]:
    for service in mesh[Service]:
        if service.spec.type not in ("LoadBalancer", "NodePort") and not service.spec.external_ips:
            continue
        kind = service.spec.type if service.spec.type != "ClusterIP" else "external address"
        for index, port in enumerate(service.spec.ports):
            for owner, number in _reached(mesh, service, port.target):
                why = f"{service.subject} opens port {port.port} to callers outside the cluster"
                yield Outsider(kind, owner, number, why, service.subject, f"spec.ports[{index}]")


def _api_server(mesh: Mesh) -> Iterator[Outsider]:
    for kind in WEBHOOKS:
        if mesh.state(kind) not in USABLE:
            continue
        for configuration in mesh[kind]:
            for index, webhook in enumerate(configuration.webhooks):
                reference = webhook.client_config.service
                service = mesh[Service].get(reference.namespace, reference.name) if reference else None
                if service is None or reference is None:
                    continue
                target = next((p.target for p in service.spec.ports if p.port == (reference.port or 443)), None)
                yield from _called_by(mesh, configuration, service, target, f"webhooks[{index}].clientConfig.service")


def _called_by(mesh: Mesh, by: KubernetesObject, service: Service, target: int | str | None, path: str) -> Iterator[Outsider]:
    if target is not None:
        for owner, number in _reached(mesh, service, target):
            why = f"{by.subject} has it called at {service.subject}"
            yield Outsider("API server", owner, number, why, by.subject, path, is_sure=True)


def _reached(mesh: Mesh, service: Service, target: int | str) -> set[tuple[Subject, int]]:
    pods = (p for p in pods_of(mesh, service) if p.proxy is not None)
    return {(mesh.owner(p), number) for p in pods if (number := workload_port(p, target)) and past_inbound(p, number) is None}
