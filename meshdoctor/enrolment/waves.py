"""The steps of an enrolment: the label, then one workload after the other; and what is left out of it, with the reason."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.enrolment.ways import Labels, Way
from meshdoctor.fixes import paths
from meshdoctor.fixes.patch import Object
from meshdoctor.fixes.plan import RESTARTED
from meshdoctor.istio.injection import REVISION
from meshdoctor.istio.workloads import revision_of
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import CronJob, Job
from meshdoctor.onboarding.workloads import Unit

TEMPLATE = ("spec", "template", "metadata", "labels")


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """One write, and for a workload the rollout that it begins. `labels` go to the object's metadata (of a namespace), or to
    its pod template; `pods` is how many it replaces."""

    target: Subject
    title: str
    labels: Labels = {}
    drop: tuple[str, ...] = ()
    pods: int = 0

    @property
    def restarts(self) -> bool:
        return self.target.kind != "Namespace"

    def edit(self, now: str) -> Edit:
        return Edit(self, now)


class Edit:
    """Does to a live object what a wave says; `now` is the note that makes its pods anew."""

    def __init__(self, wave: Wave, now: str) -> None:
        self.wave, self.now = wave, now

    def __call__(self, thing: Object) -> None:
        at: paths.Steps = TEMPLATE if self.wave.restarts else ("metadata", "labels")
        for name in self.wave.drop:
            if paths.has(thing, (*at, name)):
                paths.drop(thing, (*at, name))
        for name, value in self.wave.labels.items():
            paths.put(thing, (*at, name), value)
        if self.wave.restarts and not self.wave.labels:
            paths.put(thing, paths.steps(RESTARTED), self.now)


class Left(msgspec.Struct, frozen=True):
    """A workload that no wave is about, and why."""

    subject: Subject
    why: str


def label_wave(namespace: Subject, way: Way) -> Wave:
    """The label of a namespace."""
    said = ", ".join(f"{k}={v}" for k, v in way.add.items())
    return Wave(target=namespace, title=f"label namespace {namespace.name} {said}", labels=way.add, drop=way.drop)


def workload_waves(units: Iterable[Unit], revision: str) -> tuple[Wave, ...]:
    """One a workload that is to be restarted, those with the fewest pods first: the first is the trial of the others."""
    waiting = sorted((u for u in units if not is_in(u, revision)), key=lambda u: (u.desired, u.subject))
    return tuple(Wave(target=u.subject, title=f"restart {u.subject}", pods=len(u.pods)) for u in waiting)


def own_wave(unit: Unit, way: Way) -> Wave:
    """The labels of one workload's template, which restart it by themselves."""
    said = ", ".join(f"{k}={v}" for k, v in way.add.items())
    title = f"label the pods of {unit.subject} {said}" if said else f"restart {unit.subject}"
    return Wave(target=unit.subject, title=title, labels=way.add, drop=way.drop, pods=len(unit.pods))


def is_in(unit: Unit, revision: str) -> bool:
    """Whether all its pods have a proxy of that revision."""
    return bool(unit.pods) and all(p.proxy is not None and revision_of(p) == revision for p in unit.pods)


def sorted_out(mesh: Mesh, units: Iterable[Unit], revision: str) -> tuple[tuple[Unit, ...], tuple[Left, ...]]:
    """The workloads that can be taken in by a restart, and the others."""
    able, left = [], []
    for unit in units:
        why = _why_not(unit, revision)
        if why:
            left.append(Left(unit.subject, why))
        else:
            able.append(unit)
    return tuple(able), tuple(left)


def _why_not(unit: Unit, revision: str) -> str:
    if unit.is_gateway:
        return "a gateway: it is a proxy itself"
    if unit.template.spec.host_network:
        return "uses the host's network, which has no sidecar"
    if unit.is_opted_out:
        return "opts out itself (sidecar.istio.io/inject: false)"
    if unit.template.metadata.labels.get(REVISION, revision) != revision:
        return f"asks for revision {unit.template.metadata.labels[REVISION]} itself"
    if isinstance(unit.thing, Job):
        return "a Job cannot be changed: its next run gets a sidecar"
    if isinstance(unit.thing, CronJob):
        return "its next run gets a sidecar: see that it ends (check 22)"
    if not isinstance(unit.thing, WORKLOADS):
        return "nobody would make this pod again: it gets a sidecar when you do"
    return ""
