"""`meshdoctor gate`: before and after a change, one verdict."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from meshdoctor.commands.namespaces import asked_for, known_namespaces, look_at
from meshdoctor.commands.terminal import width
from meshdoctor.diagnosis import judge
from meshdoctor.gate.gate import gate
from meshdoctor.gate.looked import Looked
from meshdoctor.model import kinds
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Status
from meshdoctor.model.gate import Gate, Moment
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import plain
from meshdoctor.reports import gate as report
from meshdoctor.reports.exit_codes import FAILED, NOT_SEEN, OK, WARNED


def run(arguments: argparse.Namespace) -> int:
    """Say what will be touched, look once, compare, print."""
    names = asked_for(arguments)
    before = read(arguments.before) if arguments.before else None
    names = names or (before.namespaces if before else ())
    touches = touched(names, active=arguments.active)
    for line in touches:
        print(f"meshdoctor: {plain(line, 600)}", file=sys.stderr)
    mesh, seconds = look_at(arguments, names)
    known_namespaces(mesh, names)
    if before is not None:
        _must_be_of(before, mesh)
    looked = Looked(mesh, judge(mesh, collect_seconds=seconds), names, before)
    found = gate(looked, touches)
    if arguments.save:
        save(Path(arguments.save), looked.now)
        print(f"meshdoctor: kept in {arguments.save}; afterwards: meshdoctor gate --before {arguments.save}", file=sys.stderr)
    print(printed(found, arguments), end="")
    return exit_code(found, strict=arguments.strict)


def touched(names: tuple[str, ...], *, active: bool) -> tuple[str, ...]:
    """What the gate will do, told before it does it."""
    where = ", ".join(names) or "the whole mesh"
    lists = len(kinds.LISTED) + len(kinds.METADATA_ONLY)
    reads = f"the gate of {where} only reads: {lists} kinds are listed, istiod and up to 20 workloads' proxies are asked."
    if not active:
        return (f"{reads} Nothing is created or changed, no request is sent to a workload.",)
    tested = ", ".join(names) or "up to 20 injected namespaces"
    return (reads, f"--active: a test pod is created with dryRun=All (nothing is stored) in {tested}.")


def read(name: str) -> Moment:
    """The moment in a file. Raises UsageError for one that is none."""
    try:
        return msgspec.json.decode(Path(name).read_bytes(), type=Moment)
    except OSError as why:
        raise UsageError(f"{name} cannot be read: {why.strerror}.", do="Save one first: meshdoctor gate --save FILE.") from why
    except msgspec.MsgspecError as why:
        raise UsageError(f"{name} is no saved gate: {why}.", do="Save one with this release: meshdoctor gate --save FILE.") from why


def save(path: Path, moment: Moment) -> None:
    """Write a moment in one step. Raises UsageError where that is not possible."""
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as why:
        raise UsageError(f"{path} cannot be written: {why.strerror}.") from why
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(moment), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as why:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise UsageError(f"{path} cannot be written: {why.strerror}.") from why


def _must_be_of(before: Moment, mesh: Mesh) -> None:
    """Raises UsageError where the moment before is another cluster's: neither its server nor its context is the same."""
    now = mesh.cluster
    if before.server and now.server and before.server != now.server and before.context != now.context:
        raise UsageError(
            f"The file was saved from {plain(before.server, 200)}, and this is {plain(now.server, 200)}.",
            do="Name the context that it was saved from.",
        )


def printed(found: Gate, arguments: argparse.Namespace) -> str:
    """The gate in the wanted format."""
    if arguments.output == "json":
        from meshdoctor.reports import schema

        return schema.encode(report.as_json(found)) + "\n"
    return report.text(found, width=width())


def exit_code(found: Gate, *, strict: bool) -> int:
    """2 any FAIL; else 3 where something was not seen; else 1 with --strict and any WARN; else 0."""
    statuses = {c.status for c in found.checks}
    if Status.FAIL in statuses:
        return FAILED
    if statuses & {Status.UNKNOWN, Status.ERROR}:
        return NOT_SEEN
    return WARNED if strict and Status.WARN in statuses else OK
