"""The field numbers of pods in protobuf.

Source: k8s.io/api/core/v1/generated.proto, k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto. Numbers are never reused.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshdoctor.model import base, containers, workloads
from meshdoctor.model.base import KubernetesObject

Number = int | tuple[int, int] | None
"""A field's number; with that of the message it lies in first; None for what this kind does not have."""
Numbers = Mapping[type[msgspec.Struct], Mapping[str, Number]]

_META: Numbers = {
    base.ObjectMeta: {
        "name": 1, "namespace": 3, "uid": 5, "resource_version": 6, "generation": 7, "creation_timestamp": 8,
        "deletion_timestamp": 9, "labels": 11, "annotations": 12, "owner_references": 13, "finalizers": 14,
        "managed_fields": 17,
    },
    base.ManagedField: {"manager": 1, "operation": 2, "time": 4, "subresource": 8},
    base.OwnerReference: {"kind": 1, "name": 3, "api_version": 5, "controller": 6},
}  # fmt: skip  # one message a few lines, as a table

_POD: Numbers = {
    workloads.Pod: {"api_version": None, "metadata": 1, "spec": 2, "status": 3},
    workloads.PodSpec: {
        "containers": 2, "restart_policy": 3, "termination_grace_period_seconds": 4, "node_selector": 7,
        "service_account_name": 8, "node_name": 10, "host_network": 11, "security_context": 14, "init_containers": 20,
        "tolerations": 22,
    },
    workloads.PodSecurityContext: {"run_as_user": 2, "sysctls": 7},
    workloads.Sysctl: {"name": 1, "value": 2},
    workloads.Toleration: {"key": 1, "operator": 2, "value": 3, "effect": 4},
    workloads.PodStatus: {
        "phase": 1, "conditions": 2, "message": 3, "reason": 4, "pod_ip": 6, "start_time": 7, "container_statuses": 8,
        "init_container_statuses": 10,
    },
    base.Condition: {
        "type": 1, "status": 2, "last_heartbeat_time": None, "last_transition_time": 4, "reason": 5, "message": 6,
        "observed_generation": 7,
    },
    containers.Container: {
        "name": 1, "image": 2, "command": 3, "args": 4, "ports": 6, "resources": 8, "liveness_probe": 10, "readiness_probe": 11,
        "lifecycle": 12, "security_context": 15, "startup_probe": 22, "restart_policy": 24,
    },
    containers.ContainerPort: {"name": 1, "host_port": 2, "container_port": 3, "protocol": 4},
    containers.SecurityContext: {"capabilities": 1, "privileged": 2, "run_as_user": 4},
    containers.Capabilities: {"add": 1, "drop": 2},
    containers.ResourceRequirements: {"limits": 1, "requests": 2},
    containers.Probe: {"http_get": (1, 2)},
    containers.HTTPGetAction: {"path": 1, "port": 2, "scheme": 4},
    containers.Lifecycle: {"pre_stop": 2},
    containers.LifecycleHandler: {},
    containers.ContainerStatus: {"name": 1, "state": 2, "last_state": 3, "ready": 4, "restart_count": 5, "image": 6},
    containers.ContainerState: {"waiting": 1, "running": 2, "terminated": 3},
    containers.StateRunning: {"started_at": 1},
    containers.StateTerminated: {"exit_code": 1, "reason": 3, "started_at": 5, "finished_at": 6},
    containers.StateWaiting: {"reason": 1, "message": 2},
}  # fmt: skip  # one message a few lines, as a table

NUMBERS: Mapping[type[KubernetesObject], Numbers] = {workloads.Pod: {**_META, **_POD}}
"""The kinds that are read in protobuf, each with all structs it is made of. Each has its own: their conditions differ."""

OF_QUANTITIES: tuple[type[msgspec.Struct], ...] = (containers.ResourceRequirements,)
"""Structs whose maps have quantities for values."""

SELDOM_ALIKE: tuple[type[msgspec.Struct], ...] = (
    workloads.Pod,
    base.ObjectMeta,
    base.ManagedField,
    workloads.PodSpec,
    workloads.PodStatus,
    containers.ContainerStatus,
)
"""Parts that no two pods share; all others are decoded once for the same bytes."""
