"""The admission webhooks of Istio: whether they can be reached, are trusted, and fail closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from meshdoctor.istio.certificates import ca_bundle, pem_certificates
from meshdoctor.istio.controlplane import control_planes, injectors, istiod_pods, planes_seen, validators
from meshdoctor.istio.injection import INJECT, called, selecting
from meshdoctor.model.admission import (
    MutatingWebhookConfiguration,
    ValidatingWebhookConfiguration,
    Webhook,
    WebhookConfiguration,
)
from meshdoctor.model.cluster import ConfigMap, EndpointSlice, Event, Namespace, Service
from meshdoctor.model.findings import STRONG, Evidence, Harm
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote

REACH = (Service, EndpointSlice, Pod, Deployment, MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
SLOW_SECONDS = 2.0
RECENT = timedelta(minutes=2)
UNBELIEVED = re.compile(r"failed calling webhook \S*sidecar-injector\S* .*(x509|tls): ")
TIMED_OUT = re.compile(r"failed calling webhook \S*sidecar-injector\S* .*(context deadline exceeded|Client\.Timeout exceeded)")
REFUSED = re.compile(
    r"failed calling webhook \"[a-z.]*sidecar-injector\.istio\.io\".*(no endpoints available|service .* not found)"
)


def is_active(webhook: Webhook) -> bool:
    """Whether some object can match it: the charts keep a switched-off injector with selectors that match nothing."""
    both = (webhook.namespace_selector, webhook.object_selector)
    return not any(s.match_labels.get("istio.io/deactivated") == "never-match" for s in both)


def active(configuration: WebhookConfiguration) -> list[Webhook]:
    """The webhooks of a configuration that can match."""
    return [w for w in configuration.webhooks if is_active(w)]


def service_of(mesh: Mesh, webhook: Webhook) -> Service | None:
    """The Service that a webhook calls; None where it calls a URL or the Service does not exist."""
    reference = webhook.client_config.service
    return mesh[Service].get(reference.namespace, reference.name) if reference else None


def has_ready_endpoint(mesh: Mesh, service: Service) -> bool:
    """Whether some endpoint of the Service is ready."""
    return any(e.is_ready for s in mesh.slices_of(service) for e in s.endpoints or ())


def _unreachable(mesh: Mesh, configuration: WebhookConfiguration) -> Iterator[tuple[Webhook, Subject, str]]:
    """Webhooks that nobody answers: the object to change, and why. Each target once."""
    seen = set()
    for webhook in active(configuration):
        reference = webhook.client_config.service
        if reference is None or (reference.namespace, reference.name) in seen:
            continue
        seen.add((reference.namespace, reference.name))
        service = service_of(mesh, webhook)
        if service is None:
            yield webhook, configuration.subject, f"Service {reference.namespace}/{reference.name} does not exist"
        elif not has_ready_endpoint(mesh, service):
            yield webhook, service.subject, _why_empty(mesh, service)
        elif reference.port not in (ports := [p.port for p in service.spec.ports]):
            yield webhook, service.subject, f"it has no port {reference.port}, only {', '.join(map(str, ports))}"


def _why_empty(mesh: Mesh, service: Service) -> str:
    pods = [p for p in istiod_pods(mesh) if p.namespace == service.namespace]
    missed = [p for p in pods if not service.spec.selector.items() <= p.labels.items()]
    if pods and len(missed) == len(pods):
        return f"its selector {service.spec.selector} matches no pod, while {len(pods)} istiod pods run"
    return "no istiod pod is ready" if pods else "no istiod pod runs"


def _target(webhook: Webhook) -> list[Subject]:
    reference = webhook.client_config.service
    return [Subject(kind="Service", namespace=reference.namespace, name=reference.name)] if reference else []


@probe("INJ-006", needs=(MutatingWebhookConfiguration, *REACH, Event))
def injector_without_endpoints(mesh: Mesh) -> Iterator[Draft]:
    """The Service that the injection webhook calls has no ready endpoint: no pod that it selects can be created."""
    told = set()
    for configuration in injectors(mesh):
        for webhook, subject, why in _unreachable(mesh, configuration):
            if subject in told:
                continue
            told.add(subject)
            says = f"{webhook.name} has nobody to call: {why}"
            if webhook.failure_policy == "Ignore":
                says += "; failurePolicy Ignore: pods come up without a sidecar"
            evidence = [quote(configuration, f"webhooks[{webhook.name}].clientConfig.service", _named(webhook))]
            evidence.append(_slices(subject, why))
            also = [configuration.subject, *_target(webhook), *(d.subject for d in _istiods(mesh, subject))]
            refused = _refusals(mesh)
            harm = Harm() if refused else None
            since = _changed(mesh, subject)
            yield fail(subject, says, why=why, evidence=[*evidence, *refused], harm=harm, also=also, since=since)


def _named(webhook: Webhook) -> str:
    service = webhook.client_config.service
    return f"{service.namespace}/{service.name}:{service.port}{service.path}" if service else webhook.client_config.url


def _slices(subject: Subject, why: str) -> Evidence:
    command = f"kubectl -n {subject.namespace} get endpointslices -l kubernetes.io/service-name={subject.name}"
    return Evidence(why, str(subject), "", command if subject.namespace else get(subject))


def _istiods(mesh: Mesh, service: Subject) -> list[Deployment]:
    return [p.deployment for p in control_planes(mesh) if p.deployment and p.namespace == service.namespace]


def _changed(mesh: Mesh, subject: Subject) -> datetime | None:
    service = mesh[Service].get(*subject.key) if subject.kind == "Service" else None
    return service.changed if service else None


def _refusals(mesh: Mesh) -> list[Evidence]:
    """Events that show the webhook refusing pods; the newest."""
    try:
        events = [e for e in mesh[Event] if e.reason == "FailedCreate" and REFUSED.search(e.message)]
    except Unseen:
        return []
    newest = max(events, key=lambda e: e.last_seen or mesh.now, default=None)
    if newest is None:
        return []
    command = f"kubectl -n {newest.namespace} get events --field-selector reason=FailedCreate"
    return [Evidence("pods are refused", f"Event {newest.namespace}/{newest.name}", newest.message, command)]


@probe("INJ-007", needs=(MutatingWebhookConfiguration, Event, ValidatingWebhookConfiguration))
def injector_slow(mesh: Mesh) -> Iterator[Draft]:
    """The injection webhook answers late or not in time: pods are created late, or not at all."""
    for configuration in injectors(mesh):
        if not active(configuration):
            continue
        late = [d for d in mesh.dry_runs if d.seconds > SLOW_SECONDS]
        since = max(mesh.now - RECENT, configuration.changed or mesh.now - RECENT)  # what was before it was mended is over
        recent = [e for e in mesh[Event] if TIMED_OUT.search(e.message) and e.last_seen and e.last_seen > since]
        evidence = [Evidence(f"a dry-run create took {d.seconds:.1f} s", f"namespace {d.namespace}", d.error, "") for d in late[:2]]
        evidence += [
            Evidence("the webhook timed out", f"Event {e.namespace}/{e.name}", e.message, get(e.subject)) for e in recent[:2]
        ]
        if evidence:
            says = f"{evidence[0].says}: pods wait for {configuration.name}"
            also = [t for w in active(configuration) for t in _target(w)]
            yield fail(configuration, says, evidence=evidence, also=also, harm=Harm() if recent else None)
            return


@probe("WH-001", needs=(ValidatingWebhookConfiguration, *REACH, ConfigMap))
def validator_unavailable(mesh: Mesh) -> Iterator[Draft]:
    """A validating webhook that fails closed has nobody to call, or does not trust who answers: no Istio object can be written."""
    for configuration in validators(mesh):
        closed = [w for w in active(configuration) if w.failure_policy == "Fail"]
        for webhook, subject, why in _unreachable(mesh, configuration):
            if webhook in closed:
                says = f"{webhook.name} ({configuration.name}) has nobody to call: {why}"
                evidence = [quote(configuration, f"webhooks[{webhook.name}].clientConfig.service", _named(webhook))]
                also = [configuration.subject, *_target(webhook)]
                yield fail(subject, says, at=configuration.name, why=why, evidence=[*evidence, _slices(subject, why)], also=also)
        for webhook in closed:
            yield from _distrusted(mesh, configuration, webhook, skip_empty=True)


@probe("INJ-008", needs=(MutatingWebhookConfiguration, ConfigMap, Service, ValidatingWebhookConfiguration, Event))
def ca_bundle_differs(mesh: Mesh) -> Iterator[Draft]:
    """The injection webhook's caBundle is empty or holds no certificate of istiod's CA: the API server refuses the connection."""
    for configuration in injectors(mesh):
        for webhook in active(configuration)[:1]:
            found = [*_distrusted(mesh, configuration, webhook, skip_empty=False)]
            yield from found or _not_believed(mesh, configuration)


def _not_believed(mesh: Mesh, configuration: WebhookConfiguration) -> Iterator[Draft]:
    """What the API server says itself: the certificate of whom it calls does not fit, whatever istiod publishes."""
    services = {f"{t.name}.{t.namespace}.svc" for w in active(configuration) for t in _target(w)}
    for event in mesh[Event] if mesh.state(Event) in USABLE else ():
        fresh = event.last_seen is not None and mesh.now - event.last_seen < RECENT
        newer = configuration.changed is None or (event.last_seen is not None and event.last_seen > configuration.changed)
        if fresh and newer and UNBELIEVED.search(event.message) and any(s in event.message for s in services):
            says = f"the API server does not believe the certificate of whom {configuration.name} calls: no pod can be created"
            evidence = (Evidence("pods are refused", f"Event {event.namespace}/{event.name}", event.message, get(event.subject)),)
            also = [t for w in active(configuration) for t in _target(w)]
            at = f"{_at(configuration, active(configuration)[0])}.clientConfig"
            yield fail(configuration, says, at=at, evidence=evidence, also=also, harm=Harm(), confidence=STRONG)
            return


def _at(configuration: WebhookConfiguration, webhook: Webhook) -> str:
    """Where a webhook stands in its configuration."""
    return f"webhooks[{configuration.webhooks.index(webhook)}]"


def _distrusted(mesh: Mesh, configuration: WebhookConfiguration, webhook: Webhook, *, skip_empty: bool) -> Iterator[Draft]:
    """caBundle against the root certificate that istiod publishes."""
    service = webhook.client_config.service
    if service is None:
        return
    place = f"{_at(configuration, webhook)}.clientConfig.caBundle"
    bundle = ca_bundle(webhook.client_config.ca_bundle)
    also = _target(webhook)
    if not bundle:
        if not skip_empty and not mesh.only_given:  # manifests leave it to istiod, which fills it in
            yield fail(configuration, f"caBundle of {webhook.name} is empty", at=place, also=also)
        return
    published = mesh[ConfigMap].get(service.namespace, "istio-ca-root-cert")
    roots = pem_certificates(published.data.get("root-cert.pem", "").encode()) if published else []
    if published is None or not roots or {c.sha256 for c in roots} & {c.sha256 for c in bundle}:
        return
    evidence = (
        Evidence("the caBundle's certificate", str(configuration.subject), f"sha256 {bundle[0].sha256[:16]}", get(configuration)),
        Evidence("istiod's root certificate", str(published.subject), f"sha256 {roots[0].sha256[:16]}", get(published)),
    )
    says = f"caBundle of {webhook.name} holds no certificate of istiod's CA: x509, signed by unknown authority"
    yield fail(configuration, says, at=place, evidence=evidence, also=also)


@probe("INJ-010", needs=(MutatingWebhookConfiguration,))
def injector_fails_open(mesh: Mesh) -> Iterator[Draft]:
    """An injection webhook says failurePolicy Ignore: in the next outage pods come up without a sidecar."""
    for configuration in injectors(mesh):
        found = [w for w in active(configuration) if w.failure_policy == "Ignore"]
        if found:
            says = f"failurePolicy is Ignore on {', '.join(w.name for w in found)}"
            place = f"{_at(configuration, found[0])}.failurePolicy"
            yield fail(configuration, says, at=place, evidence=[quote(configuration, place, "Ignore")])


@probe("INJ-011", needs=(MutatingWebhookConfiguration, Namespace, Pod, ValidatingWebhookConfiguration))
def overlapping_injectors(mesh: Mesh) -> Iterator[Draft]:
    """For some namespace and pod labels more than one webhook injects: two proxies, or the wrong one's settings."""
    told = set()
    for namespace, pod, where in _label_sets(mesh):
        found = called(mesh, namespace, pod)
        names = tuple(sorted({f.configuration.name for f in found}))
        if len(found) < 2 or names in told:
            continue
        told.add(names)
        youngest = max((f.configuration for f in found), key=lambda c: (c.created or mesh.now, c.name))
        others = [f.configuration for f in found if f.configuration is not youngest]
        says = f"{len(found)} webhooks inject {where}: {', '.join(f'{f.configuration.name}/{f.webhook.name}' for f in found)}"
        evidence = [quote(f.configuration, f"webhooks[{f.webhook.name}].namespaceSelector") for f in found[:3]]
        yield fail(youngest, says, at="webhooks", evidence=evidence, also=others)


