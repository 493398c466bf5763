"""The API server's client: reads, watches, logs, and HTTP to the ports of pods. Everything of it is a read, but `write`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from meshdoctor.kube import discovery, permissions
from meshdoctor.kube.answers import not_the_api, plain_words
from meshdoctor.kube.consent import Consent
from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.definitions import Versions, versions_of
from meshdoctor.kube.discovery import Discovery
from meshdoctor.kube.dryrun import dry_run_pod
from meshdoctor.kube.failures import Denied, Gone, NotFound, PodRefused, TimeIsUp
from meshdoctor.kube.listing import Lister, Listing, collection_path, count_of
from meshdoctor.kube.pods import PodAnswer, Pods
from meshdoctor.kube.session import Params, Recorder, RequestLine, Session
from meshdoctor.kube.watch import WatchEvent, watch_kind
from meshdoctor.kube.writing import Write, send
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.dryrun import DryRun
from meshdoctor.model.errors import ClusterError

__all__ = [
    "ApiClient",
    "Denied",
    "Discovery",
    "Gone",
    "Listing",
    "NotFound",
    "PodAnswer",
    "PodRefused",
    "Recorder",
    "RequestLine",
    "WatchEvent",
]

K = TypeVar("K", bound=KubernetesObject)
T = TypeVar("T")


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of /version."""

    git_version: str


