"""Files that have no name until they are complete: whatever happens before leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from meshdoctor.model.errors import MeshdoctorError

READABLE = 0o600
UNSUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.EISDIR}  # there are no nameless files here


class NotWritten(MeshdoctorError):
    """The file could not be written; there is none, not even a part of one."""


@contextlib.contextmanager
def nameless(folder: Path) -> Iterator[BinaryIO]:
    """A file in a folder that goes away when it is closed, unless it was published. Where the file system has no such
    files, one whose name begins with a dot."""
    flag = getattr(os, "O_TMPFILE", 0)
    if flag:
        try:
            opened = os.open(folder, os.O_RDWR | flag | os.O_CLOEXEC, READABLE)
        except OSError as why:
            if why.errno not in UNSUPPORTED:
                raise
        else:
            with os.fdopen(opened, "w+b") as file:
                yield file
            return
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".meshdoctor-") as named:
        yield cast("BinaryIO", named)


def publish(file: BinaryIO, path: Path) -> None:
    """Give a complete file its name in one step, in the place of what had that name."""
    file.flush()
    os.fsync(file.fileno())
    step = path.with_name(f".{path.name}.{os.getpid()}")
    source = f"/proc/self/fd/{file.fileno()}"
    named = getattr(file, "name", None)
    if isinstance(named, str) and os.path.exists(named):
        source = named
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.link(source, step, src_dir_fd=folder)  # with a folder given, the link in /proc is followed
        try:
            os.replace(step, path)
        except OSError:
            os.unlink(step)
            raise
        os.fsync(folder)  # the name itself reaches the disk
    finally:
        os.close(folder)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into one line."""
    try:
        yield
    except OSError as why:
        raise NotWritten(
            f"{path} was not written: {why.strerror or why}.",
            "No file was left behind, not even a part of one.",
            "Name another place with -o.",
        ) from why
