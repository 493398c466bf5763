"""A very large list in parts: the API server writes each answer on one of its cores, so that parts at once are quicker.

10,000 pods (165 MB) on two cores: 1.0 to 1.6 s in parts, 1.9 to 2.4 s in one answer. A part is a namespace, from the
watch cache as the whole would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from meshdoctor.kube.listing import Lister, Listing
from meshdoctor.kube.session import Session
from meshdoctor.kube.splitting import ListMeta
from meshdoctor.model.base import KubernetesObject

K = TypeVar("K", bound=KubernetesObject)
T = TypeVar("T")

AT_ONCE = 3


class _Head(msgspec.Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] | None = None


async def count_of(session: Session, path: str) -> int:
    """How many objects a collection has, from a page of one; 0 where the API server does not say."""
    body, _ = await session.fetch(path, {"limit": "1"})
    head = msgspec.json.decode(body, type=_Head)
    return len(head.items or ()) + (head.metadata.remaining_item_count or 0)


async def list_parts(session: Session, kind: type[K], paths: Sequence[str]) -> Listing[K]:
    """The objects of several collections of one kind. Raises what any of them raises."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> Listing[K]:
        async with gate:
            return await Lister(session, kind, path, {}, metadata_only=False).run()

    parts = await together([asyncio.create_task(one(path)) for path in paths])
    return Listing(
        tuple(o for p in parts for o in p.objects),
        oldest([p.resource_version for p in parts]),
        tuple(s for p in parts for s in p.skipped),
        sum(p.bytes for p in parts),
    )


async def together(tasks: Iterable[asyncio.Task[T]]) -> list[T]:
    """What all tasks give; the first failure ends the others and is raised as it is."""
    waiting = list(tasks)
    try:
        return await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()


def oldest(versions: Sequence[str]) -> str:
    """The version from which a watch misses nothing of any part."""
    return min(versions, key=lambda v: (not v.isdecimal(), int(v) if v.isdecimal() else 0), default="")
