"""`meshdoctor scan`: how far each namespace is on its way into the mesh."""

from __future__ import annotations

import argparse
import logging
import sys

from meshdoctor.commands.namespaces import asked_for, known_namespaces, look_at
from meshdoctor.commands.safely import state_folder
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.diagnosis import judge
from meshdoctor.model.findings import Status
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.onboarding import Scan, State
from meshdoctor.onboarding import last
from meshdoctor.onboarding.scan import scan
from meshdoctor.reports import onboarding
from meshdoctor.reports.exit_codes import FAILED, NOT_SEEN, OK, WARNED

log = logging.getLogger("meshdoctor")


def run(arguments: argparse.Namespace) -> int:
    """Look once, judge every namespace, compare with the last scan, print."""
    names = asked_for(arguments)
    mesh, seconds = look_at(arguments, names, history=True)
    found = scanned(mesh, names, seconds)
    if not (arguments.demo or arguments.bundle):  # a recording has no last time
        found = _since_last(found, everything=not names)
    print(FORMATS[arguments.output](found, arguments), end="")
    return exit_code(found, strict=arguments.strict)


def scanned(mesh: Mesh, names: tuple[str, ...], seconds: float) -> Scan:
    """The scan of a snapshot. Raises UsageError for a namespace that does not exist, ClusterError where none was read."""
    known_namespaces(mesh, names)
    return scan(mesh, judge(mesh, collect_seconds=seconds), names)


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
