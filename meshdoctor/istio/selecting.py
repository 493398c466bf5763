"""What a selector means: pods, what would make pods, and machines; and which of them are in the mesh.

A workload scaled to zero still counts: its policy is not a mistake. Source: istio.io, WorkloadSelector reference (the
namespace of the policy; for policies of the root namespace all namespaces, but for PeerAuthentication and Sidecar).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import msgspec

from meshdoctor.istio.injection import AMBIENT, INJECT, namespace_labels, opted_out, wants_injection
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, Sidecar, WorkloadEntry, WorkloadSelector
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Unseen
from meshdoctor.model.workloads import CronJob, DaemonSet, Deployment, Job, Pod, PodTemplate, StatefulSet, Workload

SELECTABLE: tuple[type[KubernetesObject], ...] = (Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob, WorkloadEntry)
REDIRECTION = "ambient.istio.io/redirection"
OWN_NAMESPACE_ONLY = (PeerAuthentication, Sidecar, DestinationRule, EnvoyFilter, ServiceEntry)


class Carrier(msgspec.Struct, frozen=True):
    """One thing that carries labels for selectors, with the labels and annotations that its pods have or would have."""

    thing: KubernetesObject
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def namespace(self) -> str:
        return self.thing.namespace


def labels_of(policy: KubernetesObject) -> dict[str, str]:
    """The labels that an object selects by, `selector` or `workloadSelector`; none means all of its scope."""
    spec = getattr(policy, "spec", None)
    selector: WorkloadSelector | None = getattr(spec, "selector", None) or getattr(spec, "workload_selector", None)
    return selector.wanted if selector else {}


def is_mesh_wide(mesh: Mesh, policy: KubernetesObject) -> bool:
    """Whether the selector of an object is about all namespaces: it is in the root namespace."""
    return not isinstance(policy, OWN_NAMESPACE_ONLY) and policy.namespace == mesh.mesh_config.root_namespace


def selected(mesh: Mesh, policy: KubernetesObject) -> Iterator[Carrier]:
    """What a policy's selector covers, found as it is asked for: live pods first."""
    wanted = labels_of(policy)
    if is_mesh_wide(mesh, policy):
        mesh[Pod].everywhere()  # nothing is concluded where some namespaces only may be read
        spaces: Iterable[str] = dict.fromkeys((*mesh[Pod].namespaces, *templates(mesh)))
    else:
        spaces = (policy.namespace,)
    for namespace in spaces:
        yield from carrying(mesh, namespace, wanted)


def carrying(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> Iterator[Carrier]:
    """What carries all these labels in a namespace: live pods, then workloads that would make such pods."""
    yield from _pods_with(mesh, namespace, wanted)
    yield from _templates_with(mesh, namespace, wanted)


def carrying_now(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> Iterator[Carrier]:
    """As `carrying`, for rules that conclude from what is there: workloads that may not be read are left out, but pods."""
    yield from _pods_with(mesh, namespace, wanted)
    with contextlib.suppress(Unseen):
        yield from _templates_with(mesh, namespace, wanted)


def _pods_with(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> Iterator[Carrier]:
    pods = mesh[Pod].matching(namespace, wanted)
    return (Carrier(p, p.labels, p.annotations) for p in pods if not p.is_finished)


def _templates_with(mesh: Mesh, namespace: str, wanted: dict[str, str]) -> Iterator[Carrier]:
    known = templates(mesh).get(namespace, {})
    some = known.get(next(iter(wanted.items())), ()) if wanted else known.get(("", ""), ())
    return (c for c in some if wanted.items() <= c.labels.items())


def templates(mesh: Mesh) -> dict[str, dict[tuple[str, str], tuple[Carrier, ...]]]:
    """What makes pods, by namespace and label; all of a namespace under the empty label. Built once a snapshot."""
    read = [mesh[kind] for kind in SELECTABLE if kind is not Pod]  # each time, so that each rule is blind where one was
    found: dict[str, dict[tuple[str, str], tuple[Carrier, ...]]] | None = mesh.memo.get("templates")
    if found is None:
        lists: dict[str, dict[tuple[str, str], list[Carrier]]] = {}
        for carrier in (_carrier(thing) for table in read for thing in table):
            by_label = lists.setdefault(carrier.namespace, {})
            for label in (("", ""), *carrier.labels.items()):
                by_label.setdefault(label, []).append(carrier)
        found = {n: {k: tuple(v) for k, v in by_label.items()} for n, by_label in lists.items()}
        mesh.memo["templates"] = found
    return found


def _carrier(thing: KubernetesObject) -> Carrier:
    if isinstance(thing, WorkloadEntry):
        return Carrier(thing, {**thing.labels, **thing.spec.labels}, thing.annotations)
    template = template_of(thing)
    return Carrier(thing, template.metadata.labels, template.metadata.annotations)


def template_of(thing: KubernetesObject) -> PodTemplate:
    """The pods that a workload makes."""
    if isinstance(thing, CronJob):
        return thing.spec.job_template.spec.template
    return thing.spec.template if isinstance(thing, (Workload, Job)) else PodTemplate()


def unknown_workloads(mesh: Mesh) -> tuple[type[KubernetesObject], ...]:
    """For `lacking`: manifests without any workload prove nothing about what a selector finds."""
    return () if any(mesh.given(kind) for kind in SELECTABLE) else (Deployment,)


def is_in_mesh(mesh: Mesh, carrier: Carrier) -> bool:
    """Whether a workload has a proxy, would get one, or is in ambient mode: policies do nothing to others."""
    if isinstance(carrier.thing, WorkloadEntry):
        return True
    if isinstance(carrier.thing, Pod) and carrier.thing.proxy is not None:
        return True
    if carrier.annotations.get(REDIRECTION) == "enabled":
        return True
    said = carrier.labels.get(INJECT, carrier.annotations.get(INJECT, ""))
    if said == "true":
        return True
    namespace = mesh[Namespace].get("", carrier.namespace)
    if namespace is not None and wants_injection(namespace) and not opted_out(carrier.labels, carrier.annotations):
        return True
    return is_ambient(mesh, carrier)


def is_ambient(mesh: Mesh, carrier: Carrier) -> bool:
    """Whether ztunnel takes a workload's traffic, by its own label, that of its namespace, or because it does so now."""
    own = carrier.labels.get(AMBIENT)
    if own == "none":
        return False
    if own == "ambient" or carrier.annotations.get(REDIRECTION) == "enabled":
        return True
    return is_ambient_namespace(mesh, carrier.namespace)


def has_ambient(mesh: Mesh, namespace: str) -> bool:
    """Whether anything of a namespace is in ambient mode. Found once a snapshot."""
    found: frozenset[str] | None = mesh.memo.get("has_ambient")
    by_label = templates(mesh)
    if found is None:
        inside = {
            p.namespace for p in mesh[Pod] if p.annotations.get(REDIRECTION) == "enabled" or p.labels.get(AMBIENT) == "ambient"
        }
        inside |= {n for n, known in by_label.items() if (AMBIENT, "ambient") in known}
        found = mesh.memo["has_ambient"] = frozenset(inside)
    return namespace in found or is_ambient_namespace(mesh, namespace)


def is_ambient_namespace(mesh: Mesh, namespace: str) -> bool:
    """Whether a namespace asks for ambient mode; that of the control plane never is in it."""
    return namespace != mesh.mesh_config.root_namespace and namespace_labels(mesh, namespace).get(AMBIENT) == "ambient"
