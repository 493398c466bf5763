"""The live mesh behind the screens: lists once, watches, polls what runs, publishes a new Mesh at most once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime

import yaml

from meshdoctor.collect.kept import Kept
from meshdoctor.collect.link import Link
from meshdoctor.collect.live import Options, Runtime, ask_running, assemble, collect, require_istio
from meshdoctor.collect.objects import Listed, list_kind, list_kinds
from meshdoctor.collect.walked import read_walk
from meshdoctor.istio.matching import Call
from meshdoctor.istio.steps import Step
from meshdoctor.kube.client import ApiClient, Discovery, Gone
from meshdoctor.kube.pods import WHOLE
from meshdoctor.model import kinds
from meshdoctor.model.errors import CredentialsError, MeshdoctorError, Unreachable
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.redact import masked, redact
from meshdoctor.model.sources import SourceState
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod

log = logging.getLogger("meshdoctor.store")

LIVEZ_EVERY = 2.0
LIVEZ_WAIT = 2.0
RUNTIME_EVERY = 10.0
RUNTIME_AGAIN = 5.0  # seconds from one look at what runs to the next, where configuration was changed meanwhile
ANSWERED_IN = 1.5  # seconds within which istiod has sent a change on, and proxies took or refused it
PUBLISH_EVERY = 1.0
RETRY_AFTER = (1.0, 2.0, 5.0)

Listener = Callable[[], None]
Opener = Callable[[], AbstractAsyncContextManager[ApiClient]]


class Store:
    """One cluster, kept up to date. `run` never raises and ends only when it is cancelled."""

    def __init__(self, opener: Opener, options: Callable[[ApiClient], Options], context: str = "") -> None:
        self.context = context
        self.mesh: Mesh | None = None
        self._opener = opener
        self._options = options
        self._api: ApiClient | None = None
        self._discovery: Discovery | None = None
        self._kubernetes = ""
        self._kept: dict[type, Kept] = {}
        self._runtime = Runtime()
        self._link = Link()
        self._alive_at: float | None = None
        self._listeners: list[Listener] = []
        self._wake = asyncio.Event()
        self._dirty = asyncio.Event()
        self._configured = asyncio.Event()

    @property
    def link(self) -> Link:
        """The connection's state, its age counted up to now."""
        age = None if self._alive_at is None else round(time.monotonic() - self._alive_at, 1)
        made = self._link
        return Link(state=made.state, reason=made.reason, do=made.do, since=made.since, age_s=age)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` whenever mesh or link changed; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def retry(self) -> None:
        """Try now rather than at the next turn."""
        self._wake.set()

    async def run(self) -> None:
        """Connect, list, watch and poll; on failure say so and try again."""
        attempt = 0
        while True:
            try:
                async with self._opener() as api:
                    attempt = 0
                    await self._session(api)
            except MeshdoctorError as why:
                self._say(Link(state="error", reason=f"{why.observed} {why.means}".strip(), do=why.do, since=datetime.now(UTC)))
            except asyncio.CancelledError:
                raise
            except Exception as crash:  # the app never exits by itself: a bug here is shown, logged and retried
                log.exception("the store's session crashed")
                self._say(Link(state="error", reason=f"{type(crash).__name__}: {crash}", since=datetime.now(UTC)))
            finally:
                self._api = None
            await self._pause(RETRY_AFTER[min(attempt, len(RETRY_AFTER) - 1)])
            attempt += 1

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _session(self, api: ApiClient) -> None:
        """One connection, until it breaks for good."""
        self._api = api
        options = self._options(api)
        discovery, self._kubernetes = await asyncio.gather(api.discover(), api.version())
        self._discovery = discovery
        self._alive()
        for listed in await list_kinds(api, discovery, options.wanted, options.namespace):
            self._kept[listed.kind] = Kept(listed)
        self._publish()
        if self.mesh is not None:
            require_istio(self.mesh, options)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pulse(api))
                group.create_task(self._poll(api, options))
                group.create_task(self._publisher())
                for kept in self._kept.values():
                    if kept.watchable:
                        group.create_task(self._watch(api, kept, options))
        except ExceptionGroup as several:  # the first that failed is why the others were ended: told as if it came alone
            raise several.exceptions[0] from several

    async def _pulse(self, api: ApiClient) -> None:
        """Tell live from stale: a short question every two seconds."""
        while True:
            try:
                await asyncio.wait_for(api.livez(), LIVEZ_WAIT)
                self._alive()
            except CredentialsError:
                raise
            except (MeshdoctorError, TimeoutError) as why:
                if self._link.state == "live":
                    reason = str(why) or f"the API server has not answered for {LIVEZ_WAIT:.0f} s"
                    self._say(Link(state="stale", reason=reason, since=datetime.now(UTC)))
                else:
                    self._tell()
            await self._pause(LIVEZ_EVERY)

    def _alive(self) -> None:
        self._alive_at = time.monotonic()
        if self._link.state != "live":
            self._say(Link(state="live", since=datetime.now(UTC)))
        else:
            self._tell()

    async def _poll(self, api: ApiClient, options: Options) -> None:
        """Ask istiod, proxies and Prometheus again and again, and soon after a change of configuration."""
        while True:
            self._configured.clear()
            began = time.monotonic()
            if self.mesh is not None and self._link.state == "live":
                try:
                    self._runtime = await ask_running(api, self.mesh, options)
                    for kept in self._kept.values():
                        if kept.kind in kinds.METADATA_ONLY:
                            await self._relist(api, kept, options)
                    self._dirty.set()
                except (CredentialsError, Unreachable) as why:
                    log.info("running parts not asked: %s", why)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._configured.wait(), RUNTIME_EVERY if self._runtime.istiods else 2.0)
                await asyncio.sleep(max(ANSWERED_IN, RUNTIME_AGAIN - (time.monotonic() - began)))

    async def _publisher(self) -> None:
        """A new Mesh at most once a second, and only when something changed."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._publish()
            await asyncio.sleep(PUBLISH_EVERY)

    def _publish(self) -> None:
        if self._api is None:
            return
        listed = [k.listed(self._alive_at) for k in self._kept.values()]
        self.mesh = assemble(self._api, listed, self._runtime, kubernetes=self._kubernetes)
        self._tell()

    async def _watch(self, api: ApiClient, kept: Kept, options: Options) -> None:
        """Follow one kind; list it anew when the watch is too old or broke."""
        while True:
            try:
                changes = api.watch(
                    kept.kind, version=kept.version, namespace=kept.namespace, resource_version=kept.resource_version
                )
                async with aclosing(changes):
                    async for event in changes:
                        if kept.apply(event.type, event.object):
                            self._dirty.set()
                            if kept.kind.GROUP in kinds.ISTIO_GROUPS:
                                self._configured.set()
                continue
            except Gone:
                log.info("watch of %s is too old: listing again", kept.kind.resource())
            except CredentialsError:
                raise
            except MeshdoctorError as why:
                kept.mark(SourceState.STALE, str(why))
                self._dirty.set()
                await asyncio.sleep(RETRY_AFTER[0])
            await self._relist(api, kept, options)

    async def _relist(self, api: ApiClient, kept: Kept, options: Options) -> None:
        if self._discovery is None:
            return
        listed: Listed = await list_kind(api, self._discovery, kept.kind, options.namespace)
        if listed.table.source.state is SourceState.LIVE:
            kept.replace(listed)
            self._dirty.set()
        elif kept.source.state not in (SourceState.LIVE, SourceState.STALE):
            kept.source = listed.table.source  # never read: there are no rows that could be old
        else:
            kept.mark(SourceState.STALE, listed.table.source.reason or "")
            await asyncio.sleep(RETRY_AFTER[1])

    def _say(self, link: Link) -> None:
        self._link = link
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _connected(self) -> ApiClient:
        if self._api is None:
            raise Unreachable("There is no connection to the cluster now.", do="Press r to try again.")
        return self._api

    def client(self) -> ApiClient:
        """The open connection, for a change. Raises Unreachable where there is none."""
        return self._connected()

    async def look(self) -> Mesh:
        """A snapshot read now, all of it: what a change is planned on, and verified by."""
        api = self._connected()
        return await collect(api, self._options(api))

    async def object_yaml(self, subject: Subject) -> str:
        """The live object as YAML, without managedFields and without secrets."""
        api = self._connected()
        kind = next((k for k in kinds.ALL if subject.group == k.GROUP and subject.kind == k.KIND), None)
        if kind is None or self._discovery is None:
            raise MeshdoctorError(f"{subject} cannot be shown.", "It is not an object that is read here.")
        version = self._discovery.version_of(kind) or kind.VERSIONS[0]
        prefix = f"/apis/{kind.GROUP}/{version}" if kind.GROUP else f"/api/{version}"
        place = f"/namespaces/{subject.namespace}" if kind.NAMESPACED else ""
        if kind in kinds.METADATA_ONLY:
            raise MeshdoctorError(f"{subject} is not shown.", "The bodies of Secrets are never read.")
        body = await api.get_bytes(f"{prefix}{place}/{kind.PLURAL}/{subject.name}")
        return _yaml(body)

    async def envoy(self, namespace: str, pod: str, path: str, *, full: bool = False) -> bytes:
        """GET an admin path of a pod's Envoy, up to 1 MB or, where all is asked for, 8 MB.

        What would change its state is refused by the transport.
        """
        return (await self._connected().pod_get(namespace, pod, 15000, path, limit=WHOLE if full else None)).body

    async def walk(self, pod: Pod, call: Call) -> tuple[Step, ...]:
        """The steps of a call through what the pod's Envoy has now."""
        if self.mesh is None:
            raise Unreachable("The mesh is still being read.")
        return await read_walk(self._connected(), self.mesh, pod, call)

    async def pod_logs(self, namespace: str, pod: str, container: str) -> str:
        """The last lines of a container."""
        body = await self._connected().logs(namespace, pod, container, since_seconds=3600, tail_lines=500)
        return redact(body.decode("utf-8", "replace"))


def _yaml(body: bytes) -> str:
    document = masked(yaml.safe_load(body.decode("utf-8", "replace")))
    if isinstance(document, dict):
        metadata = document.get("metadata", {})
        metadata.pop("managedFields", None)
        metadata.get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
