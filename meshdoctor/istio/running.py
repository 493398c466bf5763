"""Workloads with their pods: each controller, and each pod that has none."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from meshdoctor.istio.selecting import template_of
from meshdoctor.istio.workloads import all_live_pods, by_owner, gateway_pods
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Job, Pod, ReplicaSet

WORKLOADS: tuple[type[KubernetesObject], ...] = (Pod, *kinds.WORKLOADS, ReplicaSet, Job)


class Running(msgspec.Struct, frozen=True):
    """A workload, the labels that its pods have or would have, and its live pods."""

    subject: Subject
    labels: dict[str, str]
    pods: tuple[Pod, ...]
    has_sidecar: bool
    """Whether a pod has a proxy beside its application; gateways and waypoints are proxies alone."""
    has_gateway: bool
    """Whether a pod is a proxy alone."""

    @property
    def namespace(self) -> str:
        return self.subject.namespace


def workloads(mesh: Mesh) -> tuple[Running, ...]:
    """All workloads. Found once a snapshot."""
    # read each time, so that each rule is blind where one was
    live, controllers = all_live_pods(mesh), [mesh[kind] for kind in kinds.WORKLOADS]
    found: tuple[Running, ...] | None = mesh.memo.get("workloads")
    if found is None:
        owned = by_owner(mesh, live)
        gateways = frozenset(gateway_pods(mesh))
        made = [
            _running(thing.subject, template_of(thing).metadata.labels, owned.pop(thing.subject, ()), gateways)
            for table in controllers
            for thing in table
        ]
        made += [_running(subject, some[0].labels, some, gateways) for subject, some in owned.items()]
        found = mesh.memo["workloads"] = tuple(made)
    return found


def _running(subject: Subject, labels: dict[str, str], pods: Iterable[Pod], gateways: frozenset[Pod]) -> Running:
    some = tuple(pods)
    proxies = [p in gateways for p in some if p.proxy is not None]
    return Running(subject, labels, some, has_sidecar=not all(proxies), has_gateway=any(proxies))
