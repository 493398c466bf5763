"""The file of a recording: a tar of a manifest and bodies, compressed with xz. Reading trusts nothing in it."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from meshdoctor.model.errors import UsageError

SUFFIX = ".tar.xz"
MANIFEST = "manifest.json"
LARGEST = 200_000_000
MOST_MEMORY = 200_000_000  # of the decompressor; xz -9 takes 65 MB
CHUNK = 65_536


class Answer(msgspec.Struct, frozen=True):
    """One answer; `status` 0 means that the connection was refused, and the body says why."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = {}


class Entry(msgspec.Struct, frozen=True):
    """One answer in the manifest."""

    key: str
    status: int
    content_type: str
    file: str


class Manifest(msgspec.Struct, frozen=True):
    """The first file of the archive; `about` is one sentence."""

    title: str
    about: str
    recorded_at: datetime
    schema: Literal["meshdoctor.recording/v1"] = "meshdoctor.recording/v1"
    context: str = ""
    answers: tuple[Entry, ...] = ()


class Refused(Exception):
    """What the archive has that no recording of ours has."""


class Unpacked(io.RawIOBase):
    """The bytes inside an xz file. Ends with an error above `limit` bytes, and where unpacking takes too much memory."""

    def __init__(self, file: BinaryIO, limit: int | None = LARGEST) -> None:
        self._file, self._size, self._limit = file, 0, limit
        self._xz = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MOST_MEMORY)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        data = b""
        while not data and not self._xz.eof:
            packed = self._file.read(CHUNK) if self._xz.needs_input else b""
            if self._xz.needs_input and not packed:
                raise Refused("it ends in the middle")
            data = self._xz.decompress(packed, max(1, min(size, CHUNK)))
        self._size += len(data)
        if self._limit is not None and self._size > self._limit:
            raise Refused(f"it unpacks to more than {LARGEST // 1_000_000} MB")
        return data


def name_of(path: Path) -> str:
    """The name of a recording: its file's, without the suffix."""
    return path.name.removesuffix(SUFFIX)


def write(path: Path, manifest: Manifest, answers: Mapping[str, Answer]) -> None:
    """Write the file. The same answers give the same bytes."""
    files: dict[str, bytes] = {}
    entries = []
    for key, answer in sorted(answers.items()):
        file = f"bodies/{hashlib.sha256(answer.body).hexdigest()[:16]}"
        files[file] = answer.body
        entries.append(Entry(key, answer.status, answer.content_type, file))
    head = msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(manifest, answers=tuple(entries))), indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            with tarfile.open(fileobj=draft, mode="w:xz", preset=9, format=tarfile.PAX_FORMAT) as tar:
                for name, body in ((MANIFEST, head), *files.items()):
                    member = tarfile.TarInfo(name)
                    member.size, member.mode = len(body), 0o644
                    tar.addfile(member, io.BytesIO(body))
            draft.flush()
            os.chmod(draft.name, 0o644)
            os.replace(draft.name, path)
        except BaseException:  # an interruption as well leaves no half of a file behind
            os.unlink(draft.name)
            raise


def read(path: Path) -> tuple[Manifest, dict[str, Answer]]:
    """The manifest and all answers. Raises UsageError where the file is no recording, or hostile."""
    with _told(path), path.open("rb") as file:
        files = dict(_members(file))
        if MANIFEST not in files:
            raise Refused(f"it has no {MANIFEST}")
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
        lost = next((e.file for e in manifest.answers if e.file not in files), None)
        if lost is not None:
            raise Refused(f"the manifest names {lost[:80]!r}, which is not in it")
        return _zoned(manifest), {e.key: Answer(e.status, e.content_type, files[e.file]) for e in manifest.answers}


def read_manifest(path: Path) -> Manifest:
    """The manifest alone, which is the first file: the rest is not unpacked."""
    with _told(path), path.open("rb") as file:
        name, body = next(_members(file), ("", b""))
        if name != MANIFEST:
            raise Refused(f"it does not begin with {MANIFEST}")
        return _zoned(msgspec.json.decode(body, type=Manifest))


def _zoned(manifest: Manifest) -> Manifest:
    if manifest.recorded_at.tzinfo is None:
        raise Refused("its time has no zone")
    return manifest


def _members(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    with tarfile.open(fileobj=Unpacked(file), mode="r|") as tar:
        for member in tar:
            _judge(member, seen)
            seen.add(member.name)
            stored = tar.extractfile(member)
            yield member.name, stored.read() if stored else b""


def _judge(member: tarfile.TarInfo, seen: set[str]) -> None:
    shown = repr(member.name[:80])
    if member.type not in tarfile.REGULAR_TYPES or member.sparse is not None:
        raise Refused(f"{shown} in it is no plain file")
    parts = member.name.replace("\\", "/").split("/")
    if ".." in parts or "" in parts or ":" in parts[0]:
        raise Refused(f"{shown} in it points outside")
    if member.name in seen:
        raise Refused(f"{shown} is in it twice")
    if member.size > LARGEST:
        raise Refused(f"it unpacks to more than {LARGEST // 1_000_000} MB")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what goes wrong while reading into one line."""
    try:
        yield
    except OSError as why:
        raise UsageError(f"The recording {path} cannot be read: {why.strerror or why}.") from why
    except msgspec.DecodeError as why:
        raise UsageError(f"{path} is no recording: its {MANIFEST} cannot be decoded ({why}).") from why
    except (Refused, lzma.LZMAError, tarfile.TarError, EOFError, ValueError, MemoryError) as why:
        raise UsageError(f"{path} is no recording: {str(why) or type(why).__name__}.") from why
