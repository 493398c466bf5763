"""Writes a bundle: file after file, each compressed by itself, as long as the budget lasts; the manifest first."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec

from meshdoctor.bundle.draft import nameless, publish, told
from meshdoctor.bundle.manifest import MANIFEST, SUMS, File, ListHead, Manifest, Part

LEVEL = 6
END = b"\0" * 1024  # of a tar
RESERVE = 60  # compressed bytes that a file's line in the manifest and in the sums takes, at most
Check = Callable[[BinaryIO], None]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One file to write."""

    path: str
    body: bytes
    part: Part = "answer"
    key: str = ""
    status: int = 200
    content_type: str = ""
    head: ListHead = ListHead()


class Writer:
    """Takes pieces while the budget lasts. Bodies are written as they are given: redact them before."""

    def __init__(self, draft: BinaryIO, budget: int) -> None:
        self._draft, self._budget = draft, budget
        self.size = 0
        self.files: list[File] = []
        self._names: set[str] = set()

    def add(self, piece: Piece, *, must: bool = False) -> bool:
        """Write one file; False where it does not fit any more. What `must` be there is written all the same."""
        path = self._free(piece.path)
        packed = member(path, piece.body)
        if not must and self.size + len(packed) + RESERVE * (len(self.files) + 2) > self._budget:
            return False
        self._draft.write(packed)
        self.size += len(packed)
        digest = hashlib.sha256(piece.body).hexdigest()
        told = {name: getattr(piece, name) for name in ("part", "key", "status", "content_type", "head")}
        self.files.append(File(path=path, bytes=len(piece.body), sha256=digest, **told))
        return True

    def _free(self, path: str) -> str:
        """A path that no file has: file systems that know no case count."""
        name, number = path, 1
        while name.lower() in self._names:
            number += 1
            stem, dot, suffix = path.rpartition(".")
            name = f"{stem}-{number}{dot}{suffix}" if dot and "/" not in suffix else f"{path}-{number}"
        self._names.add(name.lower())
        return name

    def assemble(self, into: BinaryIO, manifest: Manifest) -> None:
        """The whole archive: the manifest, the files, their sums."""
        whole = msgspec.structs.replace(manifest, files=tuple(self.files))
        body = msgspec.json.format(msgspec.json.encode(whole), indent=1)
        sums = [(hashlib.sha256(body).hexdigest(), MANIFEST), *((f.sha256, f.path) for f in self.files)]
        into.write(member(MANIFEST, body))
        self._draft.seek(0)
        shutil.copyfileobj(self._draft, into)
        into.write(member(SUMS, "".join(f"{digest}  {path}\n" for digest, path in sums).encode()))
        into.write(gzip.compress(END, LEVEL, mtime=0))


def member(path: str, body: bytes) -> bytes:
    """One file of a tar, compressed: members of gzip can be put together."""
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(body), 0o600
    raw = io.BytesIO()
    raw.write(info.tobuf(tarfile.PAX_FORMAT))
    raw.write(body)
    raw.write(b"\0" * (-len(body) % tarfile.BLOCKSIZE))
    return gzip.compress(raw.getvalue(), LEVEL, mtime=0)


def write(
    path: Path, budget: int, fill: Callable[[Writer], Manifest], check: Check, seal: Callable[[BinaryIO, BinaryIO], None] | None
) -> int:
    """Write the bundle and give its size. `fill` adds the files, `check` looks at the finished archive and may raise, `seal`
    encrypts it. Until all of that is done the file has no name. Raises NotWritten where the disk refuses."""
    with told(path), nameless(path.parent) as draft, nameless(path.parent) as whole, nameless(path.parent) as sealed:
        writer = Writer(draft, budget)
        manifest = fill(writer)
        writer.assemble(whole, manifest)
        whole.flush()
        whole.seek(0)
        check(whole)
        whole.seek(0)
        last = whole
        if seal is not None:
            seal(whole, sealed)
            last = sealed
        publish(last, path)
        return last.seek(0, io.SEEK_END)
