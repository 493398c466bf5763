"""The control planes of a mesh: found by label in any namespace, whatever their revision.

Source: istio charts label istiod's Deployment, pods, Service and PodDisruptionBudget `app: istiod`, `istio.io/rev`.
"""

from __future__ import annotations

import itertools

import msgspec

from meshdoctor.istio.workloads import is_live
from meshdoctor.model.admission import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    WebhookConfiguration,
)
from meshdoctor.model.cluster import ConfigMap
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import Deployment, Pod

ISTIOD = {"app": "istiod"}


class ControlPlane(msgspec.Struct, frozen=True):
    """One revision of istiod in one namespace. `deployment` is None where pods run without one that may be read."""

    namespace: str
    revision: str
    deployment: Deployment | None
    pods: tuple[Pod, ...]

    @property
    def ready(self) -> int:
        return sum(p.is_ready for p in self.pods)

    @property
    def name(self) -> str:
        return self.deployment.name if self.deployment else f"istiod ({self.revision})"


def is_istiod(labels: dict[str, str]) -> bool:
    """Whether these are the labels of istiod's pods or its Deployment's template."""
    return labels.get("app") == "istiod" or labels.get("istio") == "pilot"


def istiod_pods(mesh: Mesh) -> tuple[Pod, ...]:
    """Live istiod pods of every namespace and revision. Found once a table."""
    pods = mesh[Pod]
    known: tuple[Pod, ...] | None = pods.memo.get("istiod_pods")
    if known is None:
        known = pods.memo["istiod_pods"] = tuple([p for p in pods if is_istiod(p.metadata.labels) and is_live(p)])
    return known


def control_planes(mesh: Mesh) -> tuple[ControlPlane, ...]:
    """Every (namespace, revision) that has a Deployment or a pod of istiod."""
    known: tuple[ControlPlane, ...] | None = mesh.memo.get("control_planes")
    if known is None:
        known = mesh.memo["control_planes"] = tuple(_find(mesh))
    return known


def planes_seen(mesh: Mesh) -> tuple[ControlPlane, ...]:
    """As `control_planes`; raises Unseen where none is seen, and one may run where nothing may be read."""
    found = control_planes(mesh)
    if not found:
        mesh[Pod].everywhere()
    return found


def _find(mesh: Mesh) -> list[ControlPlane]:
    deployments = [d for d in mesh[Deployment] if is_istiod(d.template.metadata.labels) or is_istiod(d.labels)]
    pods = istiod_pods(mesh)
    found = []
    owned: set[tuple[str, str]] = set()
    for deployment in deployments:
        selector = deployment.spec.selector
        mine = tuple(p for p in pods if p.namespace == deployment.namespace and selector.matches(p.labels))
        owned.update((p.namespace, p.name) for p in mine)
        revision = deployment.labels.get("istio.io/rev") or deployment.template.metadata.labels.get("istio.io/rev", "default")
        found.append(ControlPlane(deployment.namespace, revision, deployment, mine))
    strays: dict[tuple[str, str], list[Pod]] = {}
    for pod in pods:
        if (pod.namespace, pod.name) not in owned:
            strays.setdefault((pod.namespace, pod.labels.get("istio.io/rev", "default")), []).append(pod)
    found.extend(ControlPlane(ns, rev, None, tuple(several)) for (ns, rev), several in strays.items())
    return found


def control_plane_namespaces(mesh: Mesh) -> frozenset[str]:
    """Where istiod runs, or where its webhooks lead when it is gone."""
    known: frozenset[str] | None = mesh.memo.get("control_plane_namespaces")
    if known is None:
        names = {p.namespace for p in control_planes(mesh)}
        for kind in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
            try:
                names |= {n for w in mesh[kind] if is_istio_webhook(w) for n in webhook_namespaces(w)}
            except Unseen:
                continue  # a lesser source of the same fact
        known = mesh.memo["control_plane_namespaces"] = frozenset(names)
    return known


def is_istio_webhook(configuration: WebhookConfiguration) -> bool:
    """Whether an admission configuration is Istio's, by its label (names differ between installs)."""
    labels = configuration.labels
    if labels.get("app") in {"sidecar-injector", "istiod"}:
        return True
    return any(w.name.endswith(("sidecar-injector.istio.io", "validation.istio.io")) for w in configuration.webhooks)


def webhook_namespaces(configuration: WebhookConfiguration) -> frozenset[str]:
    """The namespaces of the Services that its webhooks call."""
    return frozenset(w.client_config.service.namespace for w in configuration.webhooks if w.client_config.service)


def injectors(mesh: Mesh) -> tuple[MutatingWebhookConfiguration, ...]:
    """Istio's mutating webhook configurations: one a revision, one a tag."""
    return tuple(c for c in mesh[MutatingWebhookConfiguration] if is_istio_webhook(c))


def validators(mesh: Mesh) -> tuple[ValidatingWebhookConfiguration, ...]:
    """Istio's validating webhook configurations."""
    return tuple(c for c in mesh[ValidatingWebhookConfiguration] if is_istio_webhook(c))


def config_map(mesh: Mesh, namespace: str, name: str, revision: str) -> ConfigMap | None:
    """A control plane's ConfigMap: `NAME`, or `NAME-REVISION` for a revision that is not the default."""
    full = name if revision in ("", "default") else f"{name}-{revision}"
    return mesh[ConfigMap].get(namespace, full)


def cluster_domain(mesh: Mesh) -> str:
    """The domain of the names of Services, as istiod was told by `--domain`; `cluster.local` where nobody says another."""
    for pod in istiod_pods(mesh):
        for container in pod.spec.containers:
            words = [part for argument in container.args for part in argument.split("=", 1)]
            for flag, value in itertools.pairwise(words):
                if flag == "--domain" and value:
                    return value
    return "cluster.local"
