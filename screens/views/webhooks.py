"""Webhooks: who is called when pods and Istio objects are created, and whether anybody answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshdoctor.istio.controlplane import config_map, injectors, validators
from meshdoctor.model.admission import Webhook, WebhookConfiguration
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import LabelSelector
from screens.figures import webhook_ready
from screens.registry import screen
from screens.seen import Seen
from screens.text import Run, badge
from screens.views.table import TableView
from screens.widgets.doc import Item
from screens.widgets.rows import Column, Row

DOMAINS = (".sidecar-injector.istio.io", ".istio.io")


@screen(name="webhooks", aliases=("wh", "webhook"), title="Webhooks", says="who injects and validates, and does it answer")
class Webhooks(TableView):
    """Each of Istio's admission webhooks."""

    drawn_from = ("*webhookconfigurations*", "pods", "services", "endpointslices*")
    about = "Without ready endpoints a webhook blocks creation (policy Fail), or lets pods in without a sidecar (Ignore)."
    columns = (
        Column("STATE", least=9, keep=True),
        Column("CONFIGURATION", least=24, most=48, is_name=True, keep=True),
        Column("WEBHOOK", least=15, most=40, keep=True),
        Column("POLICY", least=6),
        Column("ENDPOINTS", least=9, align="right"),
        Column("CA", least=9, most=30),
        Column("KIND", least=9),
        Column("REVISION", least=8, most=20, is_name=True),
        Column("SERVICE", least=14, most=40, is_name=True),
        Column("SELECTS", least=20, most=110),
    )
    fields = frozenset({"kind", "revision", "policy", "name", "state"})
    empty = "No webhook of Istio: nothing is injected, nothing validated."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "yaml", "YAML", id="webhooks.yaml", tooltip="the configuration as it is now"),
    ]

    def rows_of(self, seen: Seen) -> Iterable[Row]:
        mesh = seen.mesh
        if mesh is None:
            return []
        found: list[WebhookConfiguration] = [*injectors(mesh), *validators(mesh)]
        rows = [_row(mesh, c, w) for c in found for w in c.webhooks]
        return sorted(rows, key=lambda r: (not r.is_fault, r.key))

    def detail_of(self, row: Row) -> list[Item]:
        configuration: WebhookConfiguration
        webhook: Webhook
        configuration, webhook = row.payload
        return [
            Item((Run(f"{configuration.subject}", "strong"), Run(f"  {webhook.name}"))),
            Item(_policy(webhook), label="POLICY"),
            Item(_selector(webhook.namespace_selector) or "all namespaces", label="NAMESPACES"),
            Item(_selector(webhook.object_selector) or "all objects", label="OBJECTS"),
            Item(", ".join(f"{' '.join(r.operations)} {' '.join(r.resources)}" for r in webhook.rules), label="CALLED ON"),
            Item(_ca_words(webhook), label="CA BUNDLE"),
        ]

    async def open(self, row: Row) -> None:
        await self.action_yaml()

    async def action_yaml(self) -> None:
        from screens.views.yaml import YamlView

        if self.row is not None:
            await self.boss.open(YamlView(self.row.payload[0].subject))


def _row(mesh: Mesh, configuration: WebhookConfiguration, webhook: Webhook) -> Row:
    service = webhook.client_config.service
    state, endpoints = _endpoints(mesh, webhook)
    authority = _ca(mesh, configuration, webhook)
    worst = "FAIL" if "FAIL" in (state, authority[0]) else "UNKNOWN" if "UNKNOWN" in (state, authority[0]) else "OK"
    kind = "injector" if configuration.KIND.startswith("Mutating") else "validator"
    selects = "; ".join(part for part in (_selector(webhook.namespace_selector), _selector(webhook.object_selector)) if part)
    cells = (
        badge(worst, "answers" if worst == "OK" else "broken" if worst == "FAIL" else "unknown"),
        configuration.name,
        _short(webhook.name),
        webhook.failure_policy,
        Run(endpoints, "bad" if state == "FAIL" else ""),
        badge(*authority),
        kind,
        configuration.tag or configuration.revision,
        f"{service.namespace}/{service.name}" if service else webhook.client_config.url,
        Run(selects or "everything", "dim"),
    )
    fields = {
        "kind": kind,
        "revision": configuration.revision,
        "policy": webhook.failure_policy,
        "name": webhook.name,
        "state": worst,
    }
    key = f"{configuration.KIND}/{configuration.name}/{webhook.name}"
    return Row(key, cells, fields, is_fault=worst == "FAIL", payload=(configuration, webhook))


def _short(name: str) -> str:
    """A webhook's name without the domain that all of Istio's share: `rev.namespace.…`."""
    return next((f"{name.removesuffix(end)}.…" for end in DOMAINS if name.endswith(end)), name)


def _policy(webhook: Webhook) -> str:
    after = f" within {webhook.timeout_seconds} s" if webhook.timeout_seconds else ""
    if webhook.failure_policy == "Ignore":
        return f"Ignore: where nobody answers{after}, what is created goes through unseen"
    return f"{webhook.failure_policy}: where nobody answers{after}, what is created is refused"


def _endpoints(mesh: Mesh, webhook: Webhook) -> tuple[str, str]:
    if webhook.client_config.service is None:
        return "UNKNOWN", "outside"
    try:
        counted = webhook_ready(mesh, webhook)
    except Unseen as unseen:
        return "UNKNOWN", f"? {unseen.source.state}"
    if counted is None:
        return "FAIL", "no Service"
    return ("OK" if counted[0] else "FAIL"), f"{counted[0]}/{counted[1]}"


def _ca(mesh: Mesh, configuration: WebhookConfiguration, webhook: Webhook) -> tuple[str, str]:
    """Whether the caBundle holds the root that istiod's certificates come from."""
    from meshdoctor.istio.certificates import ca_bundle, pem_certificates

    bundle = ca_bundle(webhook.client_config.ca_bundle)
    if not bundle:
        return "FAIL", "empty"
    if all(c.expires is not None and c.expires < mesh.now for c in bundle):
        return "FAIL", "expired"
    service = webhook.client_config.service
    try:
        root = config_map(mesh, service.namespace if service else "", "istio-ca-root-cert", "")
    except Unseen:
        root = None
    if root is None:
        return "UNKNOWN", f"{bundle[0].sha256[:8]}"
    trusted = {c.sha256 for c in pem_certificates(root.data.get("root-cert.pem", "").encode())}
    return ("OK", "matches") if trusted & {c.sha256 for c in bundle} else ("FAIL", "differs")


def _ca_words(webhook: Webhook) -> str:
    from meshdoctor.istio.certificates import ca_bundle

    bundle = ca_bundle(webhook.client_config.ca_bundle)
    return "; ".join(f"{c.subject} sha256 {c.sha256[:16]}" for c in bundle) or "empty or broken"


def _selector(selector: LabelSelector) -> str:
    return ", ".join(_terms(selector))


def _terms(selector: LabelSelector) -> Iterator[str]:
    for key, value in selector.match_labels.items():
        yield f"{key}={value}"
    for e in selector.match_expressions:
        values = f" ({' '.join(e.values)})" if e.values else ""
        yield f"{e.key} {e.operator}{values}"
