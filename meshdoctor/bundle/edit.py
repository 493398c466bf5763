"""Adds, replaces and removes objects in recorded answers, for tests and drills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import PARTIAL, Listed, Object, list_body, name_of, namespaced, partial, recorded_lists
from meshdoctor.bundle.paths import Place, place_of
from meshdoctor.model import kinds
from meshdoctor.model.errors import UsageError

JSON = "application/json"


def edited(answers: Mapping[str, Answer], put: Iterable[Object] = (), drop: Iterable[str] = ()) -> dict[str, Answer]:
    """The answers with objects put in, or gone, in every list and single answer that shows them. Denied lists stay denied."""
    drafts = _Drafts(answers)
    for path in drop:
        place = place_of(path)
        if place is None or not place.name:
            raise UsageError(f"{path} is no path of an object.")
        drafts.change(place, None)
    for manifest in put:
        thing: Object = _plain(manifest)
        place = drafts.place(thing)
        if namespaced(place):
            thing["metadata"].setdefault("namespace", place.namespace)
        drafts.change(place, thing | {"apiVersion": place.group_version})
    return drafts.written()


class _Drafts:
    """Lists opened for a change."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = dict(answers)
        self._lists = recorded_lists(answers)
        self._open: dict[str, dict[tuple[str, str], Object]] = {}

    def place(self, thing: Object) -> Place:
        """Where the recording serves an object, whatever version its manifest has."""
        version, kind = str(thing.get("apiVersion", "")), str(thing.get("kind", ""))
        group = version.rpartition("/")[0]
        known = kinds.kind_of(version, kind)
        plural = known.PLURAL if known else f"{kind.lower()}s"
        namespace, name = name_of(thing)
        if not (version and kind and name):
            raise UsageError("A manifest without apiVersion, kind or name cannot be laid over a recording.")
        served = [x for x in self._lists.values() if x.place.group == group and _serves(x, plural, kind)]
        root = served[0].place.root if served else (f"/apis/{version}" if group else f"/api/{version}")
        plural = served[0].place.plural if served else plural
        place = Place(root, group, "", plural, name, "")
        return msgspec.structs.replace(place, namespace=namespace or "default") if namespaced(place) else place

    def change(self, place: Place, thing: Object | None) -> None:
        """Put an object where it belongs, or take it out."""
        single = f"api GET {place.collection}/{place.name}"
        known = single in self._answers
        self._answers.pop(single, None)
        paths = [p for p in {place.everywhere, place.collection} if p in self._lists]
        for path in paths:
            failed = self._lists[path].failed
            if failed is None or failed.status == 404:  # a kind that was not served is served from now on
                self._put(path, place, thing)
        if thing is None:
            return
        if known or (not paths and place.plural == "configmaps"):
            self._answers[single] = Answer(200, JSON, msgspec.json.encode(thing))
        elif not paths:
            whole = msgspec.structs.replace(place, namespace="", name="")
            self._lists[place.everywhere] = Listed(whole, ())
            self._put(place.everywhere, place, thing)

    def _put(self, path: str, place: Place, thing: Object | None) -> None:
        if path not in self._open:
            self._open[path] = {name_of(item): item for item in self._lists[path].items()}
        key = (place.namespace, place.name)
        if thing is None:
            self._open[path].pop(key, None)
        else:
            shown = partial(thing) if self._lists[path].head.kind == f"{PARTIAL}List" or place.resource == "secrets" else thing
            self._open[path][key] = shown

    def written(self) -> dict[str, Answer]:
        """The answers, every changed list in one page."""
        for path, objects in self._open.items():
            listed = self._lists[path]
            for key in listed.keys:
                self._answers.pop(key, None)
            kind = listed.head.kind.removesuffix("List") or next((str(o["kind"]) for o in objects.values()), "")
            body = list_body(listed.place, kind, list(objects.values()), listed.head.metadata.resource_version or "1000")
            self._answers[f"api GET {path}"] = Answer(200, JSON, body)
        return self._answers


def _serves(listed: Listed, plural: str, kind: str) -> bool:
    return listed.place.plural == plural or listed.head.kind == f"{kind}List"


def _plain(value: Any) -> Any:
    """A copy with what YAML reads as times written as the API server writes them."""
    return msgspec.json.decode(msgspec.json.encode(value))
