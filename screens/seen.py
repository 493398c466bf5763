"""What every screen is given: one snapshot with its diagnosis, and what can be looked up in them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meshdoctor.collect.link import Link
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.findings import Cause, Diagnosis, Finding, Status
from meshdoctor.model.kinds import kind_of
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

RECORDINGS = ("bundle/", "demo/")
LARGE = 1000  # pods from which tables are made in a thread


@dataclass(frozen=True, slots=True)
class Seen:
    """A mesh and what was judged of it; `at` is when it came, on the monotonic clock."""

    mesh: Mesh | None
    diagnosis: Diagnosis | None
    link: Link
    context: str
    at: float = field(default_factory=time.monotonic)

    @property
    def is_recorded(self) -> bool:
        """Whether it is a recording, where no time passes: a bundle, or the demo."""
        return self.context.startswith(RECORDINGS)

    @property
    def elapsed(self) -> float:
        """Seconds since it came: what ages grow by."""
        return 0.0 if self.is_recorded else time.monotonic() - self.at

    def now(self) -> datetime | None:
        """The API server's clock, moved on by what has passed here."""
        return self.mesh.now + timedelta(seconds=self.elapsed) if self.mesh else None

    @property
    def is_large(self) -> bool:
        if self.mesh is None:
            return False
        try:
            return len(self.mesh[Pod]) > LARGE
        except Unseen:
            return False


class Recorded:
    """When recordings were made: the clock of the first picture of each, since a clock that is learnt wavers a little."""

    def __init__(self) -> None:
        self._first: dict[str, datetime] = {}

    def of(self, seen: Seen) -> datetime | None:
        """The time of the recording that is shown; None on a cluster."""
        if seen.mesh is None or not seen.is_recorded:
            return None
        return self._first.setdefault(seen.context, seen.mesh.now)


def thing(mesh: Mesh | None, subject: Subject) -> KubernetesObject | None:
    """The object of a subject, where it was read."""
    kind = kind_of(f"{subject.group}/v1" if subject.group else "v1", subject.kind)
    if mesh is None or kind is None:
        return None
    try:
        found: KubernetesObject | None = mesh[kind].get(subject.namespace, subject.name)
    except Unseen:
        return None
    return found


def short(subject: Subject) -> str:
    """`Kind namespace/name`, as evidence and tables name it."""
    return str(subject)


def about(payload: object) -> Cause | Finding | Subject | None:
    """What a row is about, as an incident would be: its cause, finding or object; of a pair or an edge the server."""
    if isinstance(payload, (Cause, Finding)):
        return payload
    if isinstance(payload, Subject):
        return payload if payload.kind else None  # a host outside has no object
    if isinstance(payload, tuple) and payload:
        return about(payload[0])
    for part in ("subject", "server", "cell"):
        found = getattr(payload, part, None)
        if found is not None and (told := about(found)) is not None:
            return told
    return None


def findings_by_id(diagnosis: Diagnosis | None) -> dict[str, Finding]:
    return {f.id: f for f in diagnosis.findings} if diagnosis else {}


def finding_of(diagnosis: Diagnosis | None, cause: Cause) -> Finding | None:
    """The finding that a cause is."""
    return findings_by_id(diagnosis).get(cause.finding)


def is_fault(finding: Finding) -> bool:
    return finding.status in (Status.FAIL, Status.WARN, Status.ERROR)


def missing(diagnosis: Diagnosis | None, mesh: Mesh | None) -> tuple[Source, ...]:
    """The sources that could not be read, absent and skipped ones left out."""
    sources = diagnosis.sources if diagnosis else mesh.sources if mesh else ()
    return tuple(s for s in sources if s.state in (SourceState.DENIED, SourceState.ERROR, SourceState.STALE))


def observed(diagnosis: Diagnosis) -> frozenset[str]:
    """The causes whose harm was seen: those that are worth a bell."""
    return frozenset(c.finding or f"{c.problem} {c.subject}" for c in diagnosis.causes if c.observed)
