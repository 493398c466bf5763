"""The lists in a recording: pages put together, and objects decoded once they are asked for one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meshdoctor.bundle import statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import Place, place_of, split, without_window
from meshdoctor.kube.answers import NOT_RECORDED
from meshdoctor.model import kinds
from meshdoctor.model.base import KubernetesObject

Object = dict[str, Any]
PARTIAL = "PartialObjectMetadata"
_KNOWN = {(k.GROUP, k.PLURAL): k for k in kinds.ALL}


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """A list's metadata."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Head(msgspec.Struct, frozen=True):
    """A list without its items."""

    kind: str = ""
    metadata: Meta = Meta()


class Listed(msgspec.Struct, frozen=True):
    """One list as it was recorded: its pages, or the answer that failed. `keys` are what asked for any of it."""

    place: Place
    keys: tuple[str, ...]
    pages: tuple[bytes, ...] = ()
    head: Head = Head()
    failed: Answer | None = None
    headers: dict[str, str] = {}

    def items(self) -> list[Object]:
        """The objects of all pages, with the kind and apiVersion that lists leave out."""
        found: list[Object] = []
        for page in self.pages:
            body = msgspec.json.decode(page)
            kind, version = str(body.get("kind", "")).removesuffix("List"), body.get("apiVersion", "")
            found.extend({"kind": kind, "apiVersion": version, **item} for item in body.get("items") or ())
        return found


class _Namespace(msgspec.Struct, frozen=True):
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Namespace = _Namespace()
    kind: str | None = None
    api_version: str | None = None


class _Items(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = ""
    api_version: str = ""
    items: list[msgspec.Raw] | None = None


def written(listed: Listed) -> Iterator[tuple[str, bytes]]:
    """The JSON of each of `items`, with its namespace, not decoded where that is not needed: of 10,000 pods it takes 600 MB."""
    for page in listed.pages:
        told = msgspec.json.decode(page, type=_Items)
        head: Object = {"kind": told.kind.removesuffix("List"), "apiVersion": told.api_version}
        begin = msgspec.json.encode(head)[:-1] + b","
        for raw in told.items or ():
            try:
                named = msgspec.json.decode(raw, type=_Named)
            except msgspec.ValidationError:
                named = None
            if named is None or named.kind is not None or named.api_version is not None or len(body := bytes(raw)) == len("{}"):
                item: Object = {**head, **msgspec.json.decode(raw)}
                yield name_of(item)[0], msgspec.json.encode(item)
            else:
                yield named.metadata.namespace, begin + body[1:]


def recorded_lists(answers: Mapping[str, Answer]) -> dict[str, Listed]:
    """The lists in a recording by path (`/api/v1/pods`), selectors apart."""
    asked: dict[str, list[str]] = {}
    for key in answers:
        if not key.startswith("api GET "):
            continue
        path, pairs = split(key.removeprefix("api GET "))
        place = place_of(path)
        if place is not None and not place.name and not without_window(pairs):
            asked.setdefault(place.collection, []).append(key)
    return {path: _listed(path, keys, answers) for path, keys in asked.items()}


def _listed(path: str, keys: list[str], answers: Mapping[str, Answer]) -> Listed:
    place = place_of(path)
    assert place is not None
    heads = {key: _head(answers[key]) for key in keys if answers[key].status == 200}
    starts = [key for key in heads if "continue" not in dict(split(key)[1])]
    if not starts:
        failed = [answers[key] for key in keys if answers[key].status != 200]
        # A 403 says more than the time-out of a first try.
        return Listed(place, tuple(keys), failed=next((a for a in failed if a.status == 403), failed[0] if failed else None))
    start = min(starts, key=lambda key: bool(heads[key].metadata.continue_))
    pages, current = [start], heads[start]
    by_token = {dict(split(key)[1]).get("continue", ""): key for key in heads}
    while (token := current.metadata.continue_) and (following := by_token.get(token)) and following not in pages:
        pages.append(following)
        current = heads[following]
    if current.metadata.continue_:
        return Listed(place, tuple(keys), failed=not_whole(place))
    return Listed(place, tuple(keys), tuple(answers[key].body for key in pages), heads[start], headers=answers[start].headers)


def not_whole(place: Place) -> Answer:
    """The answer for a list of which not every page was read: a part of it would pass for the whole."""
    return statuses.failure(500, NOT_RECORDED, f"not all {place.plural} were read")


def _head(answer: Answer) -> Head:
    try:
        return msgspec.json.decode(answer.body, type=Head)
    except msgspec.DecodeError:
        return Head()


def kind_name(place: Place, head: Head) -> str:
    """The kind of a collection's objects."""
    known = _KNOWN.get((place.group, place.plural))
    told = head.kind.removesuffix("List")
    if told and told != PARTIAL:
        return told
    return known.KIND if known else place.plural.removesuffix("s").capitalize()


def known_kind(place: Place) -> type[KubernetesObject] | None:
    """The class of a collection's objects, where we know it."""
    return _KNOWN.get((place.group, place.plural))


def namespaced(place: Place) -> bool:
    """Whether objects of a collection are in namespaces, as far as the kinds we know go."""
    known = known_kind(place)
    return known.NAMESPACED if known else True


def name_of(thing: Object) -> tuple[str, str]:
    """An object's namespace and name."""
    metadata = thing.get("metadata") or {}
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def partial(thing: Object) -> Object:
    """An object's metadata alone."""
    return {"kind": PARTIAL, "apiVersion": "meta.k8s.io/v1", "metadata": thing.get("metadata") or {}}


def list_body(place: Place, kind: str, items: list[Object], resource_version: str, *, metadata_only: bool = False) -> bytes:
    """A list as the API server writes it."""
    partials = metadata_only or kind == PARTIAL
    body = {
        "kind": f"{PARTIAL if partials else kind}List",
        "apiVersion": "meta.k8s.io/v1" if partials else place.group_version,
        "metadata": {"resourceVersion": resource_version},
        "items": [partial(i) for i in items] if metadata_only else items,
    }
    return msgspec.json.encode(body)
