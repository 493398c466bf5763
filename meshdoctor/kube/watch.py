"""Watches a kind from a resource version on."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncGenerator
from typing import Generic, Literal, TypeVar

import msgspec

from meshdoctor.kube.answers import ApiStatus, not_the_api, plain_words
from meshdoctor.kube.failures import Gone
from meshdoctor.kube.listing import METADATA_ONE
from meshdoctor.kube.objects import Decoder, JustNamed, Named
from meshdoctor.kube.session import Session
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import ClusterError
from meshdoctor.model.kinds import METADATA_ONLY

K = TypeVar("K", bound=KubernetesObject)
EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
SECONDS = 290
log = logging.getLogger("meshdoctor.kube")


class WatchEvent(msgspec.Struct, Generic[K], frozen=True):
    """A change. What cannot be decoded comes as DELETED with its metadata and the reason in `skipped`, as lists leave it out."""

    type: EventType
    object: K
    skipped: str = ""


class RawEvent(msgspec.Struct, frozen=True):
    """A line of a watch."""

    type: str
    object: msgspec.Raw


async def watch_kind(session: Session, kind: type[K], path: str, resource_version: str) -> AsyncGenerator[WatchEvent[K], None]:
    """Events until the server ends the watch, about every five minutes. Raises Gone on 410, Unreachable where it breaks."""
    metadata_only = kind in METADATA_ONLY
    decoder = Decoder(kind, metadata_only=metadata_only)
    params = {
        "watch": "1",
        **({} if resource_version in ("", "0") else {"allowWatchBookmarks": "true"}),
        "resourceVersion": resource_version,
        # Jitter, so that some forty watches do not end and begin anew together.
        "timeoutSeconds": str(round(SECONDS * random.uniform(0.8, 1.0))),
    }
    # A watch's events are single objects: the list's Accept would be refused.
    headers = {"Accept": METADATA_ONE if metadata_only else "application/json"}
    async with session.open(path, params, headers=headers, watch=True) as response:
        chunks = response.aiter_bytes()  # kept until the answer is closed: two would close it at once otherwise
        rest = bytearray()
        async for chunk in chunks:
            response.extensions["size"][0] += len(chunk)
            rest += chunk
            if b"\n" not in chunk:
                continue
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            for line in lines:
                if line.strip():
                    yield _event(session, decoder, line)


def _event(session: Session, decoder: Decoder[K], line: bytes) -> WatchEvent[K]:
    try:
        raw = msgspec.json.decode(line, type=RawEvent)
    except msgspec.DecodeError as why:
        raise not_the_api(session.credentials.server, plain_words(line)) from why
    if raw.type == "ERROR":
        told = msgspec.json.decode(raw.object, type=ApiStatus)
        if told.code == 410:
            raise Gone(f"The watch is too old: {told.message}.")
        raise ClusterError(f"The watch ended: {told.message or told.reason}.")
    if raw.type == "BOOKMARK":
        metadata = msgspec.json.decode(raw.object, type=Named).metadata
        return WatchEvent("BOOKMARK", decoder.kind(metadata=metadata))
    kinds: dict[str, EventType] = {"ADDED": "ADDED", "MODIFIED": "MODIFIED", "DELETED": "DELETED"}
    if raw.type not in kinds:
        raise ClusterError(f"The watch sent an event of unknown type {raw.type!r}.")
    found = decoder.one(raw.object)
    return WatchEvent(kinds[raw.type], found) if found is not None else _undecodable(decoder, raw)


def _undecodable(decoder: Decoder[K], raw: RawEvent) -> WatchEvent[K]:
    reason = decoder.skipped.pop()
    log.warning("left out %s", reason)
    try:
        metadata = msgspec.json.decode(raw.object, type=Named).metadata
    except msgspec.DecodeError:
        least = msgspec.json.decode(raw.object, type=JustNamed, strict=False).metadata
        metadata = msgspec.structs.replace(Named().metadata, name=least.name, namespace=least.namespace)
    return WatchEvent("DELETED", decoder.kind(metadata=metadata), reason)
