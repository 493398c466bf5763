"""Where screens get what they show: a live store with its diagnosis, or a still picture for tests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from meshdoctor.collect.link import Link
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from screens import garbage
from screens.threads import aside

if TYPE_CHECKING:
    from meshdoctor.istio.matching import Call
    from meshdoctor.istio.steps import Step
    from meshdoctor.kube.client import ApiClient
    from meshdoctor.model.workloads import Pod

log = logging.getLogger("meshdoctor.screens")
Listener = Callable[[], None]
Judge = Callable[[Mesh], Diagnosis]


class Store(Protocol):
    """What `meshdoctor.collect.store.Store` offers: one context, watched."""

    @property
    def link(self) -> Link: ...
    @property
    def mesh(self) -> Mesh | None: ...
    @property
    def context(self) -> str: ...
    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener, in the event loop, when mesh or link changed; returns how to stop that."""
        ...

    async def run(self) -> None:
        """Connect, list, watch and poll until cancelled. Never raises."""
        ...

    def retry(self) -> None:
        """Try now."""
        ...

    def client(self) -> ApiClient:
        """The open connection, for a change. Raises MeshdoctorError where there is none."""
        ...

    async def look(self) -> Mesh:
        """A snapshot read now: what a change is planned on, and verified by."""
        ...

    async def object_yaml(self, subject: Subject) -> str:
        """The live object, secret data removed."""
        ...

    async def envoy(self, namespace: str, pod: str, path: str, *, full: bool = False) -> bytes:
        """What an Envoy's admin port answers to a GET: 1 MB at most, unless all is asked for."""
        ...

    async def walk(self, pod: Pod, call: Call) -> tuple[Step, ...]:
        """The steps of a call through what the pod's Envoy has."""
        ...

    async def pod_logs(self, namespace: str, pod: str, container: str) -> str:
        """The last lines of a container's log."""
        ...


class Feed(Store, Protocol):
    """A store together with what was judged of its mesh."""

    @property
    def diagnosis(self) -> Diagnosis | None: ...


@runtime_checkable
class Switches(Protocol):
    """A feed that can go to another context, or to the demo."""

    async def contexts(self) -> tuple[str, ...]:
        """The contexts there are."""
        ...

    def switch(self, context: str | None) -> None:
        """Go there now, whatever the old one is doing."""
        ...

    async def demo(self) -> None:
        """Go to the recorded mesh."""
        ...


def _judge(mesh: Mesh) -> Diagnosis:
    """The rules, imported when there is something to judge: not before the first frame."""
    from meshdoctor.diagnosis import judge

    return judge(mesh)


