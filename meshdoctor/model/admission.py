"""Admission webhooks: who is called when a pod or an Istio object is created."""

from __future__ import annotations

from typing import Any

from meshdoctor.model.base import KubernetesObject, Record
from meshdoctor.model.workloads import LabelSelector


class ServiceReference(Record, frozen=True):
    namespace: str = ""
    name: str = ""
    path: str = ""
    port: int = 443


class WebhookClientConfig(Record, frozen=True):
    url: str = ""
    service: ServiceReference | None = None
    ca_bundle: str = ""  # base64 of PEM; public


class RuleWithOperations(Record, frozen=True):
    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    api_versions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class Webhook(Record, frozen=True):
    name: str = ""
    client_config: WebhookClientConfig = WebhookClientConfig()
    failure_policy: str = "Fail"
    namespace_selector: LabelSelector = LabelSelector()
    object_selector: LabelSelector = LabelSelector()
    rules: tuple[RuleWithOperations, ...] = ()
    timeout_seconds: int = 10
    reinvocation_policy: str = ""


class WebhookConfiguration(KubernetesObject, frozen=True):
    GROUP = "admissionregistration.k8s.io"
    NAMESPACED = False

    webhooks: tuple[Webhook, ...] = ()

    @property
    def revision(self) -> str:
        return self.labels.get("istio.io/rev", "default")

    @property
    def tag(self) -> str:
        return self.labels.get("istio.io/tag", "")


class MutatingWebhookConfiguration(WebhookConfiguration, frozen=True):
    KIND = "MutatingWebhookConfiguration"
    PLURAL = "mutatingwebhookconfigurations"


class ValidatingWebhookConfiguration(WebhookConfiguration, frozen=True):
    KIND = "ValidatingWebhookConfiguration"
    PLURAL = "validatingwebhookconfigurations"


class CustomResourceDefinition(KubernetesObject, frozen=True):
    """The definition of a kind; which versions are served and what their fields may be is left as it was said."""

    GROUP = "apiextensions.k8s.io"
    KIND = "CustomResourceDefinition"
    PLURAL = "customresourcedefinitions"
    NAMESPACED = False

    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}
