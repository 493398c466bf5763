"""What the fields of the mesh's own objects say: Istio's objects as the API server has them, for the rules of fields."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from meshdoctor.istio.fields.judged import JUDGES
from meshdoctor.kube.client import ApiClient, Discovery
from meshdoctor.kube.listing import collection_path
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.mesh import USABLE, Mesh

Kind = type[KubernetesObject]


class Bodies(msgspec.Struct):
    """A list as it came."""

    items: list[dict[str, Any]] = []


async def written(api: ApiClient, discovery: Discovery, mesh: Mesh) -> tuple[Manifest, ...]:
    """Istio's objects with all their fields; of a kind that cannot be read again, none."""
    judged = [k for k in mesh.kinds if (k.GROUP, k.KIND) in JUDGES and mesh.state(k) in USABLE and len(mesh[k])]
    found = await asyncio.gather(*(_read(api, discovery, k, mesh[k].source.namespaces) for k in judged))
    return tuple(m for those in found for m in those)


async def _read(api: ApiClient, discovery: Discovery, kind: Kind, namespaces: Sequence[str] | None) -> list[Manifest]:
    version = discovery.version_of(kind)
    path = collection_path(kind, version, namespaces[0] if namespaces else None)
    try:
        bodies = await api.get(path, Bodies, {"resourceVersion": "0"})
    except MeshdoctorError:
        return []  # the kind's own list says why
    api_version = f"{kind.GROUP}/{version}"
    return [_manifest(kind, api_version, body) for body in bodies.items if isinstance(body.get("metadata"), dict)]


def _manifest(kind: Kind, api_version: str, body: dict[str, Any]) -> Manifest:
    body = {**body, "apiVersion": api_version, "kind": kind.KIND}  # items of some lists do not say it
    body.pop("status", None)
    thing = msgspec.convert(body, kind, strict=False)
    return Manifest(subject=thing.subject, api_version=api_version, body=body, is_applied=True)
