"""Protobuf without its schemas: fields by number. kubectl asks in it what it may do, istioctl asks istiod for everything."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.kube import wire
from meshdoctor.kube.wire import MAGIC

_RAW, _SPEC, _RESOURCE = 2, 2, 1  # runtime.Unknown.raw, SelfSubjectAccessReview.spec, its resourceAttributes
_NAMES = {1: "namespace", 2: "verb", 3: "group", 5: "resource", 6: "subresource"}


def attributes(body: bytes) -> dict[str, str] | None:
    """The resource that a SelfSubjectAccessReview asks for; None where it asks for a path. Raises ValueError for anything else.

    Field numbers: k8s.io/api/authorization/v1/generated.proto, k8s.io/apimachinery/pkg/runtime/generated.proto.
    """
    if not body.startswith(MAGIC):
        raise ValueError("no protobuf of Kubernetes")
    spec = _one(_one(body[len(MAGIC) :], _RAW), _SPEC)
    if not any(number == _RESOURCE for number, _ in fields(spec)):
        return None
    told = {number: value for number, value in fields(_one(spec, _RESOURCE)) if number in _NAMES}
    return {name: told.get(number, b"").decode("utf-8", "replace") for number, name in _NAMES.items()}


def _one(message: bytes, wanted: int) -> bytes:
    return next((value for number, value in fields(message) if number == wanted), b"")


def packed(*given: tuple[int, bytes | str | int]) -> bytes:
    """A message of these fields; what is empty or zero is left out, as protobuf does."""
    said = bytearray()
    for number, value in given:
        if isinstance(value, int):
            said += _number(number << 3) + _number(value) if value else b""
        elif value:
            body = value.encode() if isinstance(value, str) else value
            said += _number(number << 3 | 2) + _number(len(body)) + body
    return bytes(said)


def _number(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*said, value])


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that have a length: number and bytes. Raises ValueError where it breaks off."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            _, at = _varint(message, at)
            continue
        if tag & 7 != 2:
            raise ValueError("a field that no review has")
        size, at = _varint(message, at)
        if at + size > len(message):
            raise ValueError("the message breaks off")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    try:
        return wire.varint(message, at)
    except IndexError as why:
        raise ValueError("the message breaks off") from why
