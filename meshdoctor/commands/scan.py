"""`meshdoctor scan`: how far each namespace is on its way into the mesh."""

from __future__ import annotations

import argparse
import difflib
import gc
import logging
import sys
import time

import msgspec

from meshdoctor.collect.live import collect
from meshdoctor.commands.safely import state_folder
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.diagnosis import judge
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.findings import Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import Scan, State
from meshdoctor.model.sources import Unseen
from meshdoctor.onboarding import last
from meshdoctor.onboarding.scan import scan
from meshdoctor.reports import onboarding
from meshdoctor.reports.exit_codes import FAILED, NOT_SEEN, OK, WARNED

log = logging.getLogger("meshdoctor")


def run(arguments: argparse.Namespace) -> int:
    """Look once, judge every namespace, compare with the last scan, print."""
    gc.disable()  # tens of thousands of objects are made and none let go: passes over them are wasted
    names = tuple(arguments.namespaces or ([arguments.namespace] if arguments.namespace else []))
    arguments.namespace = names[0] if len(names) == 1 else None  # where to look when not all may be listed
    waiting = Waiting(colour=not arguments.no_color)
    began = time.perf_counter()
    try:
        mesh = run_async(_look(arguments, names, waiting))
    finally:
        waiting.stop()
    seconds = time.perf_counter() - began
    found = scanned(mesh, names, seconds)
    if not (arguments.demo or arguments.bundle):  # a recording has no last time
        found = _since_last(found, everything=not names)
    print(FORMATS[arguments.output](found, arguments), end="")
    return exit_code(found, strict=arguments.strict)


async def _look(arguments: argparse.Namespace, names: tuple[str, ...], waiting: Waiting) -> Mesh:
    async with open_api(arguments) as api:
        wanted = msgspec.structs.replace(options(arguments, api), tested=names, history=True)
        return await collect(api, wanted, waiting)


def scanned(mesh: Mesh, names: tuple[str, ...], seconds: float) -> Scan:
    """The scan of a snapshot. Raises UsageError for a namespace that does not exist, ClusterError where none was read."""
    known_namespaces(mesh, names)
    return scan(mesh, judge(mesh, collect_seconds=seconds), names)


def known_namespaces(mesh: Mesh, names: tuple[str, ...]) -> None:
    """Raises UsageError, with near names, for a namespace that does not exist; ClusterError where none could be read."""
    try:
        known = [n.name for n in mesh[Namespace]]
    except Unseen as unseen:
        reason = unseen.source.reason or unseen.source.state
        raise ClusterError(f"Namespaces could not be read: {reason}.", "Their labels decide who is in the mesh.") from unseen
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5)
            raise UsageError(f"There is no namespace {name!r}.", f"Near: {', '.join(near)}." if near else "")


def _since_last(found: Scan, *, everything: bool) -> Scan:
    """The scan with what changed since the last one, which it replaces; a folder that cannot be written costs the diff only."""
    path = last.file_of(state_folder(), found.cluster)
    before = last.read(path)
    try:
        last.write(path, found, None if everything else before)
    except OSError as why:
        log.warning("the scan could not be kept: %s", why)
        print(f"meshdoctor: the scan could not be kept in {path.parent}: {why.strerror}.", file=sys.stderr)
    return last.compared(found, before, everything=everything)


def exit_code(found: Scan, *, strict: bool) -> int:
    """2 where a check fails in a namespace that is in the mesh; else 3 where a state or a blocking check is not known;
    else 1 with --strict and any warning; else 0."""
    inside = [n for n in found.namespaces if n.state not in (State.NOT_ENROLLED, State.EXEMPT)]
    if any(c.status is Status.FAIL for n in inside for c in n.checks):
        return FAILED
    if any(n.state is None or any(c.status is Status.UNKNOWN and c.weight == "blocking" for c in n.checks) for n in inside):
        return NOT_SEEN
    return WARNED if strict and any(c.status is Status.WARN for n in inside for c in n.checks) else OK


def _text(found: Scan, arguments: argparse.Namespace) -> str:
    return onboarding.text(found, colour=wants_colour(arguments), width=width())


def _json(found: Scan, _: argparse.Namespace) -> str:
    from meshdoctor.reports import schema

    return schema.encode(onboarding.as_json(found)) + "\n"


def _markdown(found: Scan, _: argparse.Namespace) -> str:
    return onboarding.markdown(found)


FORMATS = {"text": _text, "json": _json, "markdown": _markdown}