class ApiClient:
    """An async context manager; `timeout` seconds replaces the 10 that an answer may take. Raises MeshdoctorError only."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        timeout: float | None = None,
        on_request: Callable[[RequestLine], None] | None = None,
        recorder: Recorder | None = None,
        dry_runs: bool = False,
    ) -> None:
        self._session = Session(credentials, timeout, on_request, recorder, dry_runs=dry_runs)
        self._pods = Pods(self._session, timeout, on_request)
        self._versions: dict[tuple[str, str], Versions | ClusterError] = {}
        self._ends_at: float | None = None

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._pods.close()
        await self._session.close()

    @property
    def credentials(self) -> Credentials:
        """Who we are now; plugins' credentials are renewed when they end."""
        return self._session.credentials

    def now(self) -> datetime:
        """The API server's clock, in UTC; this machine's until it answered once."""
        return self._session.clock.now()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Whatever is read here is answered within so many seconds from now, or raises TimeIsUp: the rest is not lost."""
        self._ends_at = asyncio.get_running_loop().time() + seconds
        try:
            yield
        finally:
            self._ends_at = None

    async def _in_time(self, asked: Awaitable[T], path: str = "") -> T:
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await asked
        except TimeoutError as why:
            late = TimeIsUp()
            if path:
                self._session.unanswered(path, late.observed)
            raise late from why

    async def get_bytes(
        self, path: str, params: Params | None = None, headers: Mapping[str, str] | None = None, *, long: bool = False
    ) -> bytes:
        """The body of a GET; `long` where it may be large."""
        asked = f"{path}?{httpx.QueryParams(dict(params))}" if params else path
        return (await self._in_time(self._session.fetch(path, params, headers, long=long), asked))[0]

    async def get(self, path: str, shape: type[T], params: Params | None = None) -> T:
        """The decoded body of a GET. Raises NotTheAPI where it is no JSON, ClusterError where it has not this shape."""
        body = await self.get_bytes(path, params)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.ValidationError as why:
            raise ClusterError(f"GET {path} answered what cannot be decoded: {why}.") from why
        except msgspec.DecodeError as why:
            raise not_the_api(self.credentials.server, plain_words(body)) from why

    async def version(self) -> str:
        """The API server's version, e.g. `v1.36.3`."""
        body = await self.get_bytes("/version")
        try:
            return msgspec.json.decode(body, type=Version).git_version
        except msgspec.DecodeError as why:
            raise not_the_api(self.credentials.server, plain_words(body)) from why

    async def dry_run_pod(self, namespace: str, labels: dict[str, str] | None = None) -> DryRun:
        """What admission does to a test pod with these labels; refused unless the client was opened with `dry_runs`."""
        return await self._in_time(dry_run_pod(self._session, namespace, labels))

    async def livez(self) -> bool:
        """True where the API server says that it lives. Raises what keeps it from that."""
        return (await self.get_bytes("/livez")).strip() == b"ok"

    async def discover(self) -> Discovery:
        """Which kinds are served, in which versions."""
        return await self._in_time(discovery.discover(self._session))

    async def list(
        self,
        kind: type[K],
        *,
        version: str | None = None,
        namespace: str | None = None,
        metadata_only: bool = False,
        field_selector: str | None = None,
        label_selector: str | None = None,
    ) -> Listing[K]:
        """All objects of a kind, of one namespace or all. Raises Denied, NotFound (not served), Unreachable and the like."""
        selectors = {"fieldSelector": field_selector, "labelSelector": label_selector}
        given = {name: value for name, value in selectors.items() if value}
        path = collection_path(kind, version, namespace)
        asked = f"{path}?{httpx.QueryParams(given)}" if given else path
        return await self._in_time(Lister(self._session, kind, path, given, metadata_only=metadata_only).run(), asked)

    async def versions_of(self, definition: str, resource_version: str = "") -> Versions:
        """The versions of a CustomResourceDefinition: served and stored. One that was read is asked for again when it changed."""
        key = (definition, resource_version)
        if key not in self._versions:
            try:
                self._versions[key] = await self._in_time(versions_of(self._session, definition, resource_version))
            except (Denied, NotFound) as why:
                self._versions[key] = why
        found = self._versions[key]
        if isinstance(found, ClusterError):
            raise found
        return found

    async def count(self, kind: type[K]) -> int:
        """How many objects of a kind there are, as far as the API server tells; 0 where it does not."""
        return await self._in_time(count_of(self._session, collection_path(kind, None, None)))

    @property
    def records(self) -> bool:
        """Whether what is read is kept for a recording."""
        return self._session.recorder is not None

    def watch(
        self, kind: type[K], *, version: str | None = None, namespace: str | None = None, resource_version: str
    ) -> AsyncGenerator[WatchEvent[K], None]:
        """Changes from a list's version on, until the server ends the watch. Raises Gone on 410: list again."""
        return watch_kind(self._session, kind, collection_path(kind, version, namespace), resource_version)

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        since_seconds: int = 60,
        tail_lines: int = 2000,
        limit_bytes: int = 2_000_000,
        previous: bool = False,
    ) -> bytes:
        """The end of a container's log, each line after its time; with `previous` of the container before it restarted."""
        params = {
            "container": container,
            "sinceSeconds": since_seconds,
            "tailLines": tail_lines,
            "limitBytes": limit_bytes,
            "previous": str(previous).lower(),
            "timestamps": "true",
        }
        return await self.get_bytes(f"/api/v1/namespaces/{namespace}/pods/{pod}/log", params, {"Accept": "*/*"}, long=True)

    async def pod_get(
        self, namespace: str, pod: str, port: int, path: str, *, limit: int | None = None, container: str = "istio-proxy"
    ) -> PodAnswer:
        """GET from a port of a pod, by port-forward, exec or proxy. Raises ClusterError above `limit` bytes, Denied, PodRefused.

        A proxy is asked one thing at a time, and for 1 MB at most where no `limit` is given; of others 8 MB are read.
        """
        return await self._in_time(self._pods.get(namespace, pod, port, path, limit=limit, container=container))

    async def review(self, verb: str, group: str, resource: str, namespace: str = "", subresource: str = "") -> bool:
        """Whether we may do this."""
        return await self._in_time(permissions.review(self._session, verb, group, resource, namespace, subresource))

    async def write(self, write: Write, consent: Consent) -> dict[str, Any]:
        """Write one object, once, with the operator's leave; see `meshdoctor.kube.writing` for what it raises."""
        return await send(self._session, write, consent)
