"""What the journal keeps of a write: all that it takes to settle and to undo it from another process."""

from __future__ import annotations

from typing import Any

from meshdoctor.fixes.engine import read, takes_back
from meshdoctor.fixes.journal import Holds
from meshdoctor.fixes.patch import Object, Operation, difference, digest, ours
from meshdoctor.fixes.place import Place
from meshdoctor.fixes.undo import restorable
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.writing import Write
from meshdoctor.model.errors import MeshdoctorError


async def holds_of(
    api: ApiClient, place: Place, write: Write, before: Object | None, after: Object | None, stored: Object | None, **words: Any
) -> Holds:
    """`after` is what is planned, `stored` what the API server would make of it; `words` say what the write is for."""
    who, verb, target = api.credentials, write.verb, place.subject
    meta = (before or {}).get("metadata", {})
    is_copied = verb == "delete" and target.kind != "Pod" and before is not None  # a pod is made anew by its owner
    return Holds(
        **words,
        target=target,
        context=who.context,
        server=who.server,
        cluster=await cluster_of(api),
        verb=verb,
        path=place.path,
        collection=place.collection,
        operations=operations(before, after),
        back=takes_back(stored, before) if verb == "patch" and stored and before else (),
        saved=restorable(before) if is_copied and before else None,
        uid=str(meta.get("uid", "")),
        version=str(meta.get("resourceVersion", "")),
        digest_before=digest(before or {}),
        digest_after=digest(stored or {}),
        undoable=target.kind != "Pod",
    )


def operations(before: Object | None, after: Object | None) -> tuple[Operation, ...]:
    """The JSON patch between two states of an object, without the precondition."""
    return () if before is None or after is None else tuple(difference(ours(before), ours(after)))


async def cluster_of(api: ApiClient) -> str:
    """The uid of namespace kube-system, which names a cluster for life; empty where it may not be read."""
    try:
        found: Object | None = await read(api, "/api/v1/namespaces/kube-system")
    except MeshdoctorError:
        return ""
    return str((found or {}).get("metadata", {}).get("uid", ""))
