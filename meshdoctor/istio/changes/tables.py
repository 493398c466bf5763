"""What differs between two route tables of one host, match by match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.istio.routetable import Entry, Table, everything
from meshdoctor.model.changes import Effect, RouteChange, RouteEvent
from meshdoctor.model.subject import Subject

NOBODY = "no rule takes it: 404"


class Difference(msgspec.Struct, frozen=True):
    """One match that is answered otherwise. `after` and `before` are what takes it, None for nobody."""

    event: RouteEvent
    effect: Effect
    match: str
    says: str
    before: Entry | None
    after: Entry | None

    def change(self, **where: Any) -> RouteChange:
        """The change, at the host, gateway and port (or in the sidecars) that are given."""
        return RouteChange(
            event=self.event,
            effect=self.effect,
            match=self.match,
            says=self.says,
            by=(self.after.origin,) if self.after else (self.before.origin,) if self.before else (),
            before=_told(self.before) if self.before else None,
            after=_told(self.after) if self.after else None,
            **where,
        )


def differences(before: Table | None, after: Table) -> Iterator[Difference]:
    """What becomes of each match of both tables, and of all other requests; None: the host was not taken at all."""
    old = before or Table()
    yield from (_ignored(each, after) for each in after.ignored if each not in old.ignored)
    hidden = {e.key: e for e in _never_reached(after)}
    known = {e.key: e for e in _never_reached(old)}
    for key, entry in hidden.items():
        first = after.answer(entry)
        if first is not None and (key not in known or known[key].answer != entry.answer):
            yield _shadowed(old, entry, first)
    for key, request in _requests(old, after).items():
        was, now = old.answer(request), after.answer(request)
        if (was.answer if was else None) == (now.answer if now else None) or (key in hidden and key not in known):
            continue
        yield _difference(request, was, now, is_own=now is not None and now.key == key, was_own=was is not None and was.key == key)


def _ignored(which: Subject, after: Table) -> Difference:
    first = next(iter(after.entries), None)
    who = f"{first.origin} is older" if first else "another is older"
    match = everything("http").words
    return Difference("shadowed", "loses", match, f"{which} is not followed: {who}, and sidecars merge nothing", None, first)


def _requests(before: Table, after: Table) -> dict[str, Entry]:
    """The matches of both tables, and everything else where there was or is a default."""
    found = {e.key: e for e in (*before.entries, *after.entries)}
    for default in (*before.defaults, *after.defaults):
        found.setdefault(default.key, everything(default.kind))
    return found


def _never_reached(table: Table) -> Iterator[Entry]:
    for number, entry in enumerate(table.entries):
        if any(earlier.takes(entry) for earlier in table.entries[:number]):
            yield entry


def _shadowed(old: Table, entry: Entry, first: Entry) -> Difference:
    was = old.answer(entry)
    own = was is not None and was.answer == entry.answer
    since = "is no longer reached" if own else "is never reached"
    says = f"{entry.words}: {entry.path} of {entry.origin} {since}: {first.path} of {first.origin} takes it all ({first.does})"
    return Difference("shadowed", "loses", entry.words, says, was, first)


def _difference(request: Entry, was: Entry | None, now: Entry | None, *, is_own: bool, was_own: bool) -> Difference:
    words = request.words
    if now is None:
        return Difference("lost", "loses", words, f"{words}: {NOBODY}; before: {_told(was)}", was, None)
    if was is None:
        return Difference("added", "gains", words, f"{words}: {_told(now)}", None, now)
    event: RouteEvent = "changed" if is_own and was_own else "added" if is_own else "lost" if was_own else "changed"
    gone = "its rule is gone, " if event == "lost" else ""
    before = was.does if was.origin == now.origin else _told(was)
    return Difference(event, "changes", words, f"{words}: {gone}{_told(now)}; before: {before}", was, now)


def _told(entry: Entry | None) -> str:
    return f"{entry.does} ({entry.origin})" if entry else NOBODY
