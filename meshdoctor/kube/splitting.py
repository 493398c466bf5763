"""Decodes the items of a list while its body arrives, so that no more than a few megabytes are held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from meshdoctor.model.errors import ClusterError

T = TypeVar("T")

CHUNK = 4 * 1024 * 1024
BOUNDARIES = (b'},{"metadata":', b'},{"apiVersion":', b'},{"kind":')
MOST_TRIES = 16
"""Boundaries tried in one chunk before more is awaited; the right one is nearly always the last."""
HEAD = 65_536  # the list's own metadata come before this, or after the items


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """A list's own metadata."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class WholeList(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    """A list with its objects."""

    kind: str = ""
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


RawList = WholeList[msgspec.Raw]
"""A list whose objects are not decoded yet."""


class Splitter(Generic[T]):
    """Takes a list's bytes as they come. `decode_all` decodes a JSON array of objects, `decode_one` an object (None: skipped),
    `decode_list` a list with all its objects."""

    def __init__(
        self,
        decode_all: Callable[[memoryview], list[T]],
        decode_one: Callable[[msgspec.Raw], T | None],
        decode_list: Callable[[bytearray], WholeList[T]],
    ) -> None:
        self.objects: list[T] = []
        self.size = 0
        self._decode_all, self._decode_one, self._decode_list = decode_all, decode_one, decode_list
        self._buffer = bytearray()
        self._head: bytes | None = None  # everything before the items' opening bracket, once that was seen
        self._next = CHUNK

    def feed(self, data: bytes) -> None:
        """Take in more of the body; decodes what is complete, at most every four megabytes."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) < self._next:
            return
        if self._head is None and not self._find_head():
            self._next = len(self._buffer) + CHUNK
            return
        self._cut()
        self._next = len(self._buffer) + CHUNK

    def head(self) -> bytes:
        """The first bytes of what is held, to quote where they are no list."""
        return bytes((self._head or b"") + self._buffer[:200])

    def finish(self) -> RawList:
        """Decode the rest; the list's own fields, without items. Raises msgspec.DecodeError where the body is no JSON list."""
        body = self._buffer if self._head is None else bytearray(self._head) + self._buffer
        self._buffer = bytearray()
        try:  # most lists come here whole: then they are read once
            whole = self._decode_list(body)
        except msgspec.ValidationError:
            pass
        else:
            self.objects.extend(whole.items or ())
            return RawList(whole.kind, whole.metadata)
        rest = msgspec.json.decode(body, type=RawList)
        if rest.items:
            joined = b"[" + b",".join(bytes(memoryview(r)) for r in rest.items) + b"]"
            self._decode(memoryview(joined), rest.items)
        return RawList(rest.kind, rest.metadata)

    def _find_head(self) -> bool:
        """Split the list's beginning off; the buffer then starts with the bracket that opens the items."""
        at = self._buffer.find(b'"items":[', 0, HEAD)
        if at < 0:
            return False
        bracket = at + len(b'"items":')
        self._head = bytes(self._buffer[:bracket])
        msgspec.json.decode(self._head + b"[]}", type=RawList)  # else the bracket was not the items'
        del self._buffer[:bracket]
        return True

    def _cut(self) -> None:
        """Decode up to the last boundary between two items. Inside nested arrays there are boundaries too: those cannot be
        closed by one bracket, so they do not decode and the next one to the left is tried."""
        end = len(self._buffer)
        for _ in range(MOST_TRIES):
            at = 0
            for boundary in BOUNDARIES:  # behind the last one found only: a search of the whole chunk is what costs
                at = max(at, self._buffer.rfind(boundary, at, end))
            if at <= 0:
                return
            if self._try(at + 1):
                self._buffer[at + 1 : at + 2] = b"["
                del self._buffer[: at + 1]
                return
            end = at + 1

    def _try(self, comma: int) -> bool:
        """Decode the buffer up to a comma, which a closing bracket stands in for meanwhile."""
        self._buffer[comma] = ord("]")
        try:
            with memoryview(self._buffer) as whole, whole[: comma + 1] as part:
                self._decode(part, None)
        except msgspec.DecodeError:
            self._buffer[comma] = ord(",")
            return False
        return True

    def _decode(self, array: memoryview, raw: list[msgspec.Raw] | None) -> None:
        """Add an array's objects, one by one where together they do not decode. Raises DecodeError for what is no JSON array."""
        try:
            self.objects.extend(self._decode_all(array))
        except msgspec.ValidationError:
            # The copy keeps Raw from pointing into a buffer that moves.
            parts = raw if raw is not None else msgspec.json.decode(bytes(array), type=list[msgspec.Raw])
            decoded = (self._decode_one(part) for part in parts)
            self.objects.extend(o for o in decoded if o is not None)


def check_kind(kind: str, wanted: str) -> None:
    """Raise ClusterError where a list is of another kind than was asked for."""
    if kind != wanted:
        raise ClusterError(f"The API server answered a {kind or 'nameless list'} where a {wanted} was asked for.")
