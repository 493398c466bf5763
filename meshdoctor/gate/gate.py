"""The gate: all questions asked of one look, and one verdict."""

from __future__ import annotations

import logging

from meshdoctor.gate.looked import Looked
from meshdoctor.gate.registry import Asked, questions
from meshdoctor.model.findings import Status
from meshdoctor.model.gate import Gate, GateCheck
from meshdoctor.model.sources import Unseen
from meshdoctor.onboarding.outcome import Outcome, not_seen, verdict

log = logging.getLogger("meshdoctor.gate")
ORDER = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WARN, Status.PASS, Status.SKIPPED)  # as the exit code goes


def gate(looked: Looked, touches: tuple[str, ...] = ()) -> Gate:
    """What the gate says of a look."""
    checks = tuple(_answer(q, looked) for q in questions())
    return Gate(
        cluster=looked.mesh.cluster,
        observed_at=looked.mesh.now,
        namespaces=tuple(sorted(looked.chosen)),
        verdict=min((c.status for c in checks), key=ORDER.index),
        before=looked.before.observed_at if looked.before else None,
        touches=touches,
        checks=checks,
        sources=looked.mesh.sources,
        seconds=looked.diagnosis.seconds,
        notes=looked.mesh.notes,
    )


def _answer(asked: Asked, looked: Looked) -> GateCheck:
    said: list[Outcome] = []
    try:
        said.extend(asked.ask(looked))
    except Unseen as unseen:
        said.append(not_seen(unseen.source))
    except Exception as crash:  # our bug: told as ERROR, and the other questions are asked
        log.exception("question %s failed", asked.id)
        said.append(Outcome(Status.ERROR, f"the check failed: {type(crash).__name__}: {crash}"))
    found = verdict(said, Status.FAIL, looked.mesh.cluster.context)
    return GateCheck(id=asked.id, title=asked.title, status=found.status, says=found.says, evidence=found.evidence)
