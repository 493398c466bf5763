"""The control plane: whether istiod runs, survives, and governs from where it should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from meshdoctor.istio.availability import schedulable_nodes
from meshdoctor.istio.controlplane import ControlPlane, control_plane_namespaces, injectors, planes_seen
from meshdoctor.istio.workloads import injected_pods
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Node, Service
from meshdoctor.model.findings import Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Sidecar
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication, Telemetry
from meshdoctor.model.workloads import Deployment, Pod, PodDisruptionBudget
from probes.registry import Draft, fail, get, probe, quote

WEBHOOKS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
POLICIES: tuple[type[KubernetesObject], ...] = (
    PeerAuthentication,
    AuthorizationPolicy,
    RequestAuthentication,
    Telemetry,
    Sidecar,
)
USUAL_ROOTS = frozenset({"istio-system", "istio-config"})
WANTED_REPLICAS = 3
CRASH_WINDOW = timedelta(minutes=30)


@probe("CP-001", needs=(Deployment, Pod, Service, *WEBHOOKS))
def istiod_down(mesh: Mesh) -> Iterator[Draft]:
    """A control plane has no available replica: pods cannot be injected, configuration is frozen, certificates run out."""
    planes = planes_seen(mesh)
    for plane in planes:
        deployment = plane.deployment
        if deployment is None or deployment.status.available_replicas > 0:
            continue
        asked = "it is scaled to 0" if deployment.desired == 0 else f"0 of {deployment.desired} replicas are available"
        evidence = [quote(deployment, "status.availableReplicas", deployment.status.available_replicas), *_troubles(plane)]
        says = f"{deployment.name} (revision {plane.revision}): {asked}"
        since = next(
            (c.last_transition_time for c in deployment.status.conditions if c.type == "Available" and c.status != "True"), None
        )
        yield fail(
            deployment,
            says,
            why=_trouble_words(plane),
            evidence=evidence,
            harm=_down(deployment),
            also=_services(mesh, plane),
            since=since,
        )
    if not planes:
        yield from _gone(mesh)


def _down(workload: Deployment | Pod) -> Harm:
    """What stands still now: the control plane's own work."""
    return Harm((f"{workload.namespace}/{workload.name}",))


def _gone(mesh: Mesh) -> Iterator[Draft]:
    """No istiod at all where a webhook says that there should be one."""
    for configuration in injectors(mesh):
        for webhook in configuration.webhooks:
            reference = webhook.client_config.service
            if reference is not None:
                service = mesh[Service].get(reference.namespace, reference.name)
                subject = service.subject if service else configuration.subject
                says = f"no istiod Deployment and no istiod pod exists, though {configuration.name} calls {reference.name}"
                yield fail(subject, says, evidence=[quote(configuration, f"webhooks[{webhook.name}].clientConfig.service")])
                return


def _services(mesh: Mesh, plane: ControlPlane) -> list[Service]:
    template = plane.deployment.template.metadata.labels if plane.deployment else {}
    return [s for s in mesh[Service].within(plane.namespace) if s.spec.selector and s.spec.selector.items() <= template.items()]


def _troubles(plane: ControlPlane) -> list[Evidence]:
    """What its pods say of themselves."""
    found = []
    for pod in plane.pods[:2]:
        for status in pod.status.container_statuses:
            waiting = status.state.waiting
            if waiting and waiting.reason:
                words = f"{status.name}: {waiting.reason} {waiting.message}"
                found.append(Evidence(f"{pod.name} waits", str(pod.subject), words, get(pod)))
        unscheduled = pod.condition("PodScheduled")
        if unscheduled and unscheduled.status == "False":
            found.append(Evidence(f"{pod.name} is not scheduled", str(pod.subject), unscheduled.message, get(pod)))
    return found


def _trouble_words(plane: ControlPlane) -> str:
    return "; ".join(e.quote for e in _troubles(plane))


@probe("CP-002", needs=(Pod, Deployment))
def istiod_crashes(mesh: Mesh) -> Iterator[Draft]:
    """An istiod container was killed for memory, or keeps crashing."""
    for plane in planes_seen(mesh):
        for pod in plane.pods:
            reason = _crash(pod, mesh)
            if reason is not None:
                subject = plane.deployment or pod
                since = max((s for s in _ends(pod)), default=pod.created)
                says = f"{pod.name}: {reason.says}"
                yield fail(subject, says, evidence=[reason], harm=_down(subject), also=[pod], since=since)
                break


