"""The workloads of a namespace, of every kind that makes pods, and how each stands to the mesh."""

from __future__ import annotations

import msgspec

from meshdoctor.istio.controlplane import is_istiod
from meshdoctor.istio.injection import opted_out, would_inject
from meshdoctor.istio.selecting import template_of
from meshdoctor.istio.workloads import by_owner, is_gateway, is_in_mesh, is_live
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import WorkloadResult
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import CronJob, DaemonSet, Deployment, Job, Pod, PodTemplate, StatefulSet, TemplateSpec, Workload

KINDS: tuple[type[KubernetesObject], ...] = (Deployment, StatefulSet, DaemonSet, Job, CronJob)
GATEWAY = ("inject.istio.io/templates", "gateway")


class Unit(msgspec.Struct, frozen=True, eq=False):
    """One workload: the object that makes pods (a pod itself where nothing does), its template, and its live pods."""

    subject: Subject
    thing: KubernetesObject
    template: PodTemplate
    pods: tuple[Pod, ...]

    @property
    def is_gateway(self) -> bool:
        key, value = GATEWAY
        return value in self.template.metadata.annotations.get(key, "").split(",") or any(is_gateway(p) for p in self.pods)

    @property
    def is_done(self) -> bool:
        """A Job that ran to its end makes no pods any more."""
        return isinstance(self.thing, Job) and not self.pods and not self.thing.status.active

    @property
    def is_opted_out(self) -> bool:
        meta = self.template.metadata
        return opted_out(meta.labels, meta.annotations)

    @property
    def desired(self) -> int:
        """How many pods it wants to have at a time."""
        if isinstance(self.thing, DaemonSet):
            return self.thing.status.desired_number_scheduled
        if isinstance(self.thing, Workload):
            return self.thing.desired
        return len(self.pods)


def units_of(mesh: Mesh, namespace: str) -> tuple[Unit, ...]:
    """The workloads of a namespace; istiod is none of them. Raises Unseen where pods or workloads were not read."""
    owned = by_owner(mesh, (p for p in mesh[Pod].within(namespace) if is_live(p)))
    made = []
    for kind in KINDS:
        for thing in mesh[kind].within(namespace):
            if isinstance(thing, Job) and any(o.kind == "CronJob" for o in thing.metadata.owner_references):
                continue  # its CronJob stands for it
            made.append(Unit(thing.subject, thing, template_of(thing), tuple(owned.pop(thing.subject, ()))))
    for subject, pods in owned.items():
        first = pods[0]
        made.append(Unit(subject, first, PodTemplate(metadata=first.metadata, spec=_as_template(first)), tuple(pods)))
    return tuple(u for u in made if not is_istiod(u.template.metadata.labels))


def _as_template(pod: Pod) -> TemplateSpec:
    """What a pod without a controller says of itself, as a template would; its proxy is left out."""
    containers = tuple(c for c in pod.spec.containers if c.name != "istio-proxy")
    fields = {name: getattr(pod.spec, name) for name in pod.spec.__struct_fields__}
    return TemplateSpec(**fields | {"containers": containers})


def workload_result(mesh: Mesh, unit: Unit) -> WorkloadResult:
    """How a workload stands to the mesh, and what would inject its next pod."""
    injectors = would_inject(mesh, unit.subject.namespace, unit.template)
    inside = sum(is_in_mesh(p) for p in unit.pods)
    return WorkloadResult(
        subject=unit.subject,
        state=_state(mesh, unit, inside, injected=bool(injectors)),
        pods=len(unit.pods),
        in_mesh=inside,
        revision=injectors[0].revision if injectors else "",
    )


def _state(mesh: Mesh, unit: Unit, inside: int, *, injected: bool) -> str:
    if unit.pods and inside == len(unit.pods):
        return "in the mesh"
    if unit.is_opted_out:
        return "opted out"
    if unit.template.spec.host_network:
        return "host network"
    if not unit.pods:
        return "no pods"
    if inside:
        return "partly"
    return "to restart" if injected else "outside"