class LiveFeed:
    """Owns one store at a time and judges its newest mesh in a thread.

    `mesh` and `diagnosis` belong together: the mesh shown is the one that was judged, but for the very first.
    """

    def __init__(
        self,
        open_store: Callable[[str | None], Store],
        *,
        context: str | None = None,
        list_contexts: Callable[[], Iterable[str]] = tuple,
        open_demo: Callable[[], Awaitable[Store]] | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._open_store = open_store
        self._list_contexts = list_contexts
        self._open_demo = open_demo
        self._judge = judge or _judge
        self._wanted = context
        self._listeners: list[Listener] = []
        self._store: Store | None = None
        self._ready: Store | None = None  # the demo's store, opened and waiting to be run
        self._failed: Link | None = None
        self._turn: asyncio.Task[None] | None = None
        self._old: set[asyncio.Task[None]] = set()
        self._next = asyncio.Event()
        self.mesh: Mesh | None = None
        self.diagnosis: Diagnosis | None = None

    @property
    def link(self) -> Link:
        """The store's, or why there is none."""
        if self._failed is not None:
            return self._failed
        return self._store.link if self._store else Link()

    @property
    def context(self) -> str:
        return (self._store.context if self._store else self._wanted) or ""

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    async def run(self) -> None:
        """Serve one store after another until cancelled."""
        try:
            with garbage.quiet():
                while True:
                    self._next.clear()
                    self._turn = asyncio.create_task(self._serve())
                    await self._next.wait()
                    self._let_go(self._turn)
        finally:
            if self._turn is not None:
                self._turn.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([self._turn], timeout=1)

    def switch(self, context: str | None) -> None:
        """Go to a context: what runs is cancelled, and not waited for."""
        self._wanted, self._ready = context, None
        self._begin_again()

    async def demo(self) -> None:
        """Go to the recorded mesh; raises MeshdoctorError where there is none."""
        if self._open_demo is None:
            raise MeshdoctorError("There is no recorded mesh here.")
        self._ready = await self._open_demo()
        self._begin_again()

    async def contexts(self) -> tuple[str, ...]:
        return await aside(lambda: tuple(self._list_contexts()))

    def retry(self) -> None:
        """Try now: the store, or to open one where that failed."""
        if self._failed is not None:
            self._begin_again()
        elif self._store is not None:
            self._store.retry()

    def client(self) -> ApiClient:
        return self._open().client()

    async def look(self) -> Mesh:
        return await self._open().look()

    async def object_yaml(self, subject: Subject) -> str:
        return await self._open().object_yaml(subject)

    async def envoy(self, namespace: str, pod: str, path: str, *, full: bool = False) -> bytes:
        return await self._open().envoy(namespace, pod, path, full=full)

    async def walk(self, pod: Pod, call: Call) -> tuple[Step, ...]:
        return await self._open().walk(pod, call)

    async def pod_logs(self, namespace: str, pod: str, container: str) -> str:
        return await self._open().pod_logs(namespace, pod, container)

    def _open(self) -> Store:
        if self._store is None:
            raise MeshdoctorError("Not connected to a cluster.")
        return self._store

    def _begin_again(self) -> None:
        self._store, self._failed = None, None
        self.mesh, self.diagnosis = None, None
        self._next.set()
        self._tell()

    def _let_go(self, task: asyncio.Task[None]) -> None:
        """Cancel without waiting: an API that hangs must not hold the next one up."""
        task.cancel()
        self._old.add(task)
        task.add_done_callback(self._old.discard)

    async def _serve(self) -> None:
        """Run one store and judge what it brings, until cancelled."""
        try:
            # In a thread: opening imports half of the program, and the first frame must not wait for that.
            ready = self._ready
            store: Store = await aside(partial(self._open_store, self._wanted)) if ready is None else ready
            self._store = store
        except MeshdoctorError as error:
            self._failed = Link(state="error", reason=f"{error.observed} {error.means}".strip(), do=error.do)
            self._tell()
            return
        self._ready = None
        changed = asyncio.Event()

        def news() -> None:
            changed.set()
            self._tell()

        stop = store.subscribe(news)
        judging = asyncio.create_task(self._judge_newest(store, changed))
        try:
            await store.run()
        finally:
            stop()
            judging.cancel()

    async def _judge_newest(self, store: Store, changed: asyncio.Event) -> None:
        """One judgement at a time, always of the newest mesh: those that came between are passed over."""
        judged: Mesh | None = None
        while True:
            mesh = store.mesh
            if mesh is None or mesh is judged:
                await changed.wait()
                changed.clear()
                continue
            if self.diagnosis is None:
                self.mesh = mesh
                self._tell()
            try:
                diagnosis = await aside(partial(self._judge, mesh))
            except Exception:  # the screens live on with the last diagnosis; the log has the crash
                log.exception("judging failed")
            else:
                if store is self._store:
                    self.mesh, self.diagnosis = mesh, diagnosis
                    self._tell()
                    garbage.settle()
            judged = mesh

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class StillFeed:
    """A mesh that does not move by itself: for tests, and for a bundle that is only looked at."""

    def __init__(
        self,
        mesh: Mesh | None = None,
        diagnosis: Diagnosis | None = None,
        link: Link | None = None,
        *,
        context: str = "test",
        yaml: str = "",
        envoy: dict[str, bytes] | None = None,
        logs: str = "",
    ) -> None:
        self.mesh = mesh
        self.diagnosis = diagnosis
        self.link = link or Link(state="live", age_s=0.8)
        self.context = context
        self.retried = 0
        self.walked: tuple[Step, ...] = ()
        self._yaml, self._envoy, self._logs = yaml, envoy or {}, logs
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def show(self, mesh: Mesh | None, diagnosis: Diagnosis | None = None) -> None:
        """Replace the picture, as a change in the cluster would."""
        self.mesh, self.diagnosis = mesh, diagnosis
        for listener in tuple(self._listeners):
            listener()
        garbage.settle()

    async def run(self) -> None:
        with garbage.quiet():
            await asyncio.Event().wait()

    def retry(self) -> None:
        self.retried += 1

    def client(self) -> ApiClient:
        raise MeshdoctorError("This is a picture, not a cluster: nothing can be tried out or written.")

    async def look(self) -> Mesh:
        if self.mesh is None:
            raise MeshdoctorError("There is no mesh in this picture.")
        return self.mesh

    async def object_yaml(self, subject: Subject) -> str:
        if not self._yaml:
            raise MeshdoctorError(f"{subject} is not in this picture.")
        return self._yaml

    async def envoy(self, namespace: str, pod: str, path: str, *, full: bool = False) -> bytes:
        if path not in self._envoy:
            raise MeshdoctorError(f"{path} of {namespace}/{pod} was not recorded.")
        return self._envoy[path]

    async def walk(self, pod: Pod, call: Call) -> tuple[Step, ...]:
        return self.walked

    async def pod_logs(self, namespace: str, pod: str, container: str) -> str:
        return self._logs