def _ends(pod: Pod) -> list[datetime]:
    """When its containers last ended."""
    states = [s for c in pod.status.container_statuses for s in (c.state.terminated, c.last_state.terminated)]
    return [s.finished_at for s in states if s is not None and s.finished_at is not None]


def _crash(pod: Pod, mesh: Mesh) -> Evidence | None:
    for status in pod.status.container_statuses:
        command = f"kubectl -n {pod.namespace} logs {pod.name} -c {status.name} --previous --tail=50"
        if status.state.waiting and status.state.waiting.reason == "CrashLoopBackOff":
            return Evidence(
                f"CrashLoopBackOff after {status.restart_count} restarts", str(pod.subject), status.state.waiting.message, command
            )
        ended = status.state.terminated or status.last_state.terminated
        if ended is None or ended.finished_at is None or mesh.now - ended.finished_at > CRASH_WINDOW:
            continue
        if ended.reason == "OOMKilled":
            return Evidence("OOMKilled", str(pod.subject), f"{status.name}: exit {ended.exit_code}", command)
        if ended.failed:
            return Evidence(f"restarted after exit {ended.exit_code} ({ended.reason})", str(pod.subject), status.name, command)
    return None


@probe("CP-003", needs=(Deployment, Pod, PodDisruptionBudget, Node))
def istiod_not_highly_available(mesh: Mesh) -> Iterator[Draft]:
    """A control plane would not survive the loss of a node, or blocks its drain."""
    for plane in planes_seen(mesh):
        deployment = plane.deployment
        if deployment is None or plane.ready == 0:
            continue
        reasons = [f"{plane.ready} of at least {WANTED_REPLICAS} replicas ready"] if plane.ready < WANTED_REPLICAS else []
        budgets = budgets_for(mesh, plane.namespace, deployment.template.metadata.labels)
        if not budgets:
            reasons.append("no PodDisruptionBudget selects it")
        if reasons:  # alone it is OP-001, where the budget is what to change
            reasons += [f"PodDisruptionBudget {b.name} allows no disruption" for b in budgets if b.status.disruptions_allowed == 0]
        nodes = {p.spec.node_name for p in plane.pods if p.spec.node_name}
        if len(plane.pods) > 1 and len(nodes) == 1 and len(schedulable_nodes(mesh, plane.pods[0])) > 1:
            reasons.append(f"all {len(plane.pods)} replicas run on node {next(iter(nodes))}")
        if reasons:
            evidence = [quote(deployment, "status.readyReplicas", plane.ready)]
            evidence += [quote(b, "status.disruptionsAllowed", b.status.disruptions_allowed) for b in budgets]
            yield fail(deployment, f"{deployment.name}: {'; '.join(reasons)}", evidence=evidence, also=budgets)


def budgets_for(mesh: Mesh, namespace: str, labels: dict[str, str]) -> list[PodDisruptionBudget]:
    """The PodDisruptionBudgets that select pods with these labels."""
    return [b for b in mesh[PodDisruptionBudget].within(namespace) if b.spec.selector and b.spec.selector.matches(labels)]


@probe("CP-008", needs=(*POLICIES, Pod, Deployment, *WEBHOOKS))
def policy_outside_the_root(mesh: Mesh) -> Iterator[Draft]:
    """A policy without a selector lies where mesh-wide policies usually lie, but this mesh's root namespace is another."""
    root = mesh.mesh_config.root_namespace
    usual = (USUAL_ROOTS | control_plane_namespaces(mesh)) - {root}
    sidecars = {p.namespace for p in injected_pods(mesh)}
    for kind in POLICIES:
        for namespace in sorted(usual - sidecars):
            for policy in mesh[kind].within(namespace):
                if not _narrow(policy):
                    says = f"{policy.subject} has no mesh-wide effect: the root namespace is {root}"
                    settled = Evidence("the mesh's root namespace", "MeshConfig", f"rootNamespace: {root}", "")
                    yield fail(
                        policy, says, at="metadata.namespace", evidence=[quote(policy, "metadata.namespace", namespace), settled]
                    )


def _narrow(policy: KubernetesObject) -> bool:
    """Whether it is meant for some workloads only."""
    spec = getattr(policy, "spec", None)
    selector = getattr(spec, "selector", None) or getattr(spec, "workload_selector", None)
    return bool(selector and selector.wanted) or bool(getattr(spec, "targets", ()))
