"""Limits of workloads: autoscalers that may not make more pods, containers that the kernel holds back."""

from __future__ import annotations

from meshdoctor.istio.asking import asked
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import HorizontalPodAutoscaler, Pod

MUCH = 0.25  # of the CPU periods of five minutes


def autoscalers_of(mesh: Mesh, workload: Subject) -> tuple[HorizontalPodAutoscaler, ...]:
    """The HorizontalPodAutoscalers of a workload."""
    found = mesh[HorizontalPodAutoscaler].within(workload.namespace)
    return tuple(a for a in found if _target(a) == (workload.kind, workload.name))


def _target(autoscaler: HorizontalPodAutoscaler) -> tuple[str, str]:
    target = autoscaler.spec.scale_target_ref
    return str(target.get("kind", "")), str(target.get("name", ""))


def is_at_its_limit(autoscaler: HorizontalPodAutoscaler) -> bool:
    """Whether it wants more replicas than `maxReplicas` and says so."""
    limited = any(
        c.type == "ScalingLimited" and c.status == "True" and c.reason == "TooManyReplicas" for c in autoscaler.status.conditions
    )
    return limited and autoscaler.status.current_replicas >= autoscaler.spec.max_replicas


def must_be_measured(mesh: Mesh) -> None:
    """Raise Unseen where nobody measures how often containers are held back."""
    if not asked(mesh, "throttled"):
        reason = "Prometheus has no metrics of containers"
        raise Unseen(Source(name="CPU throttling", state=SourceState.SKIPPED, reason=reason))


def throttled(mesh: Mesh, container: str) -> tuple[tuple[Pod, float], ...]:
    """Live pods whose container of that name is held back in more than a quarter of its periods, with the share.

    Nothing where nobody measures it: Prometheus is absent, or has no metrics of containers.
    """
    if mesh.prometheus is None or not mesh.prometheus.has("throttled"):
        return ()
    found = []
    for sample in asked(mesh, "throttled"):
        pod = mesh[Pod].get(sample.labels["namespace"], sample.labels["pod"]) if "pod" in sample.labels else None
        if pod is not None and sample.labels.get("container") == container and sample.value > MUCH:
            found.append((pod, sample.value))
    return tuple(found)
