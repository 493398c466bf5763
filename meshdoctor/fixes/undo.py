"""Takes a write back, at any time later and from any process: what it takes is in the journal."""

from __future__ import annotations

import copy
from typing import Any

from meshdoctor.fixes import paths
from meshdoctor.fixes.engine import Refused, holds_still, read
from meshdoctor.fixes.journal import Entry, Holds
from meshdoctor.fixes.patch import Object, applied, digest, ours
from meshdoctor.fixes.plan import precondition
from meshdoctor.fixes.refusals import Refusal
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.consent import MANAGER
from meshdoctor.kube.writing import Write

ISTIOD = "pilot-discovery"  # istiod's field manager
SERVERS_OWN = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


async def undo_of(api: ApiClient, entry: Entry) -> tuple[Write, Holds, Object | None, Object | None]:
    """What takes an entry back: the write, what the journal keeps of it, and the object before and after. Raises Refused."""
    if not entry.is_applied:
        raise _not(f"Entry {entry.id} was not written: there is nothing to take back.")
    if entry.undone_by:
        raise _not(f"Entry {entry.id} was taken back by {entry.undone_by} already.")
    if not entry.holds.undoable:
        raise _not(f"Entry {entry.id} cannot be taken back: {entry.holds.title}.")
    live = await read(api, entry.holds.path)
    match entry.holds.verb:
        case "patch":
            return _patched_back(entry, live)
        case "create":
            return _unmade(entry, live)
        case "delete":
            return _made_again(entry, live)


def _patched_back(entry: Entry, live: Object | None) -> tuple[Write, Holds, Object | None, Object | None]:
    holds = entry.holds
    if live is None or live["metadata"]["uid"] != holds.uid:
        raise _not(f"{holds.target} is gone{' and was made anew' if live else ''} since: it is left alone.")
    if digest(live) != entry.digest and not holds_still(live, holds.operations):
        raise Refused(
            Refusal(
                "changed",
                f"{holds.target} was changed at the same places since: taking entry {entry.id} back would run over that.",
                "Look at the object, and change it by hand.",
            )
        )
    try:
        after = applied(ours(live), list(holds.back))
    except paths.NoPlace as why:
        raise _not(f"{holds.target} has no {why} any more: it is left alone.") from why
    write = Write(verb="patch", path=holds.path, body=[precondition(live["metadata"]["resourceVersion"]), *holds.back])
    return write, _kept(entry, "patch", live, after, operations=holds.back, back=holds.operations), live, after


def _unmade(entry: Entry, live: Object | None) -> tuple[Write, Holds, Object | None, Object | None]:
    if live is None or live["metadata"]["uid"] != entry.uid:
        raise _not(f"{entry.holds.target}, which entry {entry.id} made, is gone.")
    if digest(live) != entry.digest and not _only_completed(live):
        raise Refused(
            Refusal("changed", f"{entry.holds.target} was changed since it was made.", "Look at it, and delete it by hand.")
        )
    meta = live["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
    }
    write = Write(verb="delete", path=entry.holds.path, body=body)
    return write, _kept(entry, "delete", live, None, saved=restorable(live)), live, None


def _only_completed(live: Object) -> bool:
    """Whether nobody but us and istiod, which fills in certificates, ever wrote the object."""
    writers = {str(m.get("manager")) for m in live["metadata"].get("managedFields") or () if m.get("subresource") != "status"}
    return bool(writers) and writers <= {MANAGER, ISTIOD}


def _made_again(entry: Entry, live: Object | None) -> tuple[Write, Holds, Object | None, Object | None]:
    saved = entry.holds.saved
    if live is not None:
        raise Refused(
            Refusal(
                "exists",
                f"There is a {entry.holds.target} again: it is left alone.",
                "Compare it with the journal's, and decide by hand.",
            )
        )
    if saved is None:
        raise _not(f"Entry {entry.id} kept no copy of {entry.holds.target}.")
    write = Write(verb="create", path=entry.holds.collection, body=saved)
    return write, _kept(entry, "create", None, saved, saved=saved), None, saved


def _kept(entry: Entry, verb: Any, before: Object | None, after: Object | None, **more: Any) -> Holds:
    """The journal's words for the taking back."""
    holds = entry.holds
    meta = (before or {}).get("metadata", {})
    return Holds(
        problem=holds.problem,
        plan=holds.plan,
        fix=holds.fix,
        title=f"Take back: {holds.title}",
        finding=holds.finding,
        subject=holds.subject,
        target=holds.target,
        context=holds.context,
        server=holds.server,
        cluster=holds.cluster,
        verb=verb,
        path=holds.path,
        collection=holds.collection,
        uid=str(meta.get("uid", "")),
        version=str(meta.get("resourceVersion", "")),
        digest_before=digest(before or {}),
        digest_after=digest(after or {}),
        undoes=entry.id,
        undoable=False,
        **more,
    )


def restorable(thing: Object) -> Object:
    """A copy that can be created again: without status and what the API server gives."""
    made = copy.deepcopy({k: v for k, v in thing.items() if k != "status"})
    made["metadata"] = {k: v for k, v in made["metadata"].items() if k not in SERVERS_OWN}
    return made


def _not(says: str) -> Refused:
    return Refused(Refusal("not-undoable", says))
