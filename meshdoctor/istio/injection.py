"""Who injects a pod: one simulation of the webhook selectors that the cluster really has.

Source: istio, manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml (stage 1, the API server's
choice of webhooks) and pkg/kube/inject/inject.go, injectRequired (stage 2, inside istiod).
"""

from __future__ import annotations

import msgspec

from meshdoctor.istio.controlplane import injectors
from meshdoctor.model.admission import MutatingWebhookConfiguration, Webhook
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod, PodTemplate

INJECT = "sidecar.istio.io/inject"
REVISION = "istio.io/rev"
NAMESPACE_LABEL = "istio-injection"
AMBIENT = "istio.io/dataplane-mode"
IGNORED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})


class Injector(msgspec.Struct, frozen=True):
    """One webhook that would be called, and the configuration that holds it."""

    configuration: MutatingWebhookConfiguration
    webhook: Webhook

    @property
    def revision(self) -> str:
        return self.configuration.revision

    def same_target(self, other: Injector) -> bool:
        return self.webhook.client_config.service == other.webhook.client_config.service


def called(mesh: Mesh, namespace: dict[str, str], pod: dict[str, str]) -> tuple[Injector, ...]:
    """The webhooks that the API server calls for a pod with these labels in a namespace with these labels."""
    return tuple(
        Injector(configuration, webhook)
        for configuration in injectors(mesh)
        for webhook in configuration.webhooks
        if _injects(webhook) and webhook.namespace_selector.matches(namespace) and webhook.object_selector.matches(pod)
    )


def _injects(webhook: Webhook) -> bool:
    service, url = webhook.client_config.service, webhook.client_config.url
    return service.path.startswith("/inject") if service else "/inject" in url


def namespace_labels(mesh: Mesh, namespace: str) -> dict[str, str]:
    """The labels of a namespace, with the name label that the API server sets; none where it does not exist."""
    found = mesh[Namespace].get("", namespace)
    return found.labels if found else {}


def would_inject(mesh: Mesh, namespace: str, template: PodTemplate | Pod) -> tuple[Injector, ...]:
    """The webhooks that inject such a pod today: those called, unless istiod skips it (host network, opt-out)."""
    if template.spec.host_network or namespace in IGNORED_NAMESPACES:
        return ()
    if opted_out(template.metadata.labels, template.metadata.annotations):
        return ()
    return called(mesh, namespace_labels(mesh, namespace), template.metadata.labels)


def opted_out(labels: dict[str, str], annotations: dict[str, str]) -> bool:
    """Whether the pod says no: the label decides, the older annotation only where there is no label."""
    said = labels.get(INJECT, annotations.get(INJECT, ""))
    return said.lower() in {"false", "no", "n", "off", "disabled"}


def wants_injection(namespace: Namespace) -> bool:
    """Whether the namespace's labels ask for sidecars."""
    return namespace.labels.get(NAMESPACE_LABEL) == "enabled" or (
        REVISION in namespace.labels and NAMESPACE_LABEL not in namespace.labels
    )


def revisions(mesh: Mesh) -> frozenset[str]:
    """The revisions and tags for which there is an injection webhook."""
    return frozenset(r for c in injectors(mesh) for r in (c.revision, c.tag) if r)
