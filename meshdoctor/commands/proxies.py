"""`meshdoctor proxies`: the sync state of every proxy, over all istiod replicas."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from meshdoctor.commands.session import looked
from meshdoctor.commands.terminal import wants_colour
from meshdoctor.istio.sync import ProxyRow, proxy_rows
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import plain
from meshdoctor.model.workloads import Pod
from meshdoctor.reports.tables import table


def run(arguments: argparse.Namespace) -> int:
    """Print one row a proxy; 2 where one is refused, stale or connected to nobody."""
    mesh, _ = looked(arguments)
    rows = [r for r in proxy_rows(mesh) if arguments.namespace in (None, r.namespace)]
    if arguments.output == "json":
        from meshdoctor.reports import schema

        print(schema.encode({"schema": "meshdoctor.proxies/v1", "proxies": [_json(r) for r in rows]}))
    else:
        head = ("", "NAMESPACE", "POD", "ISTIOD", "CDS", "LDS", "EDS", "RDS", "ECDS", "VERSION")
        lines = [(r.glyph, r.namespace, r.name, r.istiod or "none", *(r.word(k) for k in head[4:9]), r.version) for r in rows]
        print(table(head, lines, colour=wants_colour(arguments)), end="")
    unseen = [i for i in mesh.istiods if not i.has("syncz")]
    if unseen or not mesh.istiods:
        print(plain(f"meshdoctor: {_why(mesh, unseen)}", 600), file=sys.stderr)
    return 2 if any(r.bad for r in rows) else 3 if unseen or not mesh.istiods else 0


def _why(mesh: Mesh, unseen: list[Istiod]) -> str:
    """Why the sync state of some proxies is unknown."""
    if not unseen:
        partly = mesh[Pod].source
        where = f" where it may be looked for ({partly.reason})" if partly.namespaces is not None else ""
        return f"no istiod was found{where}, so no sync state is known."
    source = unseen[0].missing.get("syncz")
    reason = (source.reason if source else "") or "it did not answer"
    return f"{len(unseen)} of {len(mesh.istiods)} istiod replicas did not tell their sync state: {reason}."


def _json(row: ProxyRow) -> dict[str, Any]:
    return {
        "namespace": row.namespace,
        "name": row.name,
        "istiod": row.istiod or None,
        "version": row.version or None,
        "state": row.state,
        "types": row.states,
    }
