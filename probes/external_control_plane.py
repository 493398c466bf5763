"""Webhooks of a control plane that runs outside this cluster: they are called by an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from meshdoctor.model.admission import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    WebhookConfiguration,
)
from meshdoctor.model.mesh import Mesh
from probes.registry import Draft, fail, probe

NAMES = ("istio-validator", "istiod-default-validator", "istio-sidecar-injector")


@probe(
    "MD5252",
    needs=(MutatingWebhookConfiguration, ValidatingWebhookConfiguration),
    title="Webhook leads nowhere or to a bare address",
    severity="medium",
    codes=("IST0163", "IST0164"),
)
def webhook_leads_nowhere(mesh: Mesh) -> Iterator[Draft]:
    """An Istio webhook names neither a Service nor a usable URL, or a URL of an IP address, for which certificates rarely hold."""
    for kind in (MutatingWebhookConfiguration, ValidatingWebhookConfiguration):
        for configuration in mesh[kind]:
            if configuration.name.startswith(NAMES):
                yield from _judged(configuration)


def _judged(configuration: WebhookConfiguration) -> Iterator[Draft]:
    for i, webhook in enumerate(configuration.webhooks):
        client, at = webhook.client_config, f"webhooks[{i}].clientConfig"
        if client.service is not None:
            continue
        host = _host(client.url)
        if not host:
            says = f"{webhook.name} calls neither a Service nor a usable url ({client.url or 'none'})"
            yield fail(configuration, says, at=at, codes=("IST0163",))
            return
        if _is_address(host):
            says = f"{webhook.name} calls the address {host}: give it a host name, which certificates are for"
            yield fail(configuration, says, at=f"{at}.url", codes=("IST0164",))
            return


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