def _label_sets(mesh: Mesh) -> Iterator[tuple[dict[str, str], dict[str, str], str]]:
    """The namespace and pod labels that occur, and the permutations that could."""
    for namespace in mesh[Namespace]:
        sets: dict[tuple[str | None, ...], tuple[dict[str, str], str]] = {selecting(mesh, {}): ({}, "any pod")}
        for pod in mesh[Pod].within(namespace.name):
            looked_at = selecting(mesh, pod.labels)
            if looked_at not in sets:
                sets[looked_at] = pod.labels, f"pod {pod.name}"
        sets.setdefault(selecting(mesh, {INJECT: "true"}), ({INJECT: "true"}, "a pod with inject=true"))
        for labels, name in sets.values():
            yield namespace.labels, labels, f"{name} in namespace {namespace.name}"
    revisions = {c.revision for c in injectors(mesh)} | {c.tag for c in injectors(mesh) if c.tag}
    synthetic: list[dict[str, str]] = [{}, {"istio-injection": "enabled"}, *({"istio.io/rev": r} for r in revisions)]
    for labels_of_namespace in synthetic:
        for labels_of_pod in ({}, {INJECT: "true"}, *({"istio.io/rev": r} for r in revisions)):
            yield labels_of_namespace, labels_of_pod, f"pods labelled {labels_of_pod} in a namespace labelled {labels_of_namespace}"


