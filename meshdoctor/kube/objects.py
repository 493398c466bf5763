"""Decodes one object of the API leniently: what does not fit is cleaned once, then named and left out."""

from __future__ import annotations

import functools
from types import GenericAlias
from typing import Any, Generic, TypeVar

import msgspec

from meshdoctor.kube.splitting import WholeList
from meshdoctor.model.base import KubernetesObject, ObjectMeta

K = TypeVar("K", bound=KubernetesObject)


class Named(msgspec.Struct, frozen=True):
    """The least of an object: its metadata."""

    metadata: ObjectMeta = ObjectMeta()


class NameOnly(msgspec.Struct, frozen=True):
    """Where an object lives, where not even its metadata fit."""

    name: str = ""
    namespace: str = ""


class JustNamed(msgspec.Struct, frozen=True):
    """An object's name."""

    metadata: NameOnly = NameOnly()


@functools.cache  # of a hundred parts of one list each made its own: 60 ms
def decoder_of(shape: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type; it holds nothing between two calls."""
    return msgspec.json.Decoder(shape)


class Decoder(Generic[K]):
    """Decodes objects of one kind; `skipped` names those that could not be."""

    def __init__(self, kind: type[K], *, metadata_only: bool = False) -> None:
        self.kind = kind
        self.skipped: list[str] = []
        self._metadata_only = metadata_only
        self._many: msgspec.json.Decoder[list[K]] = decoder_of(GenericAlias(list, (kind,)))
        self._one: msgspec.json.Decoder[K] = decoder_of(kind)
        self._list: msgspec.json.Decoder[WholeList[K]] = decoder_of(GenericAlias(WholeList, (kind,)))
        self._named: msgspec.json.Decoder[list[Named]] = decoder_of(list[Named])

    def many(self, array: memoryview) -> list[K]:
        """The objects of a JSON array. Raises msgspec.DecodeError."""
        if self._metadata_only:  # whatever else came with it is not even decoded
            return [self.kind(metadata=item.metadata) for item in self._named.decode(array)]
        return self._many.decode(array)

    def whole(self, body: bytearray) -> WholeList[K]:
        """A list with its objects. Raises msgspec.DecodeError."""
        if self._metadata_only:
            named = msgspec.json.decode(body, type=WholeList[Named])
            items = None if named.items is None else [self.kind(metadata=item.metadata) for item in named.items]
            return WholeList(named.kind, named.metadata, items)
        return self._list.decode(body)

    def one(self, raw: msgspec.Raw) -> K | None:
        """One object, its nulls dropped where that helps; None, and named in `skipped`, where nothing does."""
        try:
            if not self._metadata_only:
                return self._one.decode(raw)
        except msgspec.ValidationError:
            pass
        try:
            cleaned = without_nulls(msgspec.json.decode(raw))
            if self._metadata_only:
                return self.kind(metadata=msgspec.convert(cleaned, Named, strict=False).metadata)
            return msgspec.convert(cleaned, self.kind, strict=False)
        except msgspec.DecodeError as why:
            self.skipped.append(f"{name_of(raw)}: {why}")
            return None


def without_nulls(value: object) -> object:
    """A JSON value without the nulls in it: the API takes them for absent fields."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value if v is not None]
    return value


def name_of(raw: msgspec.Raw) -> str:
    """`NAMESPACE/NAME` of an object that does not decode, or `(unnamed)`."""
    try:
        found = msgspec.json.decode(raw, type=JustNamed, strict=False).metadata
    except msgspec.DecodeError:
        return "(unnamed)"
    return "/".join(part for part in (found.namespace, found.name) if part) or "(unnamed)"
