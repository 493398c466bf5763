"""Encrypts a finished bundle with a tool that is installed: age or GPG."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import BinaryIO

from meshdoctor.model.errors import MeshdoctorError, UsageError

Seal = Callable[[BinaryIO, BinaryIO], None]
COMMANDS = {
    "age": ("age", "--encrypt", "--recipient"),
    "gpg": ("gpg", "--batch", "--no-tty", "--encrypt", "--output", "-", "--recipient"),
}


def sealer(wanted: str) -> tuple[Seal, str]:
    """What encrypts, and the suffix of the file, for `age:RECIPIENT` or `gpg:ID`. Raises UsageError where the tool is missing."""
    name, colon, recipient = wanted.partition(":")
    if name not in COMMANDS or not colon or not recipient or recipient.startswith("-"):
        raise UsageError(f"--encrypt {wanted!r} names no recipient.", do="Give age:RECIPIENT or gpg:ID.")
    tool = shutil.which(COMMANDS[name][0])
    if tool is None:
        raise UsageError(
            f"--encrypt {wanted!r} needs {name}, which is not installed.", do=f"Install {name}, or leave --encrypt out."
        )
    command = [tool, *COMMANDS[name][1:], recipient]

    def seal(plain: BinaryIO, sealed: BinaryIO) -> None:
        done = subprocess.run(command, stdin=plain, stdout=sealed, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise MeshdoctorError(
                f"The bundle was not written: {name} could not encrypt it: {words[-1] if words else done.returncode}.",
                do=f"See whether {name} knows {recipient}.",
            )

    return seal, f".{name}"
