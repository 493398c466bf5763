"""A gate before and after a change: what was at a moment, and what the gate says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from meshdoctor.model.findings import Cluster, Evidence, Seconds, Status
from meshdoctor.model.sources import Source


class Calls(msgspec.Struct, frozen=True):
    """Calls that access logs show: how many there were in the last minute, and how many of them failed."""

    total: int = 0
    failed: int = 0


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a mesh to compare with: names and verdicts only. A part is None where it was not seen."""

    schema: Literal["meshdoctor.gate-moment/v1"] = "meshdoctor.gate-moment/v1"
    observed_at: datetime
    context: str = ""
    server: str = ""
    namespaces: tuple[str, ...] = ()  # those that were asked for; none is all
    workloads: dict[str, str] | None = None  # `Kind namespace/name` to what keeps it from being ready, empty where nothing
    hosts: dict[str, str] | None = None  # exposed host to what keeps it from being served
    proxies: dict[str, str] | None = None  # `namespace/name` of a workload to the worst sync state of its proxies
    calls: dict[str, Calls] | None = None  # `client -> host` within the mesh
    egress: dict[str, Calls] | None = None  # `client -> host` out of the mesh
    mtls: dict[str, str] | None = None  # `namespace/workload[:port]` to its mode
    policies: dict[str, str] | None = None  # `namespace/name` to its action, `dry run` where it is not enforced
    faults: tuple[str, ...] = ()  # ids of the findings that failed
    causes: dict[str, str] | None = None  # `problem object` to its severity


class GateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the gate, and its answer. `id` is ready, ingress, in-mesh, egress, mtls, policy or causes."""

    id: str
    title: str
    status: Status
    says: str = ""
    evidence: tuple[Evidence, ...] = ()


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says; `gate -o json` prints it. `before` is the time of the moment that it compares with."""

    cluster: Cluster
    observed_at: datetime
    namespaces: tuple[str, ...] = ()
    verdict: Status = Status.UNKNOWN
    before: datetime | None = None
    touches: tuple[str, ...] = ()
    checks: tuple[GateCheck, ...] = ()
    sources: tuple[Source, ...] = ()
    seconds: Seconds = Seconds()
    notes: tuple[str, ...] = ()
