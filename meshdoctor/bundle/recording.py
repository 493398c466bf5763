"""A recording: what a mesh answered to one look, in one file, without secrets."""

from __future__ import annotations

import io
import re
import tarfile
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import msgspec

from meshdoctor.model.errors import UsageError

SCHEMA = "meshdoctor.recording/v1"
LARGEST = 200_000_000  # bytes, unpacked
# Questions about the same thing: how much, from when, and in which pages.
VOLATILE = frozenset(
    {
        "resourceVersion", "resourceVersionMatch", "limit", "continue", "timeoutSeconds", "allowWatchBookmarks", "watch",
        "sinceSeconds", "tailLines", "limitBytes", "timestamps",
    }
)  # fmt: skip
_SECRET = (
    re.compile(rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    re.compile(rb"(?i)\bbearer +[A-Za-z0-9._~+/-]{8,}=*"),
)


class Answer(msgspec.Struct, frozen=True):
    """What came back: status, content type, body."""

    status: int
    content_type: str
    body: bytes


class Entry(msgspec.Struct, frozen=True):
    """One answer in the manifest, its body in a file of the archive."""

    key: str
    status: int
    content_type: str
    file: str


class Manifest(msgspec.Struct, frozen=True, rename={"schema_": "schema"}):
    """The first member of the archive."""

    schema_: str
    title: str
    about: str
    recorded_at: datetime
    answers: tuple[Entry, ...] = ()


def canonical(key: str) -> str:
    """A key whose query is sorted and without what only says how much and from when."""
    head, _, query = key.partition("?")
    kept = sorted((k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k not in VOLATILE)
    return f"{head}?{urlencode(kept)}" if kept else head


class Recorder:
    """Keeps every finished GET; the client calls `record`. Later answers for one key win."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def record(self, key: str, status: int, content_type: str, body: bytes) -> None:
        """Keep one answer, scrubbed. Raises ValueError for the body of a Secret, which must never have been asked for."""
        if "/secrets" in key and b'"data"' in body and "PartialObjectMetadata" not in body[:300].decode("utf-8", "replace"):
            raise ValueError(f"the body of a Secret was answered to {key}")
        self.answers[canonical(key)] = Answer(status, content_type, scrub(body))

    def write(self, path: Path, title: str, about: str, recorded_at: datetime) -> None:
        """Write the recording."""
        Recording(title, about, recorded_at, self.answers).write(path)


def scrub(body: bytes) -> bytes:
    """A body without tokens, private keys, managedFields' contents and last-applied copies."""
    for pattern in _SECRET:
        body = pattern.sub(b"<redacted>", body)
    if b'"fieldsV1"' in body or b"last-applied-configuration" in body:
        try:
            return msgspec.json.encode(_lean(msgspec.json.decode(body)))
        except msgspec.DecodeError:
            return body
    return body


def _lean(value: object) -> object:
    if isinstance(value, dict):
        dropped = {"fieldsV1", "kubectl.kubernetes.io/last-applied-configuration"}
        return {k: _lean(v) for k, v in value.items() if k not in dropped}
    return [_lean(v) for v in value] if isinstance(value, list) else value


class Recording:
    """Answers by key, and what they show."""

    def __init__(self, title: str, about: str, recorded_at: datetime, answers: dict[str, Answer]) -> None:
        self.title, self.about, self.recorded_at = title, about, recorded_at
        self.answers = {canonical(k): a for k, a in answers.items()}

    def get(self, key: str) -> Answer | None:
        """The answer for a key, whatever the order and window of its query."""
        return self.answers.get(canonical(key))

    def write(self, path: Path) -> None:
        """Write the archive: the manifest first, so that a list of recordings is quick."""
        entries = [Entry(k, a.status, a.content_type, f"{n:04d}") for n, (k, a) in enumerate(sorted(self.answers.items()))]
        manifest = Manifest(SCHEMA, self.title, self.about, self.recorded_at, tuple(entries))
        with tarfile.open(path, "w:xz") as archive:
            _add(archive, "manifest.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            for entry in entries:
                _add(archive, entry.file, self.answers[entry.key].body)

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Open an archive; raises UsageError where it is no recording of ours, or a hostile one."""
        try:
            with tarfile.open(path, "r:xz") as archive:
                manifest, files = _contents(archive, path)
        except (tarfile.TarError, OSError, EOFError, msgspec.DecodeError) as why:
            raise UsageError(f"{path} is not a recording: {why}.", do="`meshdoctor demo --list` names those that are.") from why
        answers = {e.key: Answer(e.status, e.content_type, files.get(e.file, b"")) for e in manifest.answers}
        return cls(manifest.title, manifest.about, manifest.recorded_at, answers)


def read_manifest(path: Path) -> Manifest:
    """The manifest alone."""
    with tarfile.open(path, "r:xz") as archive:
        first = archive.next()
        held = archive.extractfile(first) if first else None
        return msgspec.json.decode(held.read() if held else b"", type=Manifest)


def _add(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(body), 0o600
    archive.addfile(info, io.BytesIO(body))


def _contents(archive: tarfile.TarFile, path: Path) -> tuple[Manifest, dict[str, bytes]]:
    files: dict[str, bytes] = {}
    total = 0
    for member in archive:
        total += member.size
        if not member.isfile() or member.name.startswith("/") or ".." in member.name or total > LARGEST:
            raise UsageError(f"{path} is not opened: it holds {member.name!r}, which no recording holds.")
        held = archive.extractfile(member)
        files[member.name] = held.read() if held else b""
    manifest = msgspec.json.decode(files.pop("manifest.json", b""), type=Manifest)
    if manifest.schema_ != SCHEMA:
        raise UsageError(f"{path} has schema {manifest.schema_}; this release reads {SCHEMA}.")
    return manifest, files
