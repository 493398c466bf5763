"""What happened to the objects since the server started, and who watches."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import msgspec

from meshdoctor.bundle.lists import Object
from meshdoctor.bundle.selectors import Matches


class Event(msgspec.Struct, frozen=True):
    """One change; `before` is the object as it was."""

    version: int
    collection: str
    type: str
    object: Object
    before: Object | None = None


class Subscription:
    """One watch: events wait here until they are sent. `ended` is the last object of a watch that is cut off."""

    def __init__(self, collection: str, matches: Matches) -> None:
        self.collection, self._matches = collection, matches
        self.waiting: deque[dict[str, Any]] = deque()
        self.news = asyncio.Event()
        self.ended = False

    def offer(self, event: Event) -> None:
        """Take in a change, as far as the watch's selectors show it."""
        if event.collection != self.collection or self.ended:
            return
        fits = self._matches(event.object)
        fitted = self._matches(event.before) if event.before is not None else False
        if not fits and not fitted:
            return
        seen = event.type
        if event.type == "MODIFIED" and fits != fitted:  # it came into view, or left it
            seen = "ADDED" if fits else "DELETED"
        self.put(seen, event.object)

    def put(self, kind: str, thing: Object) -> None:
        """Queue one line of the watch."""
        self.waiting.append({"type": kind, "object": thing})
        self.news.set()

    def end(self, kind: str = "", thing: Object | None = None) -> None:
        """Queue a last line, where there is one, and end the watch after it."""
        if thing is not None:
            self.put(kind, thing)
        self.ended = True
        self.news.set()


class Changes:
    """The history of changes. Versions go on from the recording's highest."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._oldest: dict[str, int] = {}  # by collection; "" is all of them
        self._events: list[Event] = []
        self._subscriptions: set[Subscription] = set()

    def add(self, collection: str, kind: str, thing: Object, before: Object | None) -> None:
        """Record a change whose version was taken already, and tell the watches."""
        event = Event(self.version, collection, kind, thing, before)
        self._events.append(event)
        for subscription in self._subscriptions:
            subscription.offer(event)

    def next_version(self) -> int:
        """A new version."""
        self.version += 1
        return self.version

    def subscribe(self, collection: str, matches: Matches, since: int | None) -> Subscription:
        """A watch of what comes after version `since` (None: from now on)."""
        subscription = Subscription(collection, matches)
        for event in self._events:
            if since is not None and event.version > since:
                subscription.offer(event)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a watch."""
        self._subscriptions.discard(subscription)

    def oldest(self, collection: str) -> int:
        """The version from before which a collection cannot be watched any more."""
        return max(self._oldest.get("", 0), self._oldest.get(collection, 0))

    def compact(self, only: str, last: Object) -> None:
        """Make all versions of a collection (of all, for "") too old, and end its watches with a last error."""
        self._oldest[only] = self.next_version()
        self._events = [e for e in self._events if only not in ("", e.collection)]
        for subscription in self._subscriptions:
            if only in ("", subscription.collection):
                subscription.end("ERROR", last)
