"""The incident: a folder of JSON lines that is only ever added to, survives a kill in the middle of a line, and opens again.

    incident-20260801T120000-ab12/
        timeline.jsonl    what happened, in the order it was written
        evidence.jsonl    what the mesh looked like when it was opened (T0), and at each later look

A line is written whole and fsynced before the call returns. Each carries the hash of the line before it, so that a line
that was changed or taken out afterwards shows. What a kill left half-written stays where it is, is counted, and is no entry.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from meshdoctor.model.errors import UsageError
from meshdoctor.model.redact import masked

Kind = Literal["opened", "pasted", "note", "cause", "look", "action", "message", "exported", "closed", "evidence"]
Step = Literal["symptoms", "checks", "actions", "verify", "comms", "postmortem"]
STEPS: tuple[Step, ...] = ("symptoms", "checks", "actions", "verify", "comms", "postmortem")
TIMELINE, EVIDENCE = "timeline.jsonl", "evidence.jsonl"
_NAME = re.compile(r"incident-\d{8}T\d{6}-[0-9a-f]{4}")
_HASH = 16  # characters of the hash: enough to notice a change, short enough to read


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `source` is who or what said it; `data` what its kind needs; `after` the hash of the line before."""

    at: datetime
    kind: Kind
    step: Step
    says: str
    source: str
    data: dict[str, Any] = {}
    after: str = ""
    line: int = 0  # in its file, counted from 1


class Lines(msgspec.Struct, frozen=True):
    """What a file holds. `torn` are lines that are no entries, `altered` those that do not follow from the one before."""

    entries: tuple[Entry, ...] = ()
    torn: tuple[int, ...] = ()
    altered: tuple[int, ...] = ()


class Incident(msgspec.Struct, frozen=True):
    """One incident as its folder has it now."""

    folder: Path
    timeline: Lines
    evidence: Lines

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def opened(self) -> Entry | None:
        """The first line; None where a kill came before it was written."""
        return next((e for e in self.timeline.entries if e.kind == "opened"), None)

    @property
    def title(self) -> str:
        return self.opened.says if self.opened else "(its first line was never written)"

    @property
    def is_closed(self) -> bool:
        return any(e.kind == "closed" for e in self.timeline.entries)

    def of(self, *kinds: Kind) -> tuple[Entry, ...]:
        """The timeline's entries of these kinds."""
        return tuple(e for e in self.timeline.entries if e.kind in kinds)

    def kept(self, about: str) -> tuple[Entry, ...]:
        """The evidence about something: `cluster`, `source`, `cause`, `finding`, `change`, `temporary`, `owner`."""
        return tuple(e for e in self.evidence.entries if e.data.get("about") == about)

    def add(
        self, kind: Kind, step: Step, says: str, *, source: str = "operator", at: datetime | None = None, **data: Any
    ) -> Incident:
        """The incident with one more line in its timeline, which is on disk when this returns."""
        moment = at or datetime.now(UTC)
        append(self.folder / TIMELINE, [Entry(at=moment, kind=kind, step=step, says=says, source=source, data=data)])
        return read(self.folder)

    def keep(self, entries: Iterable[Entry]) -> Incident:
        """The incident with more evidence."""
        append(self.folder / EVIDENCE, entries)
        return read(self.folder)


def incidents_folder() -> Path:
    """Where incidents are, unless told otherwise."""
    from platformdirs import user_state_path

    return user_state_path("meshdoctor") / "incidents"


def create(under: Path, title: str, *, at: datetime | None = None, **data: Any) -> Incident:
    """A new incident, opened. Raises UsageError where the folder cannot be made."""
    moment = at or datetime.now(UTC)
    folder = under / f"incident-{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    try:
        under.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)
        _sync(under)
    except OSError as why:
        raise _unwritable(folder, why) from why
    begun = Incident(folder, Lines(), Lines())
    return begun.add("opened", "symptoms", title, source=str(data.pop("source", "operator")), at=moment, **data)


def named(under: Path, name: str = "") -> Incident:
    """The incident of that name (or the only one whose name ends so), the newest without one. Raises UsageError."""
    there = folders(under)
    found = [f for f in there if f.name == name or f.name.endswith(f"-{name}")] if name else there[:1]
    if len(found) != 1:
        known = ", ".join(f.name for f in there[:5]) or "none"
        what = f"No incident {name!r}" if name else "No incident"
        raise UsageError(f"{what} in {under}.", do=f"There: {known}. `meshdoctor incident open` begins one.")
    return read(found[0])


def folders(under: Path) -> list[Path]:
    """The incidents' folders, the newest first."""
    try:
        return sorted((p for p in under.iterdir() if _NAME.fullmatch(p.name) and p.is_dir()), reverse=True)
    except OSError:
        return []


def read(folder: Path) -> Incident:
    """An incident from its folder. A missing file is an empty one: a kill may have come before it."""
    return Incident(folder, read_lines(folder / TIMELINE), read_lines(folder / EVIDENCE))


def read_lines(path: Path) -> Lines:
    """The entries of one file, and which lines are none or were changed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines()
    except OSError as why:
        raise UsageError(f"{path} cannot be read: {why.strerror}.") from why
    entries, torn, altered, before = [], [], [], ""
    for number, raw in enumerate(content.split(b"\n"), 1):
        if not raw:
            continue
        try:
            entry = msgspec.json.decode(raw, type=Entry)
        except msgspec.DecodeError:
            torn.append(number)
        else:
            if entry.after != before:
                altered.append(number)
            entries.append(msgspec.structs.replace(entry, line=number))
        before = _hash(raw)
    return Lines(tuple(entries), tuple(torn), tuple(altered))


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Write entries behind what is there, without secrets; on disk when this returns. Raises UsageError."""
    try:
        new = not path.exists()
        with _locked(path) as file:
            before, broken = _last(file)
            if broken:
                os.write(file, b"\n")
            for entry in entries:
                raw = encoded(entry, before)
                _write(file, raw + b"\n")
                before = _hash(raw)
            os.fsync(file)
        if new:
            _sync(path.parent)
    except OSError as why:
        raise _unwritable(path, why) from why


def encoded(entry: Entry, before: str) -> bytes:
    """The line of an entry, every text in it without secrets."""
    fields = msgspec.to_builtins(entry)
    fields.pop("line")
    return msgspec.json.encode({**masked(fields), "after": before})


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, open to read and append, ours alone: a screen and a command may write at once."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _last(file: int) -> tuple[str, bool]:
    """The hash of the last line, and whether a kill left it without its end."""
    size = os.fstat(file).st_size
    tail, taken = b"", 0
    while taken < size and b"\n" not in tail[:-1]:
        step = min(65_536, size - taken)
        tail = os.pread(file, step, size - taken - step) + tail
        taken += step
    if not tail:
        return "", False
    return _hash(tail.rstrip(b"\n").rpartition(b"\n")[2]), not tail.endswith(b"\n")


def _write(file: int, raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(file, view) :]


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:_HASH]


def _sync(folder: Path) -> None:
    """Make the names in a folder last."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _unwritable(path: Path, why: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {why.strerror}.", do="Set XDG_STATE_HOME to a folder of yours.")
