"""What the API server's no means for a change, and what to do about it."""

from __future__ import annotations

from typing import Literal

import msgspec

from meshdoctor.kube.failures import WriteAnswered
from meshdoctor.model.redact import redact
from meshdoctor.model.text import plain

Reason = Literal[
    "denied", "webhook", "webhook-down", "dry-run-unsupported", "changed", "exists", "gone", "invalid", "read-only", "busy",
    "owned", "consent", "not-found", "no-remedy", "not-undoable", "in-use", "blocked",
]  # fmt: skip


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing was written: a word for scripts, what was observed, and what to do."""

    reason: Reason
    says: str
    do: str = ""


def refusal_of(answer: WriteAnswered) -> Refusal:
    """The meaning of an answer."""
    said = plain(redact(answer.said), 400)
    if "does not support dry run" in answer.said:
        return Refusal(
            "dry-run-unsupported", f"It cannot be tried out first: {said}.", "Write it by hand, or with --force without a trial."
        )
    if "failed calling webhook" in answer.said:
        return Refusal(
            "webhook-down", f"An admission webhook did not answer: {said}.", "Heal that webhook first (WH-001, INJ-006)."
        )
    if answer.by_webhook:
        return Refusal("webhook", f"An admission webhook denies it: {said}.", "What it asks for has to be part of the change.")
    match answer.status, answer.reason:
        case 409, "AlreadyExists":
            return Refusal("exists", f"There is such an object already: {said}.", "Look at it, then run this again.")
        case 409, _:
            return Refusal(
                "changed",
                f"The object was changed since it was read: {said}.",
                "Run this again: it plans on the object as it is now.",
            )
        case 403, _:
            return Refusal("denied", f"This is not permitted: {said}.", "Ask for the right, or hand the patch to who has it.")
        case 404, _:
            return Refusal("gone", f"The object is gone: {said}.")
        case 405, _:
            return Refusal("read-only", f"What answers takes no writes: {said}.")
        case 429, _:
            return Refusal("busy", f"The API server has no room for it now: {said}.", "Run this again in a moment.")
    return Refusal("invalid", f"The API server refuses the changed object ({answer.status}): {said}.")
