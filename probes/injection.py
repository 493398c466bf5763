"""Sidecar injection: who gets a proxy, who does not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshdoctor.istio.controlplane import control_plane_namespaces, is_istiod
from meshdoctor.istio.injection import (
    AMBIENT,
    IGNORED_NAMESPACES,
    INJECT,
    NAMESPACE_LABEL,
    REVISION,
    called,
    namespace_labels,
    opted_out,
    revisions,
    wants_injection,
    would_inject,
)
from meshdoctor.istio.routing import rule_host
from meshdoctor.istio.workloads import by_owner, is_gateway, is_live, live_pods, owner_object, services_of
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.findings import Evidence, Severity
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Sidecar, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import CronJob, Deployment, Job, Pod, Workload
from probes.registry import Draft, fail, get, probe, quote

WEBHOOKS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
MESH_KINDS: tuple[type[KubernetesObject], ...] = (DestinationRule, PeerAuthentication, AuthorizationPolicy, Sidecar, VirtualService)


@probe("INJ-001", over=Namespace, needs=(Namespace, Pod, Deployment, *WEBHOOKS, *MESH_KINDS))
def namespace_not_enabled(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace that belongs to the mesh has no enrolment label, and no webhook would inject its pods, now or at a restart."""
    labels = namespace.labels
    said = labels.get(NAMESPACE_LABEL)
    if said == "enabled" or REVISION in labels or labels.get(AMBIENT) == "ambient" or namespace.name in IGNORED_NAMESPACES:
        return
    if namespace.name in control_plane_namespaces(mesh) or called(mesh, labels, {}):
        return
    declined = said == "disabled"  # on purpose, it seems: what runs with a sidecar now tells otherwise
    live = live_pods(mesh, namespace.name, {})
    outside = [p for p in live if p.proxy is None and not (declined or _exempt(p))]
    last = [] if outside else [p for p in live if _has_its_last(mesh, p, labels)]
    if not (outside or last) or namespace.name == mesh.mesh_config.root_namespace:
        return
    why = _expected(mesh, namespace.name)
    if why is not None:
        then = f"{len(outside)} of its pods run" if outside else f"{len(last)} of its pods will restart"
        label = (
            "no injection label" if said is None else f"{NAMESPACE_LABEL}={said}{'' if declined else ', which no webhook selects'}"
        )
        says = f"namespace {namespace.name} has {label}, and {then} without a sidecar"
        evidence = (quote(namespace, f"metadata.labels: {dict(labels)}"), why)
        codes = ("IST0102",) if mesh.istiods and not declined else ()  # of manifests MD5273 says it of all that have no label
        also, at = _owners(mesh, outside or last), "metadata.labels"
        severity: Severity | None = "medium" if declined else None
        yield fail(namespace, says, at=at, why=why.says, evidence=evidence, also=also, codes=codes, severity=severity)


def _has_its_last(mesh: Mesh, pod: Pod, namespace: dict[str, str]) -> bool:
    """Whether a pod has a sidecar that its successor will not have: nothing injects it now, and no template brings it."""
    owner = owner_object(mesh, pod) if pod.proxy is not None else None
    if not isinstance(owner, Workload) or is_gateway(pod) or called(mesh, namespace, pod.labels):
        return False
    return all(c.name != "istio-proxy" for c in owner.template.spec.containers)


def _exempt(pod: Pod) -> bool:
    return pod.spec.host_network or opted_out(pod.labels, pod.annotations)


def _owners(mesh: Mesh, pods: list[Pod]) -> list[Subject]:
    return list(by_owner(mesh, pods))


def _expected(mesh: Mesh, namespace: str) -> Evidence | None:
    """Why the namespace is taken to be in the mesh: a sidecar runs there, or an object that only sidecars read."""
    for pod in mesh[Pod].within(namespace):
        if pod.proxy is not None and not is_gateway(pod):
            return Evidence(f"pod {pod.name} there has a sidecar", str(pod.subject), "container istio-proxy", get(pod))
    for kind in MESH_KINDS:
        for thing in mesh[kind].within(namespace):
            of_gateways = isinstance(thing, VirtualService) and thing.spec.gateways and "mesh" not in thing.spec.gateways
            if not of_gateways and not (isinstance(thing, DestinationRule) and _is_of_elsewhere(mesh, thing)):
                return quote(thing, says=f"{thing.subject} is there, which only sidecars read")
    return None