@probe("WH-002", needs=(Deployment, ValidatingWebhookConfiguration, Pod, MutatingWebhookConfiguration))
def validation_fails_open(mesh: Mesh) -> Iterator[Draft]:
    """No validator covers ordinary Istio objects, or one is left at failurePolicy Ignore or without a caBundle."""
    planes = [p for p in planes_seen(mesh) if p.ready]
    if not planes:
        return
    found = validators(mesh)
    everyday = [w for c in found for w in c.webhooks if w.object_selector.matches({})]
    if not everyday:
        plane = planes[0]
        subject = plane.deployment or plane.pods[0]
        says = (
            "no validating webhook covers Istio objects without a revision label"
            if found
            else "no validating webhook of Istio exists"
        )
        command = "kubectl get validatingwebhookconfigurations -l app=istiod"
        yield fail(subject, says, evidence=[Evidence(says, "ValidatingWebhookConfigurations", "", command)], since=mesh.now)
    settled = any(p.ready_since and mesh.now - p.ready_since > timedelta(minutes=5) for plane in planes for p in plane.pods)
    for configuration in found:
        for webhook in configuration.webhooks:
            yield from _open(configuration, webhook, settled)


def _open(configuration: ValidatingWebhookConfiguration, webhook: Webhook, settled: bool) -> Iterator[Draft]:
    place = _at(configuration, webhook)
    if not ca_bundle(webhook.client_config.ca_bundle) and webhook.client_config.service and settled:
        yield fail(configuration, f"caBundle of {webhook.name} is empty", at=f"{place}.clientConfig.caBundle")
    if webhook.failure_policy == "Ignore" and settled:
        says = f"{webhook.name} still says failurePolicy Ignore: invalid objects are stored"
        yield fail(
            configuration, says, at=f"{place}.failurePolicy", evidence=[quote(configuration, place, "failurePolicy: Ignore")]
        )
