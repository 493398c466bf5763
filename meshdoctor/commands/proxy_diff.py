"""`meshdoctor proxy POD diff`: what istiod wants a proxy to have against what its Envoy has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from meshdoctor.collect.istiods import PORT
from meshdoctor.collect.proxies import ADMIN
from meshdoctor.istio.dumps import Compared, compare
from meshdoctor.istio.sync import proxy_rows
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import ClusterError
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod

HEAD = ("", "RESOURCE", "NAME", "STATE", "WHERE", "ISTIOD WANTS", "ENVOY HAS")
GLYPHS = {"same": "●", "differs": "✖", "missing": "✖", "extra": "▲"}
SAYS = {"same": "as istiod wants it", "differs": "differs", "missing": "not at Envoy", "extra": "unknown to istiod"}
PARTS = ("dynamic_active_clusters", "dynamic_listeners", "dynamic_route_configs")
PUSH = 1.0  # seconds after which a push that came between the two answers has arrived


async def diff(api: ApiClient, mesh: Mesh, pod: Pod, limit: int | None) -> tuple[Sequence[str], list[Sequence[object]]]:
    """The table. What differs is asked for once more: a push may have come between the two answers."""
    found = await _ask(api, mesh, pod, limit)
    if any(c.state != "same" for c in found):
        await asyncio.sleep(PUSH)
        found = await _ask(api, mesh, pod, limit)
    return HEAD, [row for each in found for row in _rows(each)]


def differing(rows: list[Sequence[object]]) -> list[Sequence[object]]:
    """The rows that differ; where none does, one that says so."""
    different = [r for r in rows if r[0] != GLYPHS["same"]]
    return different or [(GLYPHS["same"], "", f"{len(rows)} resources", SAYS["same"], "", "", "")]


def _rows(each: Compared) -> list[Sequence[object]]:
    head = (GLYPHS[each.state], each.kind, each.name, SAYS[each.state])
    return [(*head, p.path, p.desired, p.actual) for p in each.places] or [(*head, "", "", "")]


async def _ask(api: ApiClient, mesh: Mesh, pod: Pod, limit: int | None) -> tuple[Compared, ...]:
    row = next((r for r in proxy_rows(mesh) if (r.namespace, r.name) == (pod.namespace, pod.name)), None)
    where = next((i.namespace for i in mesh.istiods if row is not None and i.name == row.istiod), "")
    if row is None or not row.istiod or not where:
        raise ClusterError(f"{pod.subject} is connected to no istiod: nobody knows what it should have.")
    path = f"/debug/config_dump?proxyID={quote(f'{pod.name}.{pod.namespace}')}"
    of_istiod = api.pod_get(where, row.istiod, PORT, path, container="discovery")
    wanted, actual = await asyncio.gather(of_istiod, _of_envoy(api, pod, limit))
    return compare(_decoded(wanted.body, f"istiod {row.istiod}"), actual)


async def _of_envoy(api: ApiClient, pod: Pod, limit: int | None) -> dict[str, Any]:
    """Envoy's dump, a list at a time: one request a pod, and each no larger than it must be."""
    sections = []
    for part in PARTS:
        answer = await api.pod_get(pod.namespace, pod.name, ADMIN, f"/config_dump?resource={part}", limit=limit)
        found = _decoded(answer.body, f"Envoy of {pod.name}")
        sections.append({part: found.get("configs", []) if isinstance(found, dict) else []})
    return {"configs": sections}


def _decoded(body: bytes, who: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as why:
        raise ClusterError(f"{who} answered what is no config dump: {why}.") from why
