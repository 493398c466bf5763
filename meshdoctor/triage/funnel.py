"""The six steps of an incident: when each is done, and what is missing until then."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from meshdoctor.triage.incident import STEPS, Entry, Incident, Step

TITLES: dict[Step, str] = {
    "symptoms": "Symptoms",
    "checks": "Initial checks",
    "actions": "Actions",
    "verify": "Verify",
    "comms": "Comms",
    "postmortem": "Postmortem",
}


class State(msgspec.Struct, frozen=True):
    """One step: whether its exit condition holds, and why or why not."""

    step: Step
    done: bool
    says: str

    @property
    def title(self) -> str:
        return TITLES[self.step]


def steps(incident: Incident, now: datetime) -> tuple[State, ...]:
    """All six, in their order."""
    told = (
        _symptoms(incident),
        _checks(incident),
        _actions(incident),
        _verify(incident),
        _comms(incident, now),
        _postmortem(incident),
    )
    return tuple(State(step, *said) for step, said in zip(STEPS, told, strict=True))


def current(states: tuple[State, ...]) -> State:
    """The first step that is not done; the last where all are."""
    return next((s for s in states if not s.done), states[-1])


def suspected(incident: Incident) -> Entry | None:
    """The cause that was chosen last."""
    return next(reversed(incident.of("cause")), None)


def due(incident: Incident) -> datetime | None:
    """When the next message was promised for."""
    last = next(reversed(incident.of("message")), None)
    minutes = last.data.get("next_minutes") if last is not None else None
    return last.at + timedelta(minutes=minutes) if last is not None and isinstance(minutes, int) else None


def is_verified(incident: Incident) -> bool:
    """Whether a look after the last action no longer shows the cause, and nothing that matters was unseen."""
    return _verify(incident)[0]


def _symptoms(incident: Incident) -> tuple[bool, str]:
    told = [e for e in incident.timeline.entries if e.step == "symptoms" and e.kind in ("pasted", "note", "cause")]
    about = bool(incident.opened and incident.opened.data.get("of"))
    if told or about:
        return True, f"{len(told) + about} told"
    return False, "nothing was told yet"


def _checks(incident: Incident) -> tuple[bool, str]:
    kept = len(incident.evidence.entries)
    if not kept:
        return False, "no evidence was kept yet"
    cause = suspected(incident)
    if cause is None:
        return False, f"{kept} lines of evidence kept; choose a cause"
    return True, cause.says


def _actions(incident: Incident) -> tuple[bool, str]:
    done = incident.of("action")
    return (True, done[-1].says) if done else (False, "nothing was done yet")


def _verify(incident: Incident) -> tuple[bool, str]:
    done, looks = incident.of("action"), incident.of("look")
    after = [e for e in looks if not done or e.line > done[-1].line]
    if not done or not after:
        return False, "no look since the last action"
    look, cause = after[-1], suspected(incident)
    if cause is not None and cause.data.get("of") in look.data.get("present", ()):
        return False, "the cause is still there"
    if look.data.get("unseen"):
        return False, f"not all could be read: {look.data['unseen'][0]}"
    if look.data.get("new"):
        return False, f"something new: {look.data['new'][0]}"
    return True, "the cause is gone, nothing new"


def _comms(incident: Incident, now: datetime) -> tuple[bool, str]:
    sent = incident.of("message")
    if not sent:
        return False, "nobody was told yet"
    promised, looks = due(incident), incident.of("look")
    over = is_verified(incident) and looks and sent[-1].line > looks[-1].line
    if over:
        return True, "told since it is over"
    if promised is not None:
        minutes = round((promised - now).total_seconds() / 60)
        return False, f"next message in {minutes} min" if minutes >= 0 else f"the next message is {-minutes} min late"
    return False, "tell that it is over" if is_verified(incident) else f"{len(sent)} sent"


def _postmortem(incident: Incident) -> tuple[bool, str]:
    written = incident.of("exported")
    if not written:
        return False, "not written yet"
    late = [e for e in incident.timeline.entries if e.line > written[-1].line and e.kind in ("action", "look", "cause", "pasted")]
    return (False, "more happened since it was written") if late else (True, "written")
