"""Lists all objects of a kind: in one request from the watch cache, in pages where that is refused."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from meshdoctor.kube.answers import not_the_api, plain_words
from meshdoctor.kube.failures import Denied, Gone, NotFound
from meshdoctor.kube.objects import Decoder
from meshdoctor.kube.packed import ACCEPT, CONTENT_TYPE, Garbled, PackedList, is_packed
from meshdoctor.kube.session import Session
from meshdoctor.kube.splitting import ListMeta, Splitter, check_kind
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.errors import ClusterError, CredentialsError, NotTheAPI
from meshdoctor.model.kinds import METADATA_ONLY

K = TypeVar("K", bound=KubernetesObject)

PAGE = 500
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
NAMESPACES = "Meshdoctor-Namespaces"  # the header of a bundle's list that knows some namespaces only
METADATA_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Listing(msgspec.Struct, Generic[K], frozen=True):
    """What a list gave: `skipped` names what could not be decoded, `bytes` is the size of all bodies.

    `namespaces`, where it is not None, are those that the list knows: a bundle may hold some only.
    """

    objects: tuple[K, ...]
    resource_version: str
    skipped: tuple[str, ...]
    bytes: int
    namespaces: tuple[str, ...] | None = None


def collection_path(kind: type[KubernetesObject], version: str | None, namespace: str | None) -> str:
    """Where the API server serves a kind."""
    version = version or kind.VERSIONS[0]
    root = f"/apis/{kind.GROUP}/{version}" if kind.GROUP else f"/api/{version}"
    inside = f"/namespaces/{namespace}" if namespace and kind.NAMESPACED else ""
    return f"{root}{inside}/{kind.PLURAL}"


class Lister(Generic[K]):
    """One list in the making."""

    def __init__(self, session: Session, kind: type[K], path: str, selectors: dict[str, str], *, metadata_only: bool) -> None:
        self._session, self._kind, self._path, self._selectors = session, kind, path, selectors
        # A kind that is never read whole stays so whatever the caller asked for.
        self._metadata_only = metadata_only or kind in METADATA_ONLY
        self._decoder = Decoder(kind, metadata_only=self._metadata_only)
        # What is recorded is kept as JSON, which whoever opens a bundle can read.
        self._packed = is_packed(kind) and not self._metadata_only and session.recorder is None
        self._objects: list[K] = []
        self._bytes = 0
        self._namespaces: tuple[str, ...] | None = None

    async def run(self) -> Listing[K]:
        """All objects. Raises Denied, NotFound, Unreachable and the like."""
        try:
            meta = await self._read({"resourceVersion": "0"})
        except (Denied, NotFound, CredentialsError, NotTheAPI):
            raise
        except ClusterError as why:  # too large for one answer, too busy, or too slow to begin
            meta = await self._pages(why)
        else:
            if meta.continue_:
                meta = await self._rest(meta)
        return Listing(tuple(self._objects), meta.resource_version, tuple(self._decoder.skipped), self._bytes, self._namespaces)

    async def _pages(self, before: ClusterError) -> ListMeta:
        try:
            return await self._rest(await self._fresh())
        except Gone:  # the pages' own version was compacted meanwhile: once more
            return await self._rest(await self._fresh())
        except ClusterError as why:
            raise why from before

    async def _fresh(self) -> ListMeta:
        self._objects.clear()
        self._decoder.skipped.clear()
        return await self._read({"limit": str(PAGE)})

    async def _rest(self, meta: ListMeta) -> ListMeta:
        while meta.continue_:
            meta = await self._read({"limit": str(PAGE), "continue": meta.continue_})
        return meta

    async def _read(self, params: dict[str, str]) -> ListMeta:
        """One request, decoded as it arrives: once more in JSON where its protobuf is not what was expected."""
        if self._packed:
            try:
                return await self._request(params)
            except Garbled:
                self._packed = False
        skipped = len(self._decoder.skipped)
        try:
            return await self._request(params)
        except ClusterError:
            del self._decoder.skipped[skipped:]
            raise

    async def _request(self, params: dict[str, str]) -> ListMeta:
        session = self._session
        kept = bytearray() if session.recorder is not None else None
        accept = {"Accept": self._accepted()}
        async with session.gate, session.open(self._path, params | self._selectors, headers=accept, long=True) as response:
            said = response.headers.get(NAMESPACES)
            self._namespaces = None if said is None else tuple(n for n in said.split(",") if n)
            shown, kind = session.shown(response), str(response.headers.get("content-type", ""))
            splitter = self._splitter(kind)
            async for chunk in response.aiter_bytes():
                splitter.feed(chunk)
                response.extensions["size"][0] += len(chunk)
                if kept is not None:
                    kept += chunk
        found = self._finish(splitter, bytes(splitter.head()))
        if kept is not None:
            session.record(shown, 200, kind, bytes(kept))
        self._objects.extend(splitter.objects)
        self._bytes += splitter.size
        return found

    def _accepted(self) -> str:
        if self._metadata_only:
            return METADATA_LIST
        return ACCEPT if self._packed else "application/json"

    def _splitter(self, content_type: str) -> Splitter[K] | PackedList[K]:
        if self._packed and content_type.partition(";")[0].strip() == CONTENT_TYPE:
            return PackedList(self._kind)
        return Splitter(self._decoder.many, self._decoder.one, self._decoder.whole)

    def _finish(self, splitter: Splitter[K] | PackedList[K], head: bytes) -> ListMeta:
        try:
            found = splitter.finish()
        except msgspec.DecodeError as why:
            raise not_the_api(self._session.credentials.server, plain_words(head)) from why
        if self._metadata_only:
            check_kind(found.kind, "PartialObjectMetadataList")
        elif not found.kind.endswith("List"):
            raise not_the_api(self._session.credentials.server, plain_words(head))
        else:
            check_kind(found.kind, f"{self._kind.KIND}List")
        return found.metadata


class _Head(msgspec.Struct, frozen=True):
    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] | None = None


async def count_of(session: Session, path: str) -> int:
    """How many objects a collection has, from a page of one; 0 where the API server does not say."""
    body, _ = await session.fetch(path, {"limit": "1"})
    head = msgspec.json.decode(body, type=_Head)
    return len(head.items or ()) + (head.metadata.remaining_item_count or 0)
