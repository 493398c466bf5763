"""Containers of pods: what they are to be, and what became of them."""

from __future__ import annotations

from datetime import datetime

from meshdoctor.model.base import Record


class ContainerPort(Record, frozen=True):
    name: str = ""
    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"


class Capabilities(Record, frozen=True):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class SecurityContext(Record, frozen=True):
    run_as_user: int | None = None
    privileged: bool | None = None
    capabilities: Capabilities | None = None


class ResourceRequirements(Record, frozen=True):
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class HTTPGetAction(Record, frozen=True):
    path: str = ""
    port: int | str = 0
    scheme: str = "HTTP"


class Probe(Record, frozen=True):
    """A kubelet probe; only what tells HTTP probes apart is kept."""

    http_get: HTTPGetAction | None = None


class LifecycleHandler(Record, frozen=True):
    """What runs when a container starts or stops; only whether there is one is read."""


class Lifecycle(Record, frozen=True):
    """What runs around a container's life."""

    pre_stop: LifecycleHandler | None = None


class Container(Record, frozen=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    security_context: SecurityContext | None = None
    resources: ResourceRequirements = ResourceRequirements()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str = ""  # `Always` on an init container makes it a native sidecar


class StateRunning(Record, frozen=True):
    started_at: datetime | None = None


class StateTerminated(Record, frozen=True):
    exit_code: int = 0
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def failed(self) -> bool:
        """It ended with an error of its own: not one that the kubelet found gone after its node or runtime had restarted.

        Source: containerd reports those as Unknown with 255, the kubelet as ContainerStatusUnknown with 137."""
        return self.exit_code != 0 and self.reason not in ("Unknown", "ContainerStatusUnknown")


class StateWaiting(Record, frozen=True):
    reason: str = ""
    message: str = ""


class ContainerState(Record, frozen=True):
    running: StateRunning | None = None
    terminated: StateTerminated | None = None
    waiting: StateWaiting | None = None


class ContainerStatus(Record, frozen=True):
    name: str = ""
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
