"""Pods that the API server refuses because of their sidecar: Pod Security, quotas, probes, user ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.health_probes import direct_probes
from meshdoctor.istio.injection import called
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.workloads import by_owner, is_gateway, services_of, sidecar_pods, unsettled_pods
from meshdoctor.model.admission import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from meshdoctor.model.cluster import Event, LimitRange, Namespace, ResourceQuota, Service
from meshdoctor.model.findings import PROOF, STRONG, Evidence
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import DaemonSet, Deployment, Pod, ReplicaSet, Workload
from probes.registry import Draft, fail, get, probe, quote

WEBHOOKS = (MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
ENFORCE = "pod-security.kubernetes.io/enforce"
VIOLATES = re.compile(r"violates PodSecurity .*istio-init.*NET_ADMIN", re.DOTALL)
QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[^,\s]+)|must specify (limits|requests)\.(cpu|memory)|maximum (cpu|memory) usage per"
)
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
RECENT = timedelta(minutes=20)  # a ReplicaSet that is refused retries at least this often


@probe("INJ-012", over=Namespace, needs=(Namespace, Pod, Event, *WEBHOOKS))
def refused_by_pod_security(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A namespace that enforces Pod Security baseline or restricted gets injected with istio-init, which needs NET_ADMIN."""
    level = namespace.labels.get(ENFORCE, "")
    if (
        level not in {"baseline", "restricted"}
        or not called(mesh, namespace.labels, {})
        or not uses_istio_init(mesh, namespace.name)
    ):
        return
    refused = _newest(mesh, namespace.name, VIOLATES)
    tested = next((d for d in mesh.dry_runs if d.namespace == namespace.name), None)
    if tested is not None and tested.admitted:
        return  # the API server itself says that it admits such pods
    evidence = [quote(namespace, f"metadata.labels[{ENFORCE}]", level)]
    if tested is not None:
        evidence.append(Evidence("a dry-run create is refused", "API server", tested.error, ""))
    says = f"Pod Security {level} refuses istio-init (NET_ADMIN, NET_RAW): new pods of {namespace.name} cannot be created"
    if refused is not None:
        evidence.append(_refusal(refused))
    certainty = PROOF if refused or tested else STRONG
    also = [_involved(mesh, refused)] if refused else []
    yield fail(namespace, says, at=f"metadata.labels[{ENFORCE}]", evidence=evidence, confidence=certainty, also=also)


def uses_istio_init(mesh: Mesh, namespace: str) -> bool:
    """Whether injection adds istio-init here: as the namespace's injected pods show, else those of the mesh."""
    own = [p for p in mesh[Pod].within(namespace) if p.proxy is not None and not is_gateway(p)]
    pods = own or list(sidecar_pods(mesh)[:50])
    return any(c.name == "istio-init" for p in pods for c in p.spec.init_containers)


def _newest(mesh: Mesh, namespace: str, pattern: re.Pattern[str]) -> Event | None:
    """The newest FailedCreate event of a namespace that matches, if it is recent; None also where events are not seen."""
    try:
        events = [e for e in mesh[Event].within(namespace) if e.reason == "FailedCreate" and pattern.search(e.message)]
    except Unseen:
        return None
    recent = [e for e in events if e.last_seen and mesh.now - e.last_seen < RECENT]
    return max(recent, key=lambda e: e.last_seen or mesh.now, default=None)


def _refusal(event: Event) -> Evidence:
    command = f"kubectl -n {event.namespace} get events --field-selector reason=FailedCreate"
    return Evidence("the API server refuses pods", f"Event {event.namespace}/{event.name}", event.message, command)


def _involved(mesh: Mesh, event: Event) -> Subject:
    """The workload that an event's ReplicaSet belongs to."""
    thing = event.involved_object
    if thing.kind == "ReplicaSet":
        replicaset = mesh[ReplicaSet].get(event.namespace, thing.name)
        owner = next((o for o in replicaset.metadata.owner_references if o.controller), None) if replicaset else None
        name = owner.name if owner else thing.name.rpartition("-")[0]
        return Subject(group="apps", kind="Deployment", namespace=event.namespace, name=name)
    group = thing.api_version.rpartition("/")[0]
    return Subject(group=group, kind=thing.kind, namespace=event.namespace, name=thing.name)


@probe("INJ-018", over=Namespace, needs=(Namespace, Event, ReplicaSet, *WORKLOADS, ResourceQuota, LimitRange, *WEBHOOKS))
def sidecar_exceeds_quota(mesh: Mesh, namespace: Namespace) -> Iterator[Draft]:
    """A quota or limit range refuses pods of an injected namespace, and the workload is short of replicas now."""
    if not called(mesh, namespace.labels, {}):
        return
    refused = _newest(mesh, namespace.name, QUOTA)
    if refused is None:
        mesh[Event].within(namespace.name)  # UNKNOWN, not PASS, where events are not seen
        return
    short = _short(mesh, refused)
    if short is None:
        return
    named = QUOTA.search(refused.message)
    quota = mesh[ResourceQuota].get(namespace.name, named["quota"]) if named and named["quota"] else None
    limit = next(iter(mesh[LimitRange].within(namespace.name)), None)
    subject = quota or (limit if "usage per" in refused.message else None) or namespace
    workload, lacking = short
    says = f"{workload.name} lacks {counted(lacking, 'pod')}: quota or limits leave no room for the sidecar"
    evidence = [_refusal(refused), quote(workload, "status", f"{counted(lacking, 'pod')} fewer than wanted")]
    yield fail(subject, says, evidence=evidence, also=[_involved(mesh, refused)])


