"""What changed in the last hours: who wrote which object, what was rolled out, scaled and restarted.

Ranked by how much it has to do with what fails now. Everything comes from the objects themselves (managedFields,
ReplicaSets, container states, events, the labels of Helm's release Secrets): what is older than events are kept, or was
deleted without an event, cannot be seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from meshdoctor.istio.controlplane import is_istiod
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import EndpointSlice, Event, Node, Secret
from meshdoctor.model.findings import Cause, Diagnosis, Finding
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Job, Pod, ReplicaSet

WRITTEN = tuple(k for k in kinds.ALL if k not in {Pod, ReplicaSet, EndpointSlice, Event, Node, Job})
CONTROLLERS = {"kube-controller-manager", "kube-scheduler", "kubelet", "deployment-controller"}
TOOLS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux (Helm)",
}
SCALED = {"ScalingReplicaSet", "SuccessfulRescale"}
HELM = "sh.helm.release.v1."
NEAR = 3
MOST = 20  # causes that changes are held against
BEFORE = timedelta(minutes=10)  # a change this long before the trouble began is suspect


class Change(msgspec.Struct, frozen=True):
    """One change. `score` says how much it has to do with what fails, `of` is the cause it meets."""

    at: datetime
    subject: Subject
    says: str
    who: str = ""
    score: int = 0
    of: str = ""

    @property
    def is_near(self) -> bool:
        """Whether it is at an object of a cause, or in its namespace at the moment it began."""
        return self.score >= NEAR


def changes(mesh: Mesh, found: Diagnosis | None, hours: float = 2.0) -> tuple[Change, ...]:
    """Every change within the last hours, those that meet a cause first, then the newest."""
    since = mesh.now - timedelta(hours=hours)
    sources = (_written, _rolled_out, _restarted, _told_by_events, _released)
    made = [c for source in sources for c in _seen(source(mesh)) if c.at >= since]
    known = {f.id: f for f in found.findings} if found else {}
    reach = [(cause, _concerned(cause, known)) for cause in found.causes[:MOST]] if found else []
    ranked = [_scored(c, reach) for c in {(c.at, c.subject, c.says): c for c in made}.values()]
    return tuple(sorted(ranked, key=lambda c: (-c.score if c.is_near else 0, -c.at.timestamp(), c.subject, c.says)))


def _seen(source: Iterator[Change]) -> Iterator[Change]:
    """What a source has; nothing where its kinds may not be read."""
    try:
        yield from source
    except Unseen:
        return


def _written(mesh: Mesh) -> Iterator[Change]:
    """Objects that were made, and the last write of each field manager."""
    for kind in WRITTEN:
        try:
            table: Iterable[KubernetesObject] = mesh[kind]
        except Unseen:
            continue
        for thing in table:
            if isinstance(thing, Secret) and thing.name.startswith(HELM):
                continue
            yield from _writes(thing)


def _writes(thing: KubernetesObject) -> Iterator[Change]:
    made = thing.created
    if made is not None:
        yield Change(made, thing.subject, "created", _who(thing.editor))
    for field in thing.metadata.managed_fields:
        late = field.time is not None and (made is None or field.time > made)
        if late and field.time is not None and field.subresource != "status" and field.manager not in CONTROLLERS:
            yield Change(field.time, thing.subject, "written", _who(field.manager))


def _who(manager: str) -> str:
    return TOOLS.get(manager, manager)


def _rolled_out(mesh: Mesh) -> Iterator[Change]:
    """New ReplicaSets of Deployments that had one before, with the images that changed."""
    by_owner: dict[tuple[str, str], list[ReplicaSet]] = {}
    for each in mesh[ReplicaSet]:
        for owner in each.metadata.owner_references:
            if owner.controller and owner.kind == "Deployment":
                by_owner.setdefault((each.namespace, owner.name), []).append(each)
    for (namespace, name), those in by_owner.items():
        those.sort(key=lambda r: r.created or datetime.min.replace(tzinfo=mesh.now.tzinfo))
        deployment = mesh[Deployment].get(namespace, name)
        for before, after in itertools.pairwise(those):
            if after.created is not None:
                who = _who(deployment.editor) if deployment is not None else ""
                subject = Subject(group="apps", kind="Deployment", namespace=namespace, name=name)
                yield Change(after.created, subject, f"rolled out{_images(before, after)}", who)


def _images(before: ReplicaSet, after: ReplicaSet) -> str:
    old = {c.name: c.image for c in before.template.spec.containers}
    new = {c.name: c.image for c in after.template.spec.containers}
    told = [f"{n} {old.get(n, 'new')} -> {image}" for n, image in new.items() if old.get(n) != image]
    return f": {'; '.join(told)}" if told else ": same images, another template"


def _restarted(mesh: Mesh) -> Iterator[Change]:
    """Containers that ended and began again, and replicas of istiod that began."""
    for pod in mesh[Pod]:
        owner = mesh.owner(pod)
        for status in pod.status.container_statuses:
            ended = status.last_state.terminated
            if status.restart_count and ended is not None and ended.finished_at is not None:
                why = f"{ended.reason or 'ended'}, exit {ended.exit_code}"
                yield Change(ended.finished_at, owner, f"{status.name} of {pod.name} restarted: {why}", "kubelet")
        if is_istiod(pod.labels) and pod.status.start_time is not None:
            yield Change(pod.status.start_time, owner, f"istiod {pod.name} began", "")


def _told_by_events(mesh: Mesh) -> Iterator[Change]:
    """Scalings, and warnings by reason: the newest of each object."""
    newest: dict[tuple[Subject, str], tuple[datetime, str, int]] = {}
    for event in mesh[Event]:
        when, about = event.last_seen, event.involved_object
        if when is None or not (event.type == "Warning" or event.reason in SCALED):
            continue
        group = about.api_version.rpartition("/")[0]
        key = (Subject(group=group, kind=about.kind, namespace=about.namespace, name=about.name), event.reason)
        known = newest.get(key)
        times = max(event.count, 1) + (known[2] if known else 0)
        if known is None or when >= known[0]:
            newest[key] = (when, event.message, times)
        else:
            newest[key] = (known[0], known[1], times)
    for (subject, reason), (when, message, times) in newest.items():
        more = f" ({times} times)" if times > 1 else ""
        yield Change(when, subject, f"{reason}{more}: {message[:200]}", "event")


def _released(mesh: Mesh) -> Iterator[Change]:
    """Revisions of Helm releases, from the labels of their Secrets: the bodies are never read."""
    for secret in mesh[Secret]:
        if secret.name.startswith(HELM) and secret.created is not None:
            name, revision = secret.labels.get("name", ""), secret.labels.get("version", "")
            subject = Subject(kind="Secret", namespace=secret.namespace, name=secret.name)
            says = f"Helm release {name} revision {revision} {secret.labels.get('status', '')}".rstrip()
            yield Change(secret.created, subject, says, "Helm")


def _concerned(cause: Cause, known: dict[str, Finding]) -> tuple[set[Subject], set[str]]:
    """The objects and namespaces that a cause and what it explains are about."""
    findings = [known[i] for i in (cause.finding, *cause.explains) if i in known]
    subjects = {s for f in findings for s in (f.subject, *f.also)} | {cause.subject}
    return subjects, {s.name if s.kind == "Namespace" else s.namespace for s in subjects} - {""}


def _scored(change: Change, reach: list[tuple[Cause, tuple[set[Subject], set[str]]]]) -> Change:
    best = change
    for cause, (subjects, spaces) in reach:
        score = 4 if change.subject == cause.subject else 3 if change.subject in subjects else 0
        score = score or (1 if change.subject.namespace in spaces else 0)
        if score and cause.since is not None and cause.since - BEFORE <= change.at <= cause.since + BEFORE:
            score += 2
        if score > best.score:
            best = msgspec.structs.replace(change, score=score, of=f"{cause.problem} {cause.subject}")
    return best
