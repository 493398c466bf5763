"""Who injects a pod: one simulation of the webhook selectors that the cluster really has.

Source: istio, manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml (stage 1, the API server's
choice of webhooks) and pkg/kube/inject/inject.go, injectRequired (stage 2, inside istiod).
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshdoctor.istio.controlplane import injectors
from meshdoctor.model.admission import MutatingWebhookConfiguration, Webhook
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
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

    @property
    def service(self) -> Subject | None:
        """The Service that it calls; None where it calls a URL."""
        reference = self.webhook.client_config.service
        return Subject(kind="Service", namespace=reference.namespace, name=reference.name) if reference else None


def called(mesh: Mesh, namespace: dict[str, str], pod: dict[str, str]) -> tuple[Injector, ...]:
    """The webhooks that the API server calls for a pod with these labels in a namespace with these labels."""
    known: dict[Any, tuple[Injector, ...]] = mesh.memo.setdefault("called", {})
    key = selecting(mesh, namespace), selecting(mesh, pod)
    found = known.get(key)
    if found is None:
        found = known[key] = _called(mesh, namespace, pod)
    return found


def selecting(mesh: Mesh, labels: dict[str, str]) -> tuple[str | None, ...]:
    """The values of those labels that any injection webhook looks at: thousands of pods come down to a few of these."""
    keys: tuple[str, ...] | None = mesh.memo.get("injector_keys")
    if keys is None:
        selectors = [s for c in injectors(mesh) for w in c.webhooks for s in (w.namespace_selector, w.object_selector)]
        looked_at = {k for s in selectors for k in s.match_labels} | {e.key for s in selectors for e in s.match_expressions}
        keys = mesh.memo["injector_keys"] = tuple(sorted(looked_at))
    return tuple([labels.get(k) for k in keys])


def _called(mesh: Mesh, namespace: dict[str, str], pod: dict[str, str]) -> tuple[Injector, ...]:
    return tuple(
        Injector(configuration, webhook)
        for configuration in injectors(mesh)
        for webhook in configuration.webhooks
        if _injects(webhook) and webhook.namespace_selector.matches(namespace) and webhook.object_selector.matches(pod)
    )


def _injects(webhook: Webhook) -> bool:
    service, url = webhook.client_config.service, webhook.client_config.url
    path = service.path if service else url
    return "/inject" in path if path else webhook.name.endswith("sidecar-injector.istio.io")


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
