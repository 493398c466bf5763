"""A list in protobuf, decoded while its body arrives: the API server writes it in a third of the time that JSON takes it.

Of 10,000 pods: 0.8 s of its processor instead of 2.3 s, 123 MB instead of 165 MB.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
"""

from __future__ import annotations

from typing import Generic, TypeVar

from meshdoctor.kube import wire
from meshdoctor.kube.messages import reader_of
from meshdoctor.kube.numbers import NUMBERS
from meshdoctor.kube.splitting import ListMeta, RawList
from meshdoctor.kube.wire import FILLED, MAGIC, NUMBER, ONE, length_tag, varint_tag, within
from meshdoctor.model.base import KubernetesObject

K = TypeVar("K", bound=KubernetesObject)

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
ACCEPT = f"{CONTENT_TYPE}, application/json"
TYPE_META, RAW = length_tag(1), length_tag(2)  # of runtime.Unknown, which is around every answer
METADATA, ITEMS = length_tag(1), length_tag(2)  # of each list

_kind_of = within(wire.reader(dict, {length_tag(2): ("kind", ONE, wire.text)}))
_list_meta = within(
    wire.reader(
        ListMeta,
        {
            length_tag(2): ("resource_version", FILLED, wire.text),
            length_tag(3): ("continue_", FILLED, wire.text),
            varint_tag(4): ("remaining_item_count", NUMBER, wire.integer),
        },
    )
)


class Garbled(ValueError):
    """What came is not the protobuf that was expected."""


def is_packed(kind: type[KubernetesObject]) -> bool:
    """Whether a kind is read in protobuf where the API server writes it."""
    return kind in NUMBERS


class PackedList(Generic[K]):
    """Takes a list's bytes as they come."""

    def __init__(self, kind: type[K]) -> None:
        self.objects: list[K] = []
        self.size = 0
        self._read = reader_of(kind)
        self._rest = b""  # what came and is not complete yet
        self._at = 0  # how much of the body is behind it
        self._end: int | None = None  # of the list itself, from the body's beginning
        self._kind = ""
        self._meta = ListMeta()

    def feed(self, data: bytes) -> None:
        """Take in more of the body, and decode what is complete. Raises Garbled."""
        self.size += len(data)
        self._rest += data
        try:
            done = self._begin() if self._end is None else 0
            if self._end is not None:
                done = self._items(done, self._end - self._at)
        except (ValueError, OverflowError) as why:  # the latter of a time that no calendar has
            raise Garbled(str(why)) from why
        except IndexError as why:
            raise Garbled("a message breaks off") from why
        self._rest = self._rest[done:]
        self._at += done

    def head(self) -> bytes:
        """The first bytes of what is held."""
        return self._rest[:200]

    def finish(self) -> RawList:
        """The list's own fields, without items. Raises Garbled where it is not all there."""
        if self._end is None or self._at < self._end:
            raise Garbled("the list breaks off")
        return RawList(self._kind, self._meta)

    def _begin(self) -> int:
        """Read what is before the list; how far that goes, 0 where not all of it came."""
        body, at = self._rest, len(MAGIC)
        if not body.startswith(MAGIC[: len(body)]):
            raise ValueError("it does not begin as Kubernetes begins it")
        while (header := _header(body, at)) is not None:
            tag, start, stop = header
            if tag == RAW:
                self._end = self._at + stop
                return start
            if stop > len(body):
                break
            if tag == TYPE_META:
                self._kind = _kind_of(body[start:stop]).get("kind", "")
            at = stop
        return 0

    def _items(self, at: int, end: int) -> int:
        """Read the list's complete fields from one place on, at most to its end; where the first incomplete one is."""
        body = self._rest
        while at < end and (header := _header(body, at)) is not None:
            tag, start, stop = header
            if stop > end:
                raise ValueError("an object goes beyond its list")
            if stop > len(body):
                break
            if tag == ITEMS:
                self.objects.append(self._read(body, start, stop))
            elif tag == METADATA:
                self._meta = _list_meta(body[start:stop])
            at = stop
        return at


def _header(body: bytes, at: int) -> tuple[int, int, int] | None:
    """A field's tag, where its value begins and ends; None where its beginning has not come. Raises ValueError."""
    try:
        tag, after = wire.varint(body, at)
        size, start = wire.varint(body, after)
    except IndexError:
        return None
    if tag & 7 != wire.BYTES:
        raise ValueError("a list has no such field")
    return tag, start, start + size
