"""Files, folders, patterns and standard input as text; what cannot be read is told and leaves the others."""

from __future__ import annotations

import codecs
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from meshdoctor.model.manifest import Complaint, file_subject

SUFFIXES = {".yaml", ".yml", ".json"}
LARGEST = 50_000_000
STDIN = "stdin"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Text(msgspec.Struct):
    """What one file holds."""

    name: str
    text: str


class Skipped(msgspec.Struct):
    """What was left out on purpose, as a sentence."""

    says: str


Input = Text | Complaint | Skipped


def inputs(paths: Iterable[str]) -> Iterator[Input]:
    """Each file that the paths name, once, in their order; folders recursively, sorted by name."""
    seen: set[str] = set()
    for found in _found(paths):
        if isinstance(found, str):
            if (key := found if found == "-" else os.path.realpath(found)) not in seen:
                seen.add(key)
                yield _read(found)
        else:
            yield found


def _found(paths: Iterable[str]) -> Iterator[str | Complaint | Skipped]:
    for path in paths:
        if path == "-":
            yield path
        elif os.path.isdir(path):
            yield from _folder(path)
        elif os.path.lexists(path) or not glob.has_magic(path):
            yield path
        else:
            yield from _pattern(path)


def _pattern(path: str) -> Iterator[str | Complaint | Skipped]:
    """A pattern that the shell left as it was."""
    matched = sorted(glob.glob(path, recursive=True))
    if not matched:
        yield _complaint(path, "no file matches this pattern")
    for each in matched:
        if os.path.isdir(each):
            yield from _folder(each)
        elif Path(each).suffix.lower() in SUFFIXES:
            yield each


def _folder(path: str) -> Iterator[str | Complaint | Skipped]:
    denied: list[OSError] = []
    for folder, below, names in os.walk(path, onerror=denied.append):
        below[:] = sorted(b for b in below if not b.startswith("."))
        if "templates" in below and "Chart.yaml" in names:
            below.remove("templates")
            yield Skipped(f"{folder} is a Helm chart: its templates are checked as `helm template {folder} | meshdoctor check -`")
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and os.path.isfile(whole := os.path.join(folder, name)):
                yield whole
    for why in denied:
        yield _complaint(str(why.filename or path), f"the folder could not be read: {why.strerror}")


def _read(path: str) -> Input:
    name = STDIN if path == "-" else _shown(path)
    try:
        if path == "-":
            raw = _bounded(sys.stdin.buffer) if hasattr(sys.stdin, "buffer") else sys.stdin.read().encode()
        else:
            with open(path, "rb") as file:
                raw = _bounded(file)
    except (OSError, ValueError) as why:
        return _complaint(name, f"could not be read: {getattr(why, 'strerror', None) or why}")
    if len(raw) > LARGEST:
        return _complaint(name, f"is larger than {LARGEST // 1_000_000} MB: no file of manifests; split it")
    return _text(name, raw)


def _bounded(file: BinaryIO) -> bytes:
    return file.read(LARGEST + 1)


def _text(name: str, raw: bytes) -> Input:
    encoding = next((e for mark, e in _MARKS if raw.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in raw:
        line, column = _place(raw, raw.index(b"\0"))
        return _complaint(name, "is binary, not text: it has a byte 0", line, column)
    try:
        return Text(name, raw.decode(encoding))
    except UnicodeDecodeError as why:
        line, column = _place(raw, why.start)
        return _complaint(name, f"is not {encoding.removesuffix('-sig').upper()} text: byte {why.start}", line, column)


def _shown(path: str) -> str:
    """A file name as text: one that is not UTF-8 could not be printed."""
    return os.fsencode(path).decode("utf-8", "replace")


def _place(raw: bytes, index: int) -> tuple[int, int]:
    return raw.count(b"\n", 0, index) + 1, index - (raw.rfind(b"\n", 0, index) + 1) + 1


def _complaint(name: str, says: str, line: int | None = None, column: int | None = None) -> Complaint:
    name = _shown(name)
    return Complaint(wrong="unread", subject=file_subject(name), says=f"{name} {says}", file=name, line=line, column=column)
