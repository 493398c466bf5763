"""`meshdoctor serve FILE`: a bundle as a read-only Kubernetes API on this machine."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from meshdoctor.bundle.opening import Opened, open_bundle
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.commands.session import run_async
from meshdoctor.model.errors import UsageError
from meshdoctor.model.text import plain


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    opened = open_bundle(Path(arguments.file))
    for note in opened.notes:
        print(f"meshdoctor: {plain(note, 400)}", file=sys.stderr)
    run_async(_serve(opened, arguments))
    return 0


async def _serve(opened: Opened, arguments: argparse.Namespace) -> None:
    name = f"bundle/{opened.path.name}"
    try:
        async with ReplayServer(opened.recording, port=arguments.port) as server:
            path, temporary = _kubeconfig(server.kubeconfig(name), arguments.write_kubeconfig)
            print(f"{plain(opened.recording.title, 200)}, served at {server.url}, read-only. Ctrl-C ends it.\n", flush=True)
            print(f"export KUBECONFIG={path}\nkubectl get pods -A\nistioctl analyze -A\nmeshdoctor", flush=True)
            try:
                await asyncio.Event().wait()
            finally:
                if temporary:
                    path.unlink(missing_ok=True)
    except OSError as why:
        raise UsageError(
            f"Nothing can be served on port {arguments.port}: {why.strerror or why}.", do="Name another --port."
        ) from why


def _kubeconfig(text: str, wanted: str | None) -> tuple[Path, bool]:
    """The file, and whether it goes away with the server."""
    if wanted is None:
        made, name = tempfile.mkstemp(prefix="meshdoctor-", suffix=".kubeconfig")
        with os.fdopen(made, "w") as file:
            file.write(text)
        return Path(name), True
    path = Path(wanted)
    try:
        path.write_text(text)
    except OSError as why:
        raise UsageError(f"The kubeconfig {path} could not be written: {why.strerror}.", do="Name another file.") from why
    return path.absolute(), False