def _short(mesh: Mesh, refused: Event) -> tuple[Workload, int] | None:
    """What a refusal is about and how many pods it lacks now. In a rollout the new ReplicaSet does, not its Deployment."""
    kinds: tuple[type[Workload], ...] = (ReplicaSet, *WORKLOADS)
    kind = next((k for k in kinds if refused.involved_object.kind == k.KIND), None)
    workload = mesh[kind].get(refused.namespace, refused.involved_object.name) if kind else None
    if workload is None and kind is ReplicaSet:
        workload = mesh[Deployment].get(refused.namespace, _involved(mesh, refused).name)
    if not isinstance(workload, Workload):
        return None
    status = workload.status
    wanted, made = workload.desired, status.replicas
    if isinstance(workload, DaemonSet):
        wanted, made = status.desired_number_scheduled, status.number_ready
    return (workload, wanted - made) if made < wanted else None


@probe("INJ-016", needs=(Pod,))
def runs_as_the_proxy(mesh: Mesh) -> Iterator[Draft]:
    """An application container runs as user 1337, whose traffic is never redirected into the proxy."""
    found = [p for p in sidecar_pods(mesh) if _as_1337(p)]
    for owner, pods in by_owner(mesh, found).items():
        place = _as_1337(pods[0])
        evidence = [Evidence(f"{place} is 1337", str(pods[0].subject), f"{place}: 1337", get(pods[0]))]
        yield fail(
            owner, f"{owner.name} runs as user 1337, past the proxy", at=place, evidence=evidence, also=pods, since=pods[0].created
        )


@probe("MD5254", needs=(Pod, Deployment), title="Application would run as the proxy's user", severity="info", codes=("IST0144",))
def would_run_as_the_proxy(mesh: Mesh) -> Iterator[Draft]:
    """Pods that are not in the mesh yet, or a Deployment's template, run as user 1337: with a sidecar they would go past it."""
    for pod in mesh[Pod]:
        if pod.proxy is None and not pod.metadata.owner_references and "istio" not in pod.labels and (at := _as_1337(pod)):
            yield fail(pod, "it runs as user 1337, which is the proxy's", at=at)
    for deployment in mesh[Deployment]:
        template = Pod(metadata=deployment.template.metadata, spec=deployment.template.spec)
        running = (
            mesh[Pod].matching(deployment.namespace, deployment.spec.selector.match_labels) if deployment.spec.selector else ()
        )
        if "istio" not in deployment.labels and not any(p.proxy for p in running) and (at := _as_1337(template)):
            yield fail(deployment, "its pods run as user 1337, which is the proxy's", at=f"spec.template.{at}")


def _as_1337(pod: Pod) -> str:
    context = pod.spec.security_context
    for number, container in enumerate(pod.spec.containers):
        if container.name != "istio-proxy" and container.security_context and container.security_context.run_as_user == 1337:
            return f"spec.containers[{number}].securityContext.runAsUser"
    if not context or context.run_as_user != 1337:
        return ""
    inherited = [c for c in pod.app_containers if not c.security_context or c.security_context.run_as_user is None]
    return "spec.securityContext.runAsUser" if inherited else ""


@probe("INJ-017", needs=(Pod, PeerAuthentication, Event, Service))
def probes_not_rewritten(mesh: Mesh) -> Iterator[Draft]:
    """A STRICT workload's HTTP probes go past the agent: the kubelet's plain text is refused and the pod never gets Ready."""
    for pod in unsettled_pods(mesh):
        if pod.is_ready or is_gateway(pod) or pod.proxy is None:
            continue
        unrewritten = next(((c, port, kind) for c in pod.app_containers for port, kind in direct_probes(c)), None)
        if unrewritten is None or server_mode(mesh, pod, unrewritten[1]).mode != "STRICT":
            continue
        container, port, kind = unrewritten
        events = [e for e in mesh[Event].within(pod.namespace) if e.reason == "Unhealthy" and e.involved_object.name == pod.name]
        if not events:
            continue
        decides = server_mode(mesh, pod, port).policy
        direct = f"{kind} of {container.name} goes to port {port}, not to the agent (15020 /app-health)"
        describe = f"kubectl -n {pod.namespace} describe pod {pod.name}"
        evidence = [
            Evidence("the probe fails", f"Event {pod.namespace}/{events[-1].name}", events[-1].message, describe),
            Evidence(direct, str(pod.subject), _annotation(pod), get(pod)),
        ]
        if decides is not None:
            evidence.append(quote(decides, "spec.mtls.mode", "STRICT"))
        says = f"{kind} of {container.name} is not rewritten, and port {port} is STRICT: the kubelet cannot pass"
        yield fail(mesh.owner(pod), says, at=kind, evidence=evidence, also=[pod, *services_of(mesh, pod)], since=pod.created)


def _annotation(pod: Pod) -> str:
    return f"{REWRITE}: {pod.annotations[REWRITE]}" if REWRITE in pod.annotations else "no /app-health/ path"
