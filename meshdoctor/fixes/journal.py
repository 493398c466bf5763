"""The journal of writes: JSON lines, on disk before the request leaves and again after its answer, kept for ever.

Each line is one event of one entry. What an entry has come to is its last event: `intent` alone means that the process
ended before it knew the outcome. A line that was cut off by a crash is left out of reading and ended before the next.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from meshdoctor.fixes.patch import Object, Operation
from meshdoctor.fixes.pending import journal_path
from meshdoctor.kube.writing import Verb
from meshdoctor.model.errors import UsageError
from meshdoctor.model.redact import masked, redact
from meshdoctor.model.subject import Subject

Step = Literal[
    "intent",  # about to be sent
    "applied",  # the API server stored it
    "refused",  # the API server did not store it, for sure
    "unknown",  # sent, and nobody told what became of it
    "verified",  # applied, and the symptom is gone
    "not-healed",  # applied, and the symptom is still there
    "unverified",  # applied, and whether the symptom is gone cannot be seen
]
DONE = ("applied", "verified", "not-healed", "unverified")


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """All that it takes to settle and to undo a write, also from another process."""

    problem: str
    fix: str
    title: str
    finding: str
    subject: Subject  # what the finding is about
    target: Subject  # what is written
    context: str
    server: str
    cluster: str = ""  # the uid of namespace kube-system: contexts are renamed
    verb: Verb
    path: str  # of the object
    collection: str
    operations: tuple[Operation, ...] = ()
    back: tuple[Operation, ...] = ()  # what takes the operations back
    saved: Object | None = None  # the object that is deleted, or made
    uid: str = ""
    version: str = ""  # the resource version that is written over
    digest_before: str = ""
    digest_after: str = ""
    undoes: str = ""  # the entry that this one takes back
    undoable: bool = True
    plan: str = ""  # the plan of several steps that this is one of
    again: str = ""  # the command that goes on where this was interrupted


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line."""

    entry: str
    at: datetime
    step: Step
    holds: Holds | None = None  # with `intent`
    version: str = ""  # the resource version after it
    uid: str = ""
    digest: str = ""  # of what is ours of the object after it
    says: str = ""


class Entry(msgspec.Struct, kw_only=True):
    """One write with all that became of it."""

    id: str
    holds: Holds
    events: list[Event]
    undone_by: str = ""

    @property
    def step(self) -> Step:
        return self.events[-1].step

    @property
    def at(self) -> datetime:
        return self.events[0].at

    @property
    def is_open(self) -> bool:
        """Whether nobody knows if it was written."""
        return self.step in ("intent", "unknown")

    @property
    def is_applied(self) -> bool:
        return self.step in DONE

    @property
    def digest(self) -> str:
        """The hash of the object as the write left it, where that was seen."""
        return next((e.digest for e in reversed(self.events) if e.digest), self.holds.digest_after)

    @property
    def uid(self) -> str:
        return next((e.uid for e in reversed(self.events) if e.uid), self.holds.uid)


class Journal:
    """One file, for the user alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"

    def intend(self, holds: Holds) -> Entry:
        """Put an intent on disk. Raises UsageError where that cannot be done, or would keep a secret: then nothing is sent."""
        text = msgspec.json.encode(holds)
        told = msgspec.json.decode(text)
        if masked(told) != told or redact(text.decode()) != text.decode():
            raise UsageError(
                f"{holds.target} holds what looks like a secret, which the journal must not keep.",
                "Without it the change could not be undone.",
                "Change the object by hand, and save it first.",
            )
        event = Event(entry=secrets.token_hex(4), at=datetime.now(UTC), step="intent", holds=holds)
        self._append(event)
        return Entry(id=event.entry, holds=holds, events=[event])

    def note(self, entry: Entry, step: Step, *, version: str = "", uid: str = "", digest: str = "", says: str = "") -> None:
        """Put on disk what became of an entry."""
        event = Event(
            entry=entry.id, at=datetime.now(UTC), step=step, version=version, uid=uid, digest=digest, says=redact(says)[:600]
        )
        self._append(event)
        entry.events.append(event)

    def entries(self) -> list[Entry]:
        """All entries, oldest first."""
        found: dict[str, Entry] = {}
        for event in self._events():
            if event.holds is not None:
                found[event.entry] = Entry(id=event.entry, holds=event.holds, events=[event])
            elif event.entry in found:
                found[event.entry].events.append(event)
        for entry in found.values():
            if entry.holds.undoes in found and entry.is_applied:
                found[entry.holds.undoes].undone_by = entry.id
        return list(found.values())

    def entry(self, name: str) -> Entry:
        """The entry of that id, or of which this is the beginning. Raises UsageError."""
        fitting = [e for e in self.entries() if e.id.startswith(name)]
        if len(fitting) != 1:
            known = "no entry" if not fitting else f"{len(fitting)} entries"
            raise UsageError(f"The journal has {known} {name!r}.", do="`meshdoctor journal` lists them.")
        return fitting[0]

    def of_plan(self, name: str) -> list[Entry]:
        """The entries of a plan of several steps that are written and not taken back, in the order in which they are undone.

        A label of a namespace says what its next pods are: it goes first, so that pods made anew are as they were.
        What the plan itself made and deleted again needs nothing.
        """
        mine = [e for e in self.entries() if e.holds.plan == name and not e.holds.undoes]
        written = [e for e in reversed(mine) if (e.is_applied or e.is_open) and not e.undone_by]
        passing = {e.holds.path for e in written if e.holds.verb == "create"}
        passing &= {e.holds.path for e in written if e.holds.verb == "delete"}
        written = [e for e in written if e.holds.path not in passing]
        return sorted(written, key=lambda e: e.holds.target.kind != "Namespace")

    def _events(self) -> Iterable[Event]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as why:
            raise UsageError(f"The journal {self.path} cannot be read: {why.strerror}.") from why
        for line in lines:
            try:
                yield msgspec.json.decode(line, type=Event)
            except msgspec.DecodeError:
                continue  # empty, or cut off by a crash

    def _append(self, event: Event) -> None:
        """One line, whole and on disk when this returns."""
        line = msgspec.json.encode(event) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                os.fchmod(file, 0o600)
                size = os.fstat(file).st_size
                if size and os.pread(file, 1, size - 1) != b"\n":
                    line = b"\n" + line
                _write_all(file, line)
                os.fsync(file)
            finally:
                os.close(file)
            _sync_folder(self.path.parent)
        except OSError as why:
            raise UsageError(
                f"The journal {self.path} cannot be written: {why.strerror}.",
                "Without it a change could not be undone after a crash, so nothing more is sent.",
            ) from why


def own_journal() -> Journal:
    """The journal of this user, in the folder where state is kept."""
    return Journal(journal_path().parent)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