def _is_of_elsewhere(mesh: Mesh, rule: DestinationRule) -> bool:
    """Whether it speaks of a Service of another namespace: it may have been put here by mistake."""
    service = rule_host(rule, mesh.cluster.domain).removesuffix(f".svc.{mesh.cluster.domain}")
    return "." in service and service.rpartition(".")[2] != rule.namespace


@probe("INJ-002", needs=(Pod, Namespace, Service, Deployment, *WEBHOOKS))
def pod_without_sidecar(mesh: Mesh) -> Iterator[Draft]:
    """A running pod has no proxy though a webhook would inject it today."""
    candidates = [p for p in mesh[Pod] if p.proxy is None and p.status.phase == "Running" and is_live(p)]
    bare = [p for p in candidates if not is_istiod(p.labels) and would_inject(mesh, p.namespace, p)]
    for owner, pods in by_owner(mesh, bare).items():
        pod = pods[0]
        injector = would_inject(mesh, pod.namespace, pod)[0]
        evidence = (
            Evidence(f"{pod.name} has no container istio-proxy", str(pod.subject), _containers(pod), get(pod)),
            quote(injector.configuration, f"webhooks[{injector.webhook.name}]", says=f"{injector.webhook.name} selects it"),
            Evidence("its namespace's labels", f"Namespace {pod.namespace}", str(namespace_labels(mesh, pod.namespace)), ""),
        )
        says = f"{len(pods)} running pod{'s' if len(pods) > 1 else ''} of {owner.name} in {owner.namespace} without a sidecar"
        why = "created before the namespace was labelled, or while the webhook did not answer"
        services = services_of(mesh, pod)
        yield fail(owner, says, why=why, evidence=evidence, also=[pod, *services], since=pod.created)


def _containers(pod: Pod) -> str:
    return "containers: " + ", ".join(c.name for c in pod.all_containers)


@probe("INJ-003", needs=(*WORKLOADS, CronJob, Job, Namespace, *WEBHOOKS))
def injection_switched_off(mesh: Mesh) -> Iterator[Draft]:
    """A workload of an injected namespace opts out, or its override sits where nobody reads it or says nothing valid."""
    for workload in _makers(mesh):
        labels = workload.template.metadata.labels
        without = {k: v for k, v in labels.items() if k != INJECT}
        exempt = workload.namespace in IGNORED_NAMESPACES or is_istiod(labels)
        if not exempt and not _makes_gateways(workload) and called(mesh, namespace_labels(mesh, workload.namespace), without):
            yield from _override(workload)


def _makes_gateways(workload: Workload | CronJob | Job) -> bool:
    """Whether its pods are gateways: by template, or by bringing nothing but a proxy, as istiod's own Deployments do."""
    containers = workload.template.spec.containers
    by_template = "gateway" in workload.template.metadata.annotations.get("inject.istio.io/templates", "")
    return by_template or (bool(containers) and all(c.name == "istio-proxy" for c in containers))


def _makers(mesh: Mesh) -> Iterator[Workload | CronJob | Job]:
    """What makes pods; Jobs only where they are not over, and no CronJob made them."""
    for kind in WORKLOADS:
        yield from mesh[kind]
    yield from mesh[CronJob]
    for job in mesh[Job]:
        if not job.metadata.owner_references and not any(c.status == "True" for c in job.status.conditions):
            yield job


