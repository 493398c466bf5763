"""Pods and what creates them."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from msgspec import field

from meshdoctor.model.base import Condition, KubernetesObject, ObjectMeta, Record
from meshdoctor.model.containers import Container, ContainerStatus
from meshdoctor.model.subject import Subject


class Sysctl(Record, frozen=True):
    name: str = ""
    value: str = ""


class PodSecurityContext(Record, frozen=True):
    run_as_user: int | None = None
    sysctls: tuple[Sysctl, ...] = ()


class Toleration(Record, frozen=True):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class PodSpec(Record, frozen=True):
    node_name: str = ""
    service_account_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    security_context: PodSecurityContext | None = None
    termination_grace_period_seconds: int = 30
    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()
    restart_policy: str = "Always"


class PodStatus(Record, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = field(default="", name="podIP")
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(KubernetesObject, frozen=True, gc=True, dict=True):
    """A pod. With a dict, for what many rules ask of each of 10,000 pods: worked out each time it was a fifth of judging."""

    KIND = "Pod"
    PLURAL = "pods"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @cached_property
    def subject(self) -> Subject:
        """The pod's name tag in findings."""
        return Subject("", "Pod", self.metadata.namespace, self.metadata.name)

    @property
    def all_containers(self) -> tuple[Container, ...]:
        return self.spec.init_containers + self.spec.containers

    @cached_property
    def proxy(self) -> Container | None:
        """The container `istio-proxy`, among the containers or (native sidecar) the init containers."""
        for containers in (self.spec.containers, self.spec.init_containers):
            for container in containers:
                if container.name == "istio-proxy":
                    return container
        return None

    @property
    def proxy_status(self) -> ContainerStatus | None:
        return self.container_status("istio-proxy")

    def container_status(self, name: str) -> ContainerStatus | None:
        for statuses in (self.status.init_container_statuses, self.status.container_statuses):
            for status in statuses:
                if status.name == name:
                    return status
        return None

    @property
    def app_containers(self) -> tuple[Container, ...]:
        """The containers that are the application's: neither the proxy nor an init container."""
        return tuple([c for c in self.spec.containers if c.name != "istio-proxy"])

    def condition(self, kind: str) -> Condition | None:
        for condition in self.status.conditions:  # a plain loop: asked of every pod by many rules
            if condition.type == kind:
                return condition
        return None

    @property
    def is_ready(self) -> bool:
        condition = self.condition("Ready")
        return condition is not None and condition.status == "True"

    @property
    def ready_since(self) -> datetime | None:
        """When it last became Ready or stopped being so; None while it has no such condition."""
        condition = self.condition("Ready")
        return condition.last_transition_time if condition else None

    @property
    def is_finished(self) -> bool:
        return self.status.phase in {"Succeeded", "Failed"}

    @property
    def is_terminating(self) -> bool:
        return self.metadata.deletion_timestamp is not None

    @property
    def service_account(self) -> str:
        return self.spec.service_account_name or "default"


class EnvVar(Record, frozen=True):
    """A variable of a container; `value` is empty where it comes from elsewhere."""

    name: str = ""
    value: str = ""


class TemplateContainer(Container, frozen=True):
    """A container of a template: with its variables, which thousands of pods would only repeat."""

    env: tuple[EnvVar, ...] = ()


class TemplateSpec(PodSpec, frozen=True):
    containers: tuple[TemplateContainer, ...] = ()


class PodTemplate(Record, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: TemplateSpec = TemplateSpec()


class LabelSelectorRequirement(Record, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Record, frozen=True):
    """A label selector; an empty one matches everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        if any(labels.get(k) != v for k, v in self.match_labels.items()):
            return False
        return all(_holds(e, labels) for e in self.match_expressions)


def _holds(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False


class RollingUpdate(Record, frozen=True):
    max_surge: int | str | None = None


class Strategy(Record, frozen=True):
    """How a Deployment replaces its pods."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(Record, frozen=True):
    replicas: int | None = None
    strategy: Strategy | None = None
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()


class WorkloadStatus(Record, frozen=True):
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    observed_generation: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    conditions: tuple[Condition, ...] = ()


class Workload(KubernetesObject, frozen=True):
    """A controller of pods: Deployment, StatefulSet, DaemonSet, ReplicaSet."""

    GROUP = "apps"

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()

    @property
    def template(self) -> PodTemplate:
        return self.spec.template

    @property
    def desired(self) -> int:
        return 1 if self.spec.replicas is None else self.spec.replicas


class Deployment(Workload, frozen=True):
    KIND = "Deployment"
    PLURAL = "deployments"


class StatefulSet(Workload, frozen=True):
    KIND = "StatefulSet"
    PLURAL = "statefulsets"


class DaemonSet(Workload, frozen=True):
    KIND = "DaemonSet"
    PLURAL = "daemonsets"


class ReplicaSet(Workload, frozen=True):
    KIND = "ReplicaSet"
    PLURAL = "replicasets"


class JobSpec(Record, frozen=True):
    template: PodTemplate = PodTemplate()


class JobStatus(Record, frozen=True):
    active: int = 0
    succeeded: int = 0
    conditions: tuple[Condition, ...] = ()


class Job(KubernetesObject, frozen=True):
    GROUP = "batch"
    KIND = "Job"
    PLURAL = "jobs"

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def template(self) -> PodTemplate:
        return self.spec.template


class HorizontalPodAutoscalerSpec(Record, frozen=True):
    min_replicas: int | None = None
    max_replicas: int = 0
    scale_target_ref: dict[str, Any] = {}


class HorizontalPodAutoscalerStatus(Record, frozen=True):
    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class HorizontalPodAutoscaler(KubernetesObject, frozen=True):
    GROUP = "autoscaling"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v2", "v1")
    KIND = "HorizontalPodAutoscaler"
    PLURAL = "horizontalpodautoscalers"

    spec: HorizontalPodAutoscalerSpec = HorizontalPodAutoscalerSpec()
    status: HorizontalPodAutoscalerStatus = HorizontalPodAutoscalerStatus()


class PodDisruptionBudgetSpec(Record, frozen=True):
    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class PodDisruptionBudgetStatus(Record, frozen=True):
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    observed_generation: int = 0


class PodDisruptionBudget(KubernetesObject, frozen=True):
    GROUP = "policy"
    KIND = "PodDisruptionBudget"
    PLURAL = "poddisruptionbudgets"

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class JobTemplate(Record, frozen=True):
    spec: JobSpec = JobSpec()


class CronJobSpec(Record, frozen=True):
    job_template: JobTemplate = JobTemplate()


class CronJob(KubernetesObject, frozen=True):
    GROUP = "batch"
    KIND = "CronJob"
    PLURAL = "cronjobs"

    spec: CronJobSpec = CronJobSpec()

    @property
    def template(self) -> PodTemplate:
        return self.spec.job_template.spec.template
