"""What manifests would change on a mesh: objects, what follows from them, and findings."""

from __future__ import annotations

from typing import Literal

import msgspec

from meshdoctor.model.subject import Subject

Effect = Literal["loses", "changes", "gains"]
EFFECTS: tuple[Effect, ...] = ("loses", "changes", "gains")  # worst first
ObjectState = Literal["new", "changed", "same", "unread"]
RouteEvent = Literal["added", "changed", "lost", "shadowed"]


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One thing that would be otherwise. `loses`: what is let through, reached or seen now would not be.

    `about` is what it happens to and `says` what happens, in words; `by` are the objects that decide it afterwards.
    """

    effect: Effect
    about: str
    says: str
    by: tuple[Subject, ...] = ()


class RouteChange(Change, frozen=True, kw_only=True, tag="route"):
    """Requests for a host that another rule answers; None: no rule does, the answer is 404.

    `gateway` and `port` are those of a gateway; without them it is about the sidecars of the namespaces in `clients`.
    """

    event: RouteEvent
    host: str
    gateway: Subject | None = None
    port: int | None = None
    clients: tuple[str, ...] = ()
    match: str
    before: str | None
    after: str | None


class MtlsChange(Change, frozen=True, kw_only=True, tag="mtls"):
    """The mutual TLS mode that a workload's port accepts; port None: every port without settings of its own."""

    workload: Subject
    port: int | None
    before: str
    after: str


class ExposureChange(Change, frozen=True, kw_only=True, tag="exposure"):
    """A host that a gateway takes on a port: how, and who answers; None: it does not take it."""

    host: str
    gateway: Subject
    port: int
    before: str | None
    after: str | None


class AuthorizationChange(Change, frozen=True, kw_only=True, tag="authorization"):
    """What AuthorizationPolicies do to a workload, or to what targetRefs name.

    `shut_out` and `let_in` are identities of workloads (namespace/service account) whom an ALLOW policy no longer, or newly, takes.
    """

    target: Subject
    shut_out: tuple[str, ...] = ()
    let_in: tuple[str, ...] = ()


class VisibilityChange(Change, frozen=True, kw_only=True, tag="visibility"):
    """A host that the proxies of some namespaces are told of, or no longer, by exportTo and Sidecars."""

    host: str
    clients: tuple[str, ...]


class DestinationChange(Change, frozen=True, kw_only=True, tag="destination"):
    """What the DestinationRules that clients in these namespaces use say of a host: a subset, client TLS or another setting."""

    host: str
    setting: str  # `subset NAME`, `tls`, `connectionPool`, ...
    clients: tuple[str, ...]
    before: str | None
    after: str | None


AnyChange = RouteChange | MtlsChange | ExposureChange | AuthorizationChange | VisibilityChange | DestinationChange


class ObjectChange(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the manifests against the live one. `previewed` is false where only findings tell what it does.

    `unread`: the live object's content is not read at all. `not_compared` are the paths of fields whose effects are not
    compared, and which differ, or may differ, from those of the live object.
    """

    subject: Subject
    state: ObjectState
    previewed: bool
    not_compared: tuple[str, ...] = ()


class Blind(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be compared, and why."""

    about: str
    reason: str


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of the mesh as it is that it would no longer have."""

    id: str
    code: str
    problem: str | None
    status: str
    severity: str
    subject: Subject
    path: str
    summary: str


class FindingChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Findings by id, against the mesh as it is. Suppressed ones are left out."""

    added: tuple[str, ...] = ()
    gone: tuple[Gone, ...] = ()
    same: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What manifests would change: nothing, where `is_none`. Only what they add and update: a deletion has no manifest."""

    objects: tuple[ObjectChange, ...] = ()
    effects: tuple[AnyChange, ...] = ()  # worst first
    blind: tuple[Blind, ...] = ()
    findings: FindingChanges = FindingChanges()

    @property
    def is_none(self) -> bool:
        """Whether every object is as the live one, as far as it is read."""
        return all(o.state == "same" and not o.not_compared for o in self.objects) and not self.blind and not self.effects
