"""The namespaces that `scan` and `gate` are asked about: their names, one look at them, and that they exist."""

from __future__ import annotations

import argparse
import difflib
import gc
import time

import msgspec

from meshdoctor.collect.live import collect
from meshdoctor.commands.session import Waiting, open_api, options, run_async
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.errors import ClusterError, UsageError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from meshdoctor.reports.unseen import way_out


def asked_for(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Those that the flags name; none is all. A single one is also where to look when not all may be listed."""
    names = tuple(arguments.namespaces or ([arguments.namespace] if arguments.namespace else []))
    arguments.namespace = names[0] if len(names) == 1 else None
    return names


def look_at(arguments: argparse.Namespace, names: tuple[str, ...], *, history: bool = False) -> tuple[Mesh, float]:
    """One snapshot in which each of them is tested, and the seconds it took; `history`: also who sent plain text before."""
    gc.disable()  # tens of thousands of objects are made and none let go: passes over them are wasted
    began = time.perf_counter()
    with Waiting(colour=not arguments.no_color) as waiting:
        mesh = run_async(_look(arguments, names, history, waiting))
    return mesh, time.perf_counter() - began


async def _look(arguments: argparse.Namespace, names: tuple[str, ...], history: bool, waiting: Waiting) -> Mesh:
    async with open_api(arguments) as api:
        return await collect(api, msgspec.structs.replace(options(arguments, api), tested=names, history=history), waiting)


def known_namespaces(mesh: Mesh, names: tuple[str, ...]) -> None:
    """Raises UsageError, with near names, for a namespace that does not exist; ClusterError where none could be read."""
    try:
        known = [n.name for n in mesh[Namespace]]
    except Unseen as unseen:
        reason = unseen.source.reason or unseen.source.state
        what, means = f"Namespaces could not be read: {reason}.", "Their labels decide who is in the mesh."
        raise ClusterError(what, means, " ".join(way_out([unseen.source]))) from unseen
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5)
            raise UsageError(f"There is no namespace {name!r}.", f"Near: {', '.join(near)}." if near else "")