def _override(workload: Workload | CronJob | Job) -> Iterator[Draft]:
    meta = workload.template.metadata
    label = meta.labels.get(INJECT)
    said = meta.annotations.get(INJECT) if label is None else label
    template = "spec.jobTemplate.spec.template" if isinstance(workload, CronJob) else "spec.template"
    place = f"{template}.metadata.{'annotations' if label is None else 'labels'}[{INJECT}]"
    severity: Severity | None = None if isinstance(workload, Workload) else "low"  # what ends may be better off without
    if said is not None and said.lower() == "false":
        says = f"{workload.name} opts out of injection"
        yield fail(workload, says, at=place, evidence=[quote(workload, place, said)], severity=severity)
    elif said is not None and said.lower() != "true":
        says = f"{workload.name} has {INJECT}: {said!r}, which is neither true nor false"
        yield fail(workload, says, at=place, evidence=[quote(workload, place, said)])
    elif said is None and (INJECT in workload.labels or INJECT in workload.annotations):
        says = f"{workload.name} carries {INJECT} on itself; only the pod template's counts"
        own, where = (workload.labels, "labels") if INJECT in workload.labels else (workload.annotations, "annotations")
        at = f"metadata.{where}[{INJECT}]"
        why = "the webhook sees pods, not their controller"
        yield fail(workload, says, at=at, why=why, evidence=[quote(workload, at, own[INJECT])])
    elif workload.template.spec.host_network:
        says = f"{workload.name} uses the host's network, so istiod never injects it"
        yield fail(workload, says, at=f"{template}.spec.hostNetwork", evidence=[quote(workload, "hostNetwork", "true")])


@probe("INJ-004", over=Namespace, needs=(Namespace, *WEBHOOKS))
def both_labels(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace carries istio-injection and istio.io/rev: the former wins, whatever the latter says."""
    labels = namespace.labels
    if NAMESPACE_LABEL not in labels or REVISION not in labels:
        return
    now = called(mesh, labels, {})
    effect = f"revision {now[0].revision} injects" if now else "nothing is injected"
    says = f"{NAMESPACE_LABEL}={labels[NAMESPACE_LABEL]} and {REVISION}={labels[REVISION]} together: {effect}"
    codes = ("IST0123",) if labels[NAMESPACE_LABEL] == "enabled" else ()
    evidence = [quote(namespace, "metadata.labels", dict(labels), says)]
    yield fail(namespace, says, at="metadata.labels", evidence=evidence, codes=codes)


@probe("INJ-005", over=Namespace, needs=(Namespace, Pod, *WORKLOADS, *WEBHOOKS))
def unknown_revision(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace or a workload asks for a revision or tag without a webhook: its new pods come up without a sidecar."""
    yield from _asking_themselves(mesh, namespace)
    wanted = namespace.labels.get(REVISION)
    if wanted is None or NAMESPACE_LABEL in namespace.labels or not wants_injection(namespace):
        return
    known = revisions(mesh)
    if wanted in known or called(mesh, namespace.labels, {}):
        return
    bare = [p for p in mesh[Pod].within(namespace.name) if is_live(p) and p.proxy is None]
    evidence = (quote(namespace, f"metadata.labels[{REVISION}]", wanted), _those_that_inject(known))
    also = _owners(mesh, bare)
    says = _names_nothing(wanted, known)
    yield fail(namespace, says, at=f"metadata.labels[{REVISION}]", why=_bare(bare), evidence=evidence, also=also)


def _asking_themselves(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """Workloads whose template has the label, where that of the namespace does not get them a sidecar either."""
    for workload in (w for kind in WORKLOADS for w in mesh[kind].within(namespace.name)):
        meta = workload.template.metadata
        wanted = meta.labels.get(REVISION)
        if not wanted or is_istiod(meta.labels) or opted_out(meta.labels, meta.annotations):
            continue
        known = revisions(mesh)
        if wanted not in known and not called(mesh, namespace.labels, meta.labels):
            at = f"spec.template.metadata.labels[{REVISION}]"
            yield fail(
                workload, _names_nothing(wanted, known), at=at, evidence=(quote(workload, at, wanted), _those_that_inject(known))
            )


def _names_nothing(wanted: str, known: Iterable[str]) -> str:
    return f"{REVISION}={wanted} names no revision or tag; there are: {', '.join(sorted(known)) or 'none'}"


def _those_that_inject(known: Iterable[str]) -> Evidence:
    return Evidence("the revisions and tags that inject", "MutatingWebhookConfigurations", ", ".join(sorted(known)), LIST_INJECTORS)


LIST_INJECTORS = "kubectl get mutatingwebhookconfigurations -l app=sidecar-injector --show-labels"


def _bare(pods: list[Pod]) -> str:
    return f"{counted(len(pods), 'pod')} there without a sidecar" if pods else "no pod runs there yet"
