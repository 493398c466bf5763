"""How far a namespace is on its way into the mesh: its state, its checks with their proof, its workloads."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from meshdoctor.model.findings import Cluster, Evidence, Seconds, Status
from meshdoctor.model.sources import Source
from meshdoctor.model.subject import Subject

Weight = Literal["blocking", "warning", "info"]


class State(StrEnum):
    """Where a namespace stands.

    `not-enrolled`: nothing asks for the mesh and no pod is in it; `enrolling`: it asks, and steps are left (pods to
    restart, STRICT to come); `onboarded`: no blocking check fails; `degraded`: it is in, and a blocking check fails that
    is no step left; `exempt`: it says that it stays out, or can never be in.
    """

    NOT_ENROLLED = "not-enrolled"
    ENROLLING = "enrolling"
    ONBOARDED = "onboarded"
    DEGRADED = "degraded"
    EXEMPT = "exempt"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one check ended in one namespace. `id` is the checklist's number (`1` to `32`, `AM1` to `AM3`).

    `problem` is the one that was found, else the first that the check is about, else None; `says` is the answer in
    words; `do` is what to do where it does not pass.
    """

    id: str
    title: str
    weight: Weight
    status: Status
    problem: str | None = None
    says: str = ""
    do: str = ""
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[str, ...] = ()  # ids of the diagnosis' findings that it rests on

    @property
    def blocks(self) -> bool:
        """Whether it keeps its namespace from being onboarded."""
        return self.weight == "blocking" and self.status is Status.FAIL


class WorkloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """One workload: how many of its pods run and are in the mesh (None where pods were not seen), and what injects new ones.

    `state` is `in the mesh`, `partly`, `to restart`, `opted out`, `host network`, `outside`, `no pods`.
    `revision` is what would inject a new pod, empty where nothing would.
    """

    subject: Subject
    state: str
    pods: int | None = None
    in_mesh: int | None = None
    revision: str = ""


class NamespaceResult(msgspec.Struct, frozen=True, kw_only=True):
    """One namespace. `state` is None where what decides it was not seen, and `reason` says what."""

    name: str
    state: State | None
    reason: str = ""
    owner: str | None = None
    owned_by: str = ""  # where the owner is written
    next: str = ""
    passed: int = 0
    applicable: int = 0
    checks: tuple[CheckResult, ...] = ()
    workloads: tuple[WorkloadResult, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is different since the last scan: a namespace's state (no `check`), or how one of its checks ended."""

    namespace: str
    check: str = ""
    before: str | None = None
    after: str | None = None


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One look at all namespaces; `scan -o json` prints it. `since` is the time of the scan that `changes` compares with."""

    cluster: Cluster
    observed_at: datetime
    namespaces: tuple[NamespaceResult, ...] = ()
    since: datetime | None = None
    changes: tuple[Change, ...] = ()
    sources: tuple[Source, ...] = ()
    seconds: Seconds = Seconds()
    notes: tuple[str, ...] = ()
