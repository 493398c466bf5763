"""`meshdoctor check`: the findings alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from meshdoctor.commands.session import Waiting, look, run_async
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.reports.exit_codes import exit_code


def run(arguments: argparse.Namespace) -> int:
    """Judge the live mesh, or manifests."""
    if arguments.paths and (arguments.live or arguments.demo):
        raise UsageError("PATH and --live cannot be combined yet.", do="Give one of them.")
    if not arguments.paths:
        return _live(arguments)
    return _report(_of_files(arguments.paths), 0.0, arguments)


def _live(arguments: argparse.Namespace) -> int:
    waiting = Waiting(colour=not arguments.no_color)
    try:
        mesh, seconds = run_async(look(arguments, waiting))
    finally:
        waiting.stop()
    return _report(mesh, seconds, arguments)


def _report(mesh: Mesh, seconds: float, arguments: argparse.Namespace) -> int:
    found = judge(mesh, collect_seconds=seconds, namespace=arguments.namespace)
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode(schema.findings(found)))
    else:
        from meshdoctor.reports import text

        print(text.findings(found, colour=wants_colour(arguments), width=width()), end="")
    return exit_code(found, strict=arguments.strict)


def _of_files(paths: list[str]) -> Mesh:
    from meshdoctor.collect.files import mesh_of

    return mesh_of("\n---\n".join(_text(p) for p in paths))


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    place = Path(path)
    files = sorted(f for f in place.rglob("*") if f.suffix in {".yaml", ".yml", ".json"}) if place.is_dir() else [place]
    try:
        return "\n---\n".join(f.read_text("utf-8") for f in files)
    except (OSError, UnicodeDecodeError) as why:
        raise UsageError(f"{path} could not be read: {why}.", do="Name files or folders of manifests.") from why
