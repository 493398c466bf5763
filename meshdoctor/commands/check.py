"""`meshdoctor check`: the findings alone, of manifests, of the live mesh, or of the mesh as manifests would make it."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import Given, read
from meshdoctor.commands.terminal import wants_colour, width
from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.mesh import Mesh
from meshdoctor.preview import finding_changes, preview
from meshdoctor.reports.exit_codes import exit_code
from meshdoctor.triage import baseline, suppressions_file
from meshdoctor.triage.suppress import Suppression, suppress

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Callable[[Diagnosis, argparse.Namespace, Given], str]


def run(arguments: argparse.Namespace) -> int:
    """Judge, leave out what is suppressed or known, print."""
    gc.disable()  # objects are made and none let go: passes over them are wasted
    written = _suppressions(arguments.suppressions)
    known = _known(arguments.baseline)
    began = time.perf_counter()
    given = read(arguments.paths, arguments.namespace or "") if arguments.paths else Given()
    before, mesh = _meshes(given, arguments)
    found = judge(mesh, collect_seconds=time.perf_counter() - began, namespace=arguments.namespace)
    found = suppress(found, mesh, written)
    if before is not None:
        former = suppress(judge(before, namespace=arguments.namespace), before, written)
        made = preview(before, mesh, given.things, finding_changes(former, found))
        found = msgspec.structs.replace(found, changes=made)
    if known is not None:
        found = baseline.new_since(found, known)
    print(FORMATS[arguments.output](found, arguments, given), end="")
    return exit_code(found, strict=arguments.strict)


def _meshes(given: Given, arguments: argparse.Namespace) -> tuple[Mesh | None, Mesh]:
    """What to judge, and before it the mesh as it is where the manifests go over one; PATH alone needs no cluster."""
    if arguments.paths and not (arguments.live or arguments.demo or arguments.bundle):
        return None, mesh_of_manifests(given)
    from meshdoctor.commands.session import looked

    mesh, _ = looked(arguments, fields=True)
    if not arguments.paths:
        return None, mesh
    nowhere = [t for t in given.things if t.NAMESPACED and not t.namespace]
    notes = [f"{t.subject} has no namespace, so nothing of the mesh meets it: give -n" for t in nowhere[:3]]
    return mesh, mesh.overlaid(given.things, manifests=given.manifests, complaints=given.complaints, notes=[*given.notes, *notes])


def _suppressions(name: str | None) -> Sequence[Suppression]:
    """Those of the file that was named, else of the one in the working folder."""
    path = Path(name or suppressions_file.DEFAULT)
    if name is None and not path.exists():
        return ()
    from probes.registry import all_probes

    known = {n.upper() for p in all_probes() for n in (p.code, p.problem or "", *p.codes) if n}
    return suppressions_file.read(_bytes(path, "suppressions"), str(path), known)


def _known(name: str | None) -> frozenset[str] | None:
    return None if name is None else baseline.known_ids(_bytes(Path(name), "baseline"), name)


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise UsageError(f"The {what} {path} could not be read: {why.strerror}.", do="Name a file that exists.") from why


def _text(found: Diagnosis, arguments: argparse.Namespace, given: Given) -> str:
    from meshdoctor.reports import text

    return text.findings(found, colour=wants_colour(arguments), width=width(), line=given.line)


def _json(found: Diagnosis, _: argparse.Namespace, __: Given) -> str:
    from meshdoctor.reports import schema

    return schema.encode(schema.findings(found)) + "\n"


def _junit(found: Diagnosis, arguments: argparse.Namespace, _: Given) -> str:
    from meshdoctor.reports import junit

    return junit.findings(found, strict=arguments.strict)


def _sarif(found: Diagnosis, _: argparse.Namespace, __: Given) -> str:
    from meshdoctor.reports import sarif

    return sarif.findings(found)


def _markdown(found: Diagnosis, _: argparse.Namespace, __: Given) -> str:
    from meshdoctor.reports import markdown

    return markdown.findings(found)


def _github(found: Diagnosis, _: argparse.Namespace, __: Given) -> str:
    from meshdoctor.reports import github

    return github.findings(found)


def _html(found: Diagnosis, _: argparse.Namespace, __: Given) -> str:
    from meshdoctor.reports import html

    return html.findings(found)


FORMATS: dict[str, Format] = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "sarif": _sarif,
    "markdown": _markdown,
    "github": _github,
    "html": _html,
}
