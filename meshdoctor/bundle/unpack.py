"""Reads archives and folders that nobody vouches for, in memory and within limits; nothing is ever unpacked to disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, Self

import msgspec

from meshdoctor.bundle import archive
from meshdoctor.model.errors import UsageError

LONGEST_NAME = 4096
HEADER = 1_000_000  # bytes of a long name or of extended attributes
TARS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
ENCRYPTED = (
    (b"age-encryption.org/", "age"), (b"-----BEGIN AGE", "age"), (b"-----BEGIN PGP", "gpg"), (b"\x85", "gpg"), (b"\x84", "gpg"),
    (b"\xc1", "gpg"), (b"\x8c", "gpg"),
)  # fmt: skip


class Limits(msgspec.Struct, frozen=True):
    """`files` in all, `bytes` unpacked in all, wanted or not, `kept` bytes of wanted files, `one` of one file."""

    files: int = 200_000
    bytes: int = 4_000_000_000
    kept: int = 400_000_000
    one: int = 120_000_000


class Notes:
    """What of an archive was not read, and why; `newest` is the latest time of a file in it, in seconds since 1970."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.skipped: dict[str, int] = {}
        self.newest = 0.0

    def skip(self, why: str) -> None:
        """Count one file that was left out."""
        self.skipped[why] = self.skipped.get(why, 0) + 1

    def all(self) -> list[str]:
        """Everything as sentences."""
        return [
            *self.lines,
            *(f"{n} {'entry was' if n == 1 else 'entries were'} left out: {why}." for why, n in self.skipped.items()),
        ]


class Stopped(Exception):
    """Why no more of an archive is read."""


class _Member(tarfile.TarInfo):
    """A header that takes no more memory than it needs."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        made = super().frombuf(buf, encoding, errors)
        if made.type in TARS and made.size > HEADER:
            raise Stopped("a header in it is larger than any name")
        if made.type == tarfile.GNUTYPE_SPARSE:
            raise Stopped("it has sparse files")
        return made


class _Counted(io.RawIOBase):
    """Bytes read forward only, up to a limit."""

    def __init__(self, source: IO[bytes] | io.RawIOBase | io.BufferedIOBase, most: int) -> None:
        self._source, self._most, self._size = source, most, 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._source.read(size) or b""
        self._size += len(data)
        if self._size > self._most:
            raise Stopped(f"it unpacks to more than {self._most // 1_000_000} MB")
        return data


def members(
    file: BinaryIO, limits: Limits, wanted: Callable[[str], bool] = lambda _: True, notes: Notes | None = None
) -> Iterator[tuple[str, bytes]]:
    """The plain files of a tar, compressed or not, as (path, body). What is no plain file, points outside, comes twice or is too
    large is left out and noted; an archive that breaks off gives what came before."""
    notes = notes or Notes()
    try:
        yield from _members(_Counted(_decompressed(file), limits.bytes), limits, wanted, notes)
    except (Stopped, archive.Refused) as why:
        notes.lines.append(f"The rest of the archive was not read: {why}.")
    except (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, gzip.BadGzipFile, OSError, ValueError, MemoryError) as why:
        words = "it ends in the middle" if isinstance(why, EOFError | tarfile.ReadError) else str(why) or type(why).__name__
        notes.lines.append(f"The rest of the archive was not read: {words}.")


def _decompressed(file: BinaryIO) -> IO[bytes] | io.RawIOBase | io.BufferedIOBase:
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if head.startswith(b"\xfd7zXZ"):
        return archive.Unpacked(file, limit=None)
    return bz2.BZ2File(file) if head.startswith(b"BZh") else file


def _members(source: _Counted, limits: Limits, wanted: Callable[[str], bool], notes: Notes) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    count = kept = 0
    with tarfile.open(fileobj=source, mode="r|", tarinfo=_Member) as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # public but not in typeshed: it would remember every header
            count += 1
            if count > limits.files:
                raise Stopped(f"it has more than {limits.files} entries")
            path = _path(member, notes)
            if path is None or not wanted(path):
                continue
            if path in seen:
                notes.skip("its name came twice")
                continue
            if member.size > limits.one:
                notes.skip(f"it is larger than {limits.one // 1_000_000} MB")
                continue
            kept += member.size
            if kept > limits.kept:
                raise Stopped(f"more than {limits.kept // 1_000_000} MB of it would be kept")
            seen.add(path)
            notes.newest = max(notes.newest, float(member.mtime))
            stored = tar.extractfile(member)
            yield path, stored.read() if stored else b""


def _path(member: tarfile.TarInfo, notes: Notes) -> str | None:
    """The path of a plain file inside the archive; None for what is none."""
    if member.isdir():
        return None
    if not member.isreg():
        notes.skip("it is a link, a device or a pipe")
        return None
    name = member.name.replace("\\", "/").removeprefix("./")
    parts = name.split("/")
    if (
        name.startswith("/")
        or ".." in parts
        or (":" in parts[0] and len(parts[0]) == 2)
        or len(name) > LONGEST_NAME
        or "\0" in name
    ):
        notes.skip("its name points outside")
        return None
    return "/".join(p for p in parts if p not in ("", "."))


def walk(folder: Path, limits: Limits, wanted: Callable[[str], bool], notes: Notes) -> Iterator[tuple[str, bytes]]:
    """The plain files of a folder; links are not followed."""
    kept = count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            path = Path(place, name)
            shown = path.relative_to(folder).as_posix()
            if count > limits.files or kept > limits.kept:
                notes.lines.append("The rest of the folder was not read: it holds too much.")
                return
            if not wanted(shown):
                continue
            try:
                about = path.lstat()
                if not stat.S_ISREG(about.st_mode):
                    notes.skip("it is a link, a device or a pipe")
                elif about.st_size > limits.one:
                    notes.skip(f"it is larger than {limits.one // 1_000_000} MB")
                else:
                    kept += about.st_size
                    yield shown, path.read_bytes()
            except OSError as why:
                notes.skip(f"{why.strerror or why}")


def refuse_encrypted(path: Path, head: bytes) -> None:
    """Raise UsageError where a file is encrypted, with the command that opens it."""
    tool = next((tool for begin, tool in ENCRYPTED if head.startswith(begin)), "")
    if tool:
        out = path.with_suffix("") if path.suffix in (".age", ".gpg") else path.with_name(f"{path.name}.tar.gz")
        raise UsageError(f"{path} is encrypted with {tool}.", do=f"Decrypt it first: `{tool} -d -o {out} {path}`.")
