"""The objects that the replay server serves: the recorded ones, and what was changed since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.bundle import logs, statuses, tables
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.changes import Changes, Subscription
from meshdoctor.bundle.lists import (
    PARTIAL,
    Head,
    Listed,
    Object,
    kind_name,
    list_body,
    name_of,
    partial,
    recorded_lists,
)
from meshdoctor.bundle.paths import Pairs, Place, place_of, split, without_window
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.selectors import Matches, matcher
from meshdoctor.kube.answers import NOT_RECORDED
from meshdoctor.kube.listing import NAMESPACES

EVENTS = ("ADDED", "MODIFIED", "DELETED")
FIRST_VERSION = 1000  # where the recording has none


class Collection:
    """One recorded list; its objects are decoded once somebody asks for them apart from each other."""

    def __init__(self, listed: Listed) -> None:
        self.place, self.failed = listed.place, listed.failed
        self.kind = kind_name(listed.place, listed.head)
        self.recorded_kind = listed.head.kind.removesuffix("List")
        self.version = _number(listed.head.metadata.resource_version)
        self.metadata_only = self.recorded_kind == PARTIAL
        self._listed = listed
        self._objects: dict[tuple[str, str], Object] | None = None
        self.changed = False
        self.headers = listed.headers

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """The namespaces of which the list has everything, where it has not all."""
        said = self.headers.get(NAMESPACES)
        return None if said is None else tuple(n for n in said.split(",") if n)

    @property
    def objects(self) -> dict[tuple[str, str], Object]:
        """Its objects by namespace and name."""
        if self._objects is None:
            self._objects = {name_of(item): self._named(item) for item in self._listed.items()}
        return self._objects

    def _named(self, item: Object) -> Object:
        if item.get("kind"):
            return item
        return item | {"kind": self.kind, "apiVersion": self.place.group_version}

    @property
    def whole(self) -> bytes | None:
        """The list byte for byte, as long as it is as it was recorded."""
        pages = self._listed.pages
        return pages[0] if len(pages) == 1 and not self.changed else None


class Store:
    """Answers for objects and lists. Paths are without their query, decoded."""

    def __init__(self, recording: Recording, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or (lambda: recording.recorded_at)
        self.collections = {path: Collection(listed) for path, listed in recorded_lists(recording.answers).items()}
        highest = max((c.version for c in self.collections.values()), default=0)
        self.changes = Changes(highest or FIRST_VERSION)
        self._exact: dict[tuple[str, Pairs], Answer] = {}
        self._reduced: dict[tuple[str, Pairs], Answer] = {}
        self.logs: dict[str, dict[tuple[str, str], Answer]] = {}  # by path, then container and `previous`: the longest
        self.unseen = {place.everywhere: (place, why) for path, why in recording.unseen.items() if (place := place_of(path))}
        for key, answer in recording.answers.items():
            if key.startswith("api GET "):
                self._index(key.removeprefix("api GET "), answer)

        self._list_singles()

    def _list_singles(self) -> None:
        """Kinds that were read one by one can be listed too, as far as they are known; the answer says so."""
        found: dict[str, tuple[Place, list[Object]]] = {}
        for path in self.single_paths():
            place = place_of(path)
            if place is not None and place.name and not place.sub and place.everywhere not in (*self.collections, *self.unseen):
                body = _object(self._reduced[path, ()].body)
                if body is not None:
                    found.setdefault(place.everywhere, (place, []))[1].append(body)
        for path, (place, items) in found.items():
            whole = msgspec.structs.replace(place, namespace="", name="")
            kind = str(items[0].get("kind", "")) or kind_name(whole, Head())
            page = list_body(whole, kind, sorted(items, key=name_of), str(FIRST_VERSION))
            said = {"Warning": f'299 - "only {len(items)} {place.plural} were recorded, by name"'}
            self.collections[path] = Collection(Listed(whole, (), (page,), Head(f"{kind}List"), headers=said))

    def _index(self, target: str, answer: Answer) -> None:
        path, pairs = split(target)
        self._exact[path, pairs] = answer
        self._reduced.setdefault((path, without_window(pairs)), answer)
        if path.endswith("/log") and answer.status == 200:
            self.logs.setdefault(path, {}).setdefault(_log_of(pairs), answer)
            if len(answer.body) > len(self.logs[path][_log_of(pairs)].body):
                self.logs[path][_log_of(pairs)] = answer

    def recorded(self, path: str, pairs: Pairs) -> Answer | None:
        """The answer as it was recorded: for these parameters, else for those that choose."""
        return self._exact.get((path, pairs)) or self._reduced.get((path, without_window(pairs)))

    def log(self, path: str, pairs: Pairs) -> Answer | None:
        """A container's log, as much of it as is asked for; without a container the only one. None where it is not recorded."""
        given = dict(pairs)
        if (exact := self._exact.get((path, pairs))) is not None:
            return exact
        known = self.logs.get(path, {})
        container, previous = _log_of(pairs)
        found = known.get((container, previous)) if container else next((a for (_, p), a in known.items() if p == previous), None)
        if found is None:
            return self._reduced.get((path, without_window(pairs)))
        return msgspec.structs.replace(found, body=logs.asked(found.body, given, self._now()))

    def single_paths(self) -> list[str]:
        """The paths of single objects that were read."""
        return [path for (path, pairs), answer in self._reduced.items() if not pairs and answer.status == 200]

    def kind_of_single(self, path: str) -> str:
        """The kind of an object that was read by its path."""
        try:
            return msgspec.json.decode(self._reduced[path, ()].body, type=Head).kind
        except msgspec.DecodeError:
            return ""

    def collection(self, place: Place) -> Collection | None:
        """The list that shows a place: its namespace's own, where that may be read, else the one over all namespaces."""
        own, every = self.collections.get(place.collection), self.collections.get(place.everywhere)
        if own is not None and own.failed is None:
            return own
        return every if every is not None and every.failed is None else own or every

    def find(self, place: Place) -> Object | None:
        """One object."""
        collection = self.collection(place)
        if collection is not None and collection.failed is None:
            return collection.objects.get((place.namespace, place.name))
        single = self._reduced.get((f"{place.collection}/{place.name}", ()))
        return msgspec.json.decode(single.body) if single is not None and single.status == 200 else None

    def answer(self, path: str, pairs: Pairs, accept: str) -> Answer:
        """What a GET of a resource's path is answered."""
        place = place_of(path)
        exact = self.recorded(path, pairs)
        if place is None or place.sub:
            return exact or statuses.not_served()
        if tables.is_asked(accept) and (told := self._table(place, pairs)) is not None:
            return told
        if place.name:
            return exact or self._one(place, accept)
        if exact is not None and without_window(pairs):  # a selector's own answer
            return exact
        return self._many(place, pairs, accept)

    def _one(self, place: Place, accept: str) -> Answer:
        found = self.find(place)
        if found is not None:
            collection = self.collection(place)
            if collection is not None and collection.metadata_only:
                found = {**found, "kind": collection.kind, "apiVersion": place.group_version}
            return statuses.json_answer(partial(found) if _partial_wanted(accept) else found)
        collection = self.collection(place)
        if collection is not None and collection.failed is not None and collection.failed.status == 403:
            return statuses.forbidden("get", place)
        return self._unseen(place, collection) or statuses.not_found(place)

    def _unseen(self, place: Place, collection: Collection | None) -> Answer | None:
        """The answer for what is not in the recording, where that is known."""
        if place.everywhere in self.unseen and (collection is None or collection.failed is not None):
            return statuses.failure(500, NOT_RECORDED, self.unseen[place.everywhere][1])
        if collection is not None and collection.namespaces is not None and place.namespace not in ("", *collection.namespaces):
            return statuses.failure(500, NOT_RECORDED, f"of namespace {place.namespace} nothing is in the bundle")
        return None

    def _table(self, place: Place, pairs: Pairs) -> Answer | None:
        """What kubectl prints; None where there is nothing to print, and the ordinary answer says why."""
        collection = self.collection(place)
        if collection is None or collection.failed is not None or self._unseen(place, collection) is not None:
            return None
        given = dict(pairs)
        try:
            matches = self.matches(place, tuple((k, v) for k, v in pairs if k != "includeObject"))
        except ValueError as why:
            return statuses.bad_request(str(why))
        items = [o for o in collection.objects.values() if matches(o)]
        if place.name and not items:
            return None
        recorded = self._exact.get((place.everywhere, tables.RECORDED))
        return tables.table(items, recorded, self._now(), str(collection.version), given.get("includeObject", "Metadata"))

    def _many(self, place: Place, pairs: Pairs, accept: str) -> Answer:
        collection = self.collection(place)
        if (unseen := self._unseen(place, collection)) is not None:
            return unseen
        if collection is None:
            return statuses.not_served()
        if collection.failed is not None:
            same = collection.place.collection == place.collection
            return collection.failed if same or collection.failed.status != 403 else statuses.forbidden("list", place)
        metadata_only = _partial_wanted(accept) and not collection.metadata_only
        bodies = collection.metadata_only and not _partial_wanted(accept)  # asked for whole, known by their metadata
        chosen = without_window(pairs)
        if (
            not chosen
            and not bodies
            and not metadata_only
            and collection.whole is not None
            and collection.place.collection == place.collection
        ):
            return Answer(200, statuses.JSON, collection.whole, collection.headers)
        try:
            matches = self.matches(place, pairs)
        except ValueError as why:
            return statuses.bad_request(str(why))
        items = [o for o in collection.objects.values() if matches(o)]
        kind = collection.kind if bodies else collection.recorded_kind or collection.kind
        items = [{**o, "kind": kind, "apiVersion": place.group_version} for o in items] if bodies else items
        version = str(self.changes.version if collection.changed else collection.version)
        body = list_body(collection.place, kind, items, version, metadata_only=metadata_only)
        return Answer(200, statuses.JSON, body, {} if place.namespace else collection.headers)

    @staticmethod
    def matches(place: Place, pairs: Pairs) -> Matches:
        """Which objects a list or watch shows. Raises ValueError for a selector that cannot be parsed."""
        given = dict(pairs)
        chosen = matcher(given.get("labelSelector", ""), given.get("fieldSelector", ""))

        def shown(thing: Object) -> bool:
            namespace, name = name_of(thing)
            return place.namespace in ("", namespace) and place.name in ("", name) and chosen(thing)

        return shown

    def change(self, path: str, kind: str, thing: Object) -> None:
        """Apply an event and tell the watches. `path` is a collection's. Raises ValueError for anything else."""
        place = place_of(path)
        if place is None or place.name or kind not in EVENTS:
            raise ValueError(f"no change: {kind} at {path}")
        thing = msgspec.json.decode(msgspec.json.encode(thing))
        metadata = thing.setdefault("metadata", {})
        if place.namespace:
            metadata.setdefault("namespace", place.namespace)
        metadata["resourceVersion"] = str(self.changes.next_version())
        where = name_of(thing)
        every = self._opened(msgspec.structs.replace(place, namespace=""))
        own = self.collections.get(f"{place.root}/namespaces/{where[0]}/{place.plural}")
        thing = {"kind": every.kind, "apiVersion": place.group_version} | thing
        before = None
        for collection in (c for c in (own, every) if c is not None and c.failed is None):
            before = collection.objects.get(where)
            collection.changed = True
            if kind == "DELETED":
                collection.objects.pop(where, None)
            else:
                collection.objects[where] = thing
        self._forget(msgspec.structs.replace(place, namespace=where[0], name=where[1]))
        self.changes.add(place.everywhere, kind, thing, before)

    def _opened(self, place: Place) -> Collection:
        if place.everywhere not in self.collections:
            self.collections[place.everywhere] = Collection(Listed(place, ()))
        return self.collections[place.everywhere]

    def _forget(self, place: Place) -> None:
        """Recorded answers for an object that has changed are not given any more."""
        path = f"{place.collection}/{place.name}"
        for index in (self._exact, self._reduced):
            for key in [key for key in index if key[0] == path]:
                del index[key]

    def watch(self, place: Place, pairs: Pairs) -> Subscription:
        """A watch, with what it has missed. Raises ValueError for a selector that cannot be parsed."""
        given = dict(pairs)
        since = given.get("resourceVersion", "")
        matches = self.matches(place, pairs)
        from_start = since in ("", "0") or given.get("sendInitialEvents") == "true"
        collection = self.collection(place)
        if not from_start and _number(since) < self.changes.oldest(place.everywhere):
            subscription = Subscription(place.everywhere, matches)
            subscription.end("ERROR", statuses.expired())
            return subscription
        subscription = self.changes.subscribe(place.everywhere, matches, None if from_start else _number(since))
        if from_start and collection is not None:
            for thing in collection.objects.values():
                if matches(thing):
                    subscription.put("ADDED", thing)
        if given.get("sendInitialEvents") == "true":
            mark = self.bookmark(place)
            mark["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
            subscription.put("BOOKMARK", mark)
        return subscription

    def bookmark(self, place: Place) -> Object:
        """The object of a BOOKMARK."""
        collection = self.collection(place)
        kind = collection.kind if collection is not None else ""
        return {"kind": kind, "apiVersion": place.group_version, "metadata": {"resourceVersion": str(self.changes.version)}}

    def gone(self, path: str = "") -> None:
        """Make every resource version too old, and end the watches of a collection (of all, without one) with a 410."""
        place = place_of(path) if path else None
        only = place.everywhere if place is not None else ""
        self.changes.compact(only, statuses.expired())
        for collection in self.collections.values():
            if collection.failed is None and only in ("", collection.place.everywhere):
                collection.changed = True  # its lists have the new version


def _object(body: bytes) -> Object | None:
    """An object as it was recorded; None where it is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _log_of(pairs: Pairs) -> tuple[str, str]:
    given = dict(pairs)
    return given.get("container", ""), given.get("previous", "false")


def _partial_wanted(accept: str) -> bool:
    """Whether metadata alone is asked for before anything else."""
    return f"as={PARTIAL}" in accept.partition(",")[0]


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 0
