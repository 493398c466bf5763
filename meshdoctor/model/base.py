"""What every object of the Kubernetes API has in common."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from meshdoctor.model.subject import Subject


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", eq=False, gc=False):
    """A part of an object; field names are the API's, in snake case. Unknown fields are skipped."""


class ManagedField(Record, frozen=True):
    """Who wrote the object, and when (which fields is not kept)."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None
    subresource: str = ""


class OwnerReference(Record, frozen=True):
    """The object that owns this one."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    controller: bool = False


class ObjectMeta(Record, frozen=True):
    """Name, labels and history of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[ManagedField, ...] = ()
    finalizers: tuple[str, ...] = ()


class Condition(Record, frozen=True):
    """One entry of `status.conditions`."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    last_heartbeat_time: datetime | None = None  # of nodes: by the clock of the kubelet
    observed_generation: int = 0


class ConditionedStatus(Record, frozen=True):
    """A status of which only the conditions are read."""

    conditions: tuple[Condition, ...] = ()


class KubernetesObject(Record, frozen=True):
    """An object with metadata. Subclasses name where the API serves them."""

    GROUP: ClassVar[str] = ""
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)  # preferred first
    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    NAMESPACED: ClassVar[bool] = True

    api_version: str = ""
    metadata: ObjectMeta = ObjectMeta()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.labels

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.annotations

    @property
    def subject(self) -> Subject:
        """The object's name tag in findings."""
        return Subject(self.GROUP, self.KIND, self.metadata.namespace, self.metadata.name)

    @property
    def created(self) -> datetime | None:
        return self.metadata.creation_timestamp

    @property
    def changed(self) -> datetime | None:
        """The last time somebody wrote it, status apart; creation where nobody is recorded."""
        times = [m.time for m in self.metadata.managed_fields if m.time and m.subresource != "status"]
        if self.created:
            times.append(self.created)
        return max(times, default=None)

    @property
    def editor(self) -> str:
        """The field manager of the last change, or an empty string."""
        written = [m for m in self.metadata.managed_fields if m.time and m.subresource != "status"]
        return max(written, key=lambda m: m.time or datetime.min).manager if written else ""

    @classmethod
    def resource(cls) -> str:
        """The name that kubectl takes without doubt, e.g. `gateways.networking.istio.io` or `pods`."""
        return f"{cls.PLURAL}.{cls.GROUP}" if cls.GROUP else cls.PLURAL
