"""What rules say: findings with their evidence, and the causes drawn from them."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from meshdoctor.model.changes import Preview
from meshdoctor.model.sources import Source
from meshdoctor.model.subject import Subject

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")  # worst first

PROOF, STRONG, HINT = 0.95, 0.8, 0.4


class Status(StrEnum):
    """The verdict of a rule or a finding; what each means is fixed in the published JSON schema."""

    PASS = "PASS"
    FAIL = "FAIL"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"
    ERROR = "ERROR"


class Evidence(msgspec.Struct, frozen=True):
    """One quotable observation: what it says, which source said it, its words, and the command that shows it again."""

    says: str
    source: str = ""
    quote: str = ""
    command: str = ""


class Harm(msgspec.Struct, frozen=True):
    """Harm that was observed, not feared. Unknown figures are None, never zero."""

    workloads: tuple[str, ...] = ()  # namespace/name of who suffers
    requests_failed_per_s: float | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one rule says about one object.

    `confidence` is 0.95 for a proof, 0.8 for strong evidence, less where the evidence is old or partial.
    """

    id: str
    code: str
    codes: tuple[str, ...] = ()
    problem: str | None = None
    status: Status
    severity: Severity
    confidence: float = PROOF
    subject: Subject
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    title: str = ""
    summary: str = ""
    why: str = ""
    evidence: tuple[Evidence, ...] = ()
    harm: Harm | None = None
    also: tuple[Subject, ...] = ()  # other objects it concerns: what relations between findings are told by
    since: datetime | None = None  # when it began, as far as the objects tell


def finding_id(code: str, subject: Subject, path: str) -> str:
    """A stable name: the hash of code, subject and path."""
    text = "\n".join((code, subject.group, subject.kind, subject.namespace, subject.name, path))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that somebody decided not to hear of: never silently gone."""

    finding: Finding
    reason: str
    by: str  # where it is written: an annotation of the object, or a file
    until: date | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule ended."""

    problem: str | None
    code: str
    title: str
    status: Status
    reason: str | None = None


class Fix(msgspec.Struct, frozen=True):
    """A way out, as commands to run by hand."""

    id: str
    title: str
    risk: str
    commands: tuple[str, ...] = ()


class Impact(msgspec.Struct, frozen=True):
    workloads: tuple[str, ...] = ()
    requests_failed_per_s: float | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator acts on: one finding that no other explains, with all that it explains."""

    problem: str
    code: str
    title: str
    summary: str
    confidence: float
    severity: Severity
    subject: Subject
    path: str = ""
    observed: bool = False  # harm was seen, not only feared
    since: datetime | None = None
    impact: Impact = Impact()
    evidence: tuple[Evidence, ...] = ()
    explains: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    finding: str = ""  # the id of the finding it is


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster this is about, and as whom it was read."""

    context: str = ""
    server: str = ""
    user: str = ""
    kubernetes: str = ""
    istio: tuple[str, ...] = ()  # versions that istiod replicas report
    root_namespace: str = ""
    domain: str = "cluster.local"  # of the names of Services


class Coverage(msgspec.Struct, frozen=True, rename={"pass_": "pass"}):
    """How many rules ended how."""

    rules: int = 0
    pass_: int = 0
    fail: int = 0
    warn: int = 0
    unknown: int = 0
    skipped: int = 0
    error: int = 0


class Seconds(msgspec.Struct, frozen=True):
    """How long it took: `rules` is what was left to judge when everything was collected."""

    collect: float = 0.0
    rules: float = 0.0


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one look at a mesh gave; `diagnose -o json` prints it."""

    cluster: Cluster
    observed_at: datetime
    sources: tuple[Source, ...] = ()
    causes: tuple[Cause, ...] = ()
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()
    coverage: Coverage = Coverage()
    seconds: Seconds = Seconds()
    notes: tuple[str, ...] = ()  # what was left out and counted, e.g. proxies beyond the twenty asked
    suppressed: tuple[Suppressed, ...] = ()
    known: int = 0  # findings left out because the baseline had them
    changes: Preview | None = None  # what the manifests change on the mesh; None where there are none, or no mesh
