"""One write of a plan of several: worked out on the live object, tried out, written through the engine, kept in the journal."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec

from meshdoctor.fixes.engine import execute, permit, read, try_out
from meshdoctor.fixes.journal import Entry, Journal
from meshdoctor.fixes.kept import holds_of, operations
from meshdoctor.fixes.owner import Owner, owner_of
from meshdoctor.fixes.patch import Object, difference, ours
from meshdoctor.fixes.place import Place, place_of
from meshdoctor.fixes.plan import precondition, sentences
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.writing import Write
from meshdoctor.model.errors import UsageError
from meshdoctor.model.subject import Subject

Edit = Callable[[Object], None]
"""Changes a copy of the live object."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Of which plan a step is: its name in the journal, what the whole is about, and the command that goes on with it."""

    name: str
    fix: str
    about: Subject
    again: str


class Step(msgspec.Struct, kw_only=True):
    """A write. `before` is None for a creation, `after` for a deletion; `stored` is what the API server would make of it."""

    title: str
    place: Place
    before: Object | None
    after: Object | None
    write: Write
    stored: Object | None = None
    owner: Owner | None = None

    @property
    def target(self) -> Subject:
        return self.place.subject

    @property
    def words(self) -> tuple[str, ...]:
        """What it does, in words."""
        if self.before is None:
            return (f"create {self.target}",)
        if self.after is None:
            return (f"delete {self.target}",)
        return tuple(sentences(operations(self.before, self.after), self.before))


async def changing(api: ApiClient, target: Subject, title: str, edit: Edit) -> Step | None:
    """The step that edits an object; None where it is so already. Raises UsageError where it is gone."""
    place = place_of(await api.discover(), target)
    before = await read(api, place.path)
    if before is None:
        raise UsageError(f"{target} is gone.", do="Look again.")
    after = copy.deepcopy(before)
    edit(after)
    done = difference(ours(before), ours(after))
    if not done:
        return None
    write = Write(verb="patch", path=place.path, body=[precondition(before["metadata"]["resourceVersion"]), *done])
    return Step(title=title, place=place, before=before, after=after, write=write, owner=owner_of(before))


async def creating(api: ApiClient, target: Subject, title: str, made: Object) -> Step:
    """The step that makes an object; `apiVersion` is the served one."""
    place = place_of(await api.discover(), target)
    thing = {**made, "apiVersion": place.api_version}
    return Step(title=title, place=place, before=None, after=thing, write=Write(verb="create", path=place.collection, body=thing))


async def deleting(api: ApiClient, target: Subject, title: str) -> Step | None:
    """The step that removes an object; None where it is gone already."""
    place = place_of(await api.discover(), target)
    before = await read(api, place.path)
    if before is None:
        return None
    meta = before["metadata"]
    preconditions = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
    write = Write(verb="delete", path=place.path, body=body)
    return Step(title=title, place=place, before=before, after=None, write=write, owner=owner_of(before))


async def tried(api: ApiClient, step: Step) -> Step:
    """The step after permission and the server-side dry run. Raises Refused."""
    await permit(api, step.write, step.target, step.place.resource)
    answered = await try_out(api, step.write)
    return msgspec.structs.replace(step, stored=None if step.write.verb == "delete" else answered)


async def taken(api: ApiClient, journal: Journal, step: Step, part: Part) -> Entry:
    """Write it, once. Raises Refused, Unclear."""
    words = {"problem": "", "fix": part.fix, "title": step.title, "finding": "", "subject": part.about}
    holds = await holds_of(
        api, step.place, step.write, step.before, step.after, step.stored, **words, plan=part.name, again=part.again
    )
    entry, _ = await execute(api, journal, step.write, holds)
    return entry
