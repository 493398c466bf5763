"""Copying out: OSC 52 through the terminal, and the system's own clipboard command where there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil

from meshdoctor.model.redact import redact as safe  # what is copied goes into chats and tickets

__all__ = ["copy_native", "native", "safe"]
COMMANDS = (
    ("pbcopy", (), ""),
    ("wl-copy", (), "WAYLAND_DISPLAY"),
    ("xclip", ("-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("--clipboard", "--input"), "DISPLAY"),
)


def native() -> tuple[str, ...]:
    """The clipboard command of this desktop; none over ssh, where it would fill the wrong machine's clipboard."""
    if os.environ.get("SSH_CONNECTION"):
        return ()
    for name, arguments, needs in COMMANDS:
        if (not needs or os.environ.get(needs)) and (path := shutil.which(name)):
            return (path, *arguments)
    return ()


async def copy_native(text: str) -> None:
    """Hand the text to the desktop's command, for two seconds at most. Failing is no error: OSC 52 was sent as well."""
    command = native()
    if not command:
        return
    with contextlib.suppress(OSError, TimeoutError):
        null = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=null, stderr=null)
        await asyncio.wait_for(process.communicate(text.encode()), timeout=2)
