"""Protobuf as Kubernetes writes it: messages by field number, what nobody wants skipped unread.

Source: https://protobuf.dev/programming-guides/encoding, k8s.io/apimachinery (meta/v1.Time, intstr, resource.Quantity).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Reader = Callable[[bytes, int, int], Any]
"""Reads the message between two places of a body. Raises ValueError or IndexError where there is none."""
Field = tuple[str, int, Callable[..., Any]]
"""Its name, what becomes of its bytes (below), and how they are read."""

NUMBER, FILLED, ONE, EACH, ENTRY = range(5)  # a number; a value, unless it is empty; a value; one more of a list; one more of a map
HERE, EACH_HERE, AROUND = range(5, 8)  # a message read where it stands; one of a list; one whose fields are those of the one around
VARINT, BYTES = 0, 2
MAGIC = b"k8s\x00"  # what every answer begins with
KEPT = 8 << 20  # bytes
TAGS = 1 << 9  # of fields up to 63: none of ours is higher


class Once(dict[bytes, Any]):
    """What bytes say, worked out once: of thousands of pods most say most things alike. Begins anew when it grows large."""

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        super().__init__()
        self._read, self._size = read, 0

    def __missing__(self, raw: bytes) -> Any:
        self._size += len(raw)
        if self._size > KEPT:
            self.clear()
            self._size = len(raw)
        value = self[raw] = self._read(raw)
        return value


def length_tag(number: int) -> int:
    """The tag of a field that has a length."""
    return number << 3 | BYTES


def varint_tag(number: int) -> int:
    """The tag of a field that is a number."""
    return number << 3 | VARINT


def varint(body: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError where the body ends first, ValueError where the number never does."""
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def reader(make: Callable[..., Any], fields: Mapping[int, Field]) -> Reader:  # noqa: C901  # its loop is written out: see there
    """Reads a message into what `make` makes of its `fields`, which are given by tag."""
    by_tag = [fields.get(tag) for tag in range(TAGS)]
    lists = tuple({name for name, how, _ in fields.values() if how in (EACH, EACH_HERE)})

    # One long loop: it goes round a hundred times for each of 10,000 pods, and each call in it would be felt.
    def read(body: bytes, at: int, end: int) -> Any:  # noqa: C901, PLR0912  # as the line above says
        said: dict[str, Any] = {}
        while at < end:
            tag, size = body[at], body[at + 1]
            at += 2
            if tag > 0x7F:  # numbers above 15
                tag, size = tag & 0x7F | size << 7, body[at]
                at += 1
            if size > 0x7F:
                if body[at] > 0x7F:
                    size, at = varint(body, at - 1)
                else:
                    size, at = size & 0x7F | body[at] << 7, at + 1
            field = by_tag[tag] if tag < TAGS else None
            if field is None:
                if tag & 7 == BYTES:
                    at += size
                elif tag & 7 != VARINT:
                    raise ValueError("a field of a length that Kubernetes does not write")
                continue
            name, how, convert = field
            if how == NUMBER:
                said[name] = convert(size)
                continue
            stop = at + size
            if how == FILLED:
                if size:
                    said[name] = convert(body[at:stop])
            elif how == EACH:
                said.setdefault(name, []).append(convert(body[at:stop]))
            elif how == ENTRY:
                key, value = convert(body[at:stop])
                said.setdefault(name, {})[key] = value
            elif how == ONE:
                said[name] = convert(body[at:stop])
            elif how == HERE:
                said[name] = convert(body, at, stop)
            elif how == EACH_HERE:
                said.setdefault(name, []).append(convert(body, at, stop))
            else:
                said |= convert(body, at, stop)
            at = stop
        if at != end:
            raise ValueError("the message breaks off")
        said |= {name: tuple(said[name]) for name in lists if name in said}
        return make(**said)

    return read


def within(read: Reader) -> Callable[[bytes], Any]:
    """Reads a message that is all of some bytes."""
    return lambda raw: read(raw, 0, len(raw))


def text(raw: bytes) -> str:
    """A string; what is no UTF-8 is replaced, as the API server does in JSON."""
    return raw.decode("utf-8", "replace")


def integer(value: int) -> int:
    """An int32 or int64: a negative one is written with 64 bits."""
    return value - (1 << 64) if value >> 63 else value


SHARED_TEXT = Once(text).__getitem__
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_string = reader(dict, {length_tag(1): ("string", ONE, text)})
_seconds = reader(dict, {varint_tag(1): ("seconds", NUMBER, integer)})
_port = reader(
    dict,
    {varint_tag(1): ("type", NUMBER, int), varint_tag(2): ("number", NUMBER, integer), length_tag(3): ("name", ONE, text)},
)


def time(raw: bytes) -> datetime | None:
    """A Time, whole seconds since 1970; None for the zero time, which is empty. Raises OverflowError past the year 9999."""
    seconds = _seconds(raw, 0, len(raw)).get("seconds")
    return None if seconds is None else _EPOCH + timedelta(seconds=seconds)


def quantity(raw: bytes) -> str:
    """A Quantity, as 500m."""
    return str(_string(raw, 0, len(raw)).get("string", ""))


def int_or_string(raw: bytes) -> int | str:
    """An IntOrString: the number or the name of a port."""
    said = _port(raw, 0, len(raw))
    return str(said.get("name", "")) if said.get("type") else int(said.get("number", 0))


def entry_of(value: Callable[[bytes], Any]) -> Callable[[bytes], tuple[str, Any]]:
    """Reads an entry of a map from strings."""
    read = reader(dict, {length_tag(1): ("key", ONE, SHARED_TEXT), length_tag(2): ("value", ONE, value)})

    def entry(raw: bytes) -> tuple[str, Any]:
        said = read(raw, 0, len(raw))
        return said.get("key", ""), said.get("value", "")

    return entry
