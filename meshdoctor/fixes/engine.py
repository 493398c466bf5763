"""The one way to write: permission, trial, journal, one request, journal, and what became of it where nobody said.

Order matters: the intent is on disk before the request leaves, the outcome after its answer. Between the two a crash leaves
an open entry, which `settle` closes by looking at the object itself. The request carries the version it was planned on, so
that it can neither run over another's change nor be done twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from meshdoctor.fixes import paths
from meshdoctor.fixes.journal import Entry, Holds, Journal
from meshdoctor.fixes.patch import Object, Operation, difference, digest, ours
from meshdoctor.fixes.refusals import Refusal, refusal_of
from meshdoctor.kube.client import ApiClient, NotFound
from meshdoctor.kube.failures import WriteAnswered
from meshdoctor.kube.writing import OutcomeUnknown, Write
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.subject import Subject

Reality = Literal["applied", "not-applied", "overwritten"]


class Refused(Exception):
    """Nothing was written."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.says)


class Unclear(Exception):
    """The request left, and whether it was done cannot be seen: the journal holds it open."""

    def __init__(self, entry: Entry, says: str) -> None:
        self.entry, self.says = entry, says
        super().__init__(says)


async def read(api: ApiClient, path: str) -> Object | None:
    """The live object with all its fields; None where there is none. Never a Secret: the transport refuses that."""
    try:
        return await api.get(path, dict[str, Any])
    except NotFound:
        return None


async def permit(api: ApiClient, write: Write, target: Subject, plural: str) -> None:
    """Raise Refused where the API server says that we may not do this."""
    if not await api.review(write.verb, target.group, plural, target.namespace):
        where = f" -n {target.namespace}" if target.namespace else ""
        resource = f"{plural}.{target.group}" if target.group else plural
        says = f"{write.verb} {resource} is not permitted{f' in namespace {target.namespace}' if target.namespace else ''}."
        raise Refused(
            Refusal("denied", says, f"Ask for the right, or check with: kubectl auth can-i {write.verb} {resource}{where}")
        )


async def try_out(api: ApiClient, write: Write) -> Object:
    """The object as the API server would store it, admission and defaults included. Raises Refused."""
    try:
        return await api.write(write, write.consent(dry_run=True))
    except WriteAnswered as why:
        raise Refused(refusal_of(why)) from why


async def execute(api: ApiClient, journal: Journal, write: Write, holds: Holds) -> tuple[Entry, Object]:
    """Write, with the operator's leave. Raises Refused or Unclear."""
    with _alone(journal):
        entry = journal.intend(holds)
        try:
            answered = await api.write(write, write.consent(dry_run=False))
        except WriteAnswered as why:
            refusal = refusal_of(why)
            journal.note(entry, "refused", says=refusal.says)
            raise Refused(refusal) from why
        except OutcomeUnknown as why:
            journal.note(entry, "unknown", says=why.observed)
            return entry, await _found_out(api, journal, entry, why.observed)
        except ClusterError as why:
            journal.note(entry, "refused", says=why.observed)
            raise
        _note_applied(journal, entry, answered)
    return entry, answered


def _note_applied(journal: Journal, entry: Entry, answered: Object) -> None:
    if entry.holds.verb == "delete":
        journal.note(entry, "applied")
        return
    meta = answered.get("metadata") or {}
    journal.note(
        entry, "applied", version=str(meta.get("resourceVersion", "")), uid=str(meta.get("uid", "")), digest=digest(answered)
    )


async def _found_out(api: ApiClient, journal: Journal, entry: Entry, observed: str) -> Object:
    """The object, where it shows that the unanswered write was done. Raises Unclear where it does not."""
    try:
        reality, live = await look(api, entry)
    except ClusterError as why:
        raise Unclear(entry, f"{observed} The object cannot be read either: {why.observed}") from why
    if reality != "applied":
        raise Unclear(entry, f"{observed} The object is not changed so far; the request may still arrive.")
    _note_applied(journal, entry, live or {})
    return live or {}


async def settle(api: ApiClient, journal: Journal, entry: Entry) -> Reality:
    """Close an open entry by what the object shows. Raises UsageError while another process is writing."""
    with _alone(journal):
        reality, live = await look(api, entry)
        if reality == "applied":
            _note_applied(journal, entry, live or {})
        else:
            words = "it was not written" if reality == "not-applied" else "nothing of it is in the object, which others changed"
            journal.note(entry, "refused", says=f"Seen afterwards: {words}.")
    return reality


async def look(api: ApiClient, entry: Entry) -> tuple[Reality, Object | None]:
    """Whether an entry's write is in the object."""
    holds = entry.holds
    live = await read(api, holds.path)
    uid = (live or {}).get("metadata", {}).get("uid", "")
    if holds.verb == "delete":
        still = live is not None and uid == holds.uid and not live["metadata"].get("deletionTimestamp")
        return ("not-applied" if still else "applied"), live
    if live is None:
        return "not-applied", None
    if digest(live) == entry.digest:
        return "applied", live
    if holds.verb == "create":
        return "overwritten", live
    if uid != holds.uid:
        return "overwritten", live
    if digest(live) == holds.digest_before:
        return "not-applied", live
    return ("applied" if holds_still(live, holds.operations) else "overwritten"), live


def holds_still(live: Object, operations: tuple[Operation, ...]) -> bool:
    """Whether everything that these operations did is still so."""
    return all(_is_done(live, operation) for operation in operations)


def _is_done(live: Object, operation: Operation) -> bool:
    way = _typed(live, operation["path"])
    if operation["op"] != "replace" and any(isinstance(step, int) for step in way):
        return False  # places in lists move: what is there may be another's
    there = paths.has(live, way)
    return not there if operation["op"] == "remove" else there and paths.get(live, way) == operation["value"]


def _typed(live: Any, pointer: str) -> paths.Steps:
    """A pointer's steps, with numbers where there are lists."""
    found: list[str | int] = []
    for part in pointer.split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        found.append(int(step) if isinstance(live, list) and step.isdigit() else step)
        live = paths.get(live, (found[-1],)) if paths.has(live, (found[-1],)) else None
    return tuple(found)


def takes_back(after: Object, before: Object) -> tuple[Operation, ...]:
    """The operations that make an object what it was."""
    return tuple(difference(ours(after), ours(before)))


@contextlib.contextmanager
def _alone(journal: Journal) -> Iterator[None]:
    """One writing process at a time; the lock ends with the process, however that ends."""
    path = Path(journal.path).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as why:
            raise UsageError("Another meshdoctor is writing now.", do="Wait for it to end, then run this again.") from why
        yield
    finally:
        os.close(file)
