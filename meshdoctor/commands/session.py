"""Opens what a command looks at: a cluster by its kubeconfig, or a recorded mesh by the replay server."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from meshdoctor.collect.live import Options, Progress, collect
from meshdoctor.collect.written import written
from meshdoctor.diagnosis import judge_ahead
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.session import RequestLine
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.redact import redact
from meshdoctor.model.sources import SourceState
from meshdoctor.model.text import plain
from probes.registry import load

if TYPE_CHECKING:
    from meshdoctor.bundle.recording import Recording
    from meshdoctor.kube.session import Recorder

T = TypeVar("T")


@asynccontextmanager
async def open_api(
    arguments: argparse.Namespace,
    context: str | None = None,
    recorder: Recorder | None = None,
    seen: Callable[[RequestLine], None] | None = None,
) -> AsyncIterator[ApiClient]:
    """A client for the cluster or the recording that the flags name; `recorder` keeps what it is answered,
    `seen` is told of each request."""
    from meshdoctor.kube.credentials import load

    async with AsyncExitStack() as stack:
        recording, name = _recorded(arguments)
        if recording is not None:
            credentials = await _replayed(stack, recording, name)
        else:
            credentials = await load(arguments.kubeconfig, context or arguments.context)
        verbose = getattr(arguments, "verbose", False)

        def show(line: RequestLine) -> None:
            for each in (_show_request if verbose else None, seen):
                if each is not None:
                    each(line)

        active = getattr(arguments, "active", False)
        client = ApiClient(
            credentials, timeout=arguments.timeout, on_request=show if verbose or seen else None, dry_runs=active, recorder=recorder
        )
        yield await stack.enter_async_context(client)


def _recorded(arguments: argparse.Namespace) -> tuple[Recording | None, str]:
    """The recording that the flags name instead of a cluster, and what it is called; what of a bundle was not read is said."""
    bundle, scenario = getattr(arguments, "bundle", None), getattr(arguments, "demo", None)
    if bundle:
        from meshdoctor.bundle.opening import open_bundle

        opened = open_bundle(Path(bundle))
        for note in opened.notes:
            print(f"meshdoctor: {plain(note, 400)}", file=sys.stderr)
        return opened.recording, f"bundle/{opened.path.name}"
    if scenario:
        from meshdoctor.bundle.scenarios import open_scenario

        return open_scenario(scenario), f"demo/{scenario}"
    return None, ""


async def _replayed(stack: AsyncExitStack, recording: Recording, name: str) -> Any:
    from meshdoctor.bundle.replay import ReplayServer
    from meshdoctor.kube.credentials import Credentials

    server = await stack.enter_async_context(ReplayServer(recording))
    return Credentials(context=name, cluster=name, server=server.url, user="demo", namespace="default")


def _show_request(line: RequestLine) -> None:
    what = plain(redact(f"{line.method} {line.path} {line.status or 'no answer'}"), 600)
    print(f"{what} {line.ms:.0f} ms {line.bytes} bytes", file=sys.stderr)


def options(arguments: argparse.Namespace, api: ApiClient) -> Options:
    """What to collect: where all namespaces may not be listed, `-n` or the context's namespace is."""
    return Options(
        namespace=arguments.namespace or api.credentials.namespace or None,
        istio_namespace=arguments.istio_namespace,
        active=getattr(arguments, "active", False),
        traffic_s=getattr(arguments, "traffic_s", 0.0),
    )


async def look(arguments: argparse.Namespace, progress: Progress, *, fields: bool = False) -> tuple[Mesh, float]:
    """One snapshot, and the seconds it took; with `fields` of Istio's objects all that is written in them."""
    began = time.perf_counter()
    async with open_api(arguments) as api:
        asyncio.get_running_loop().call_later(0.1, load)  # importing the rules fits into the wait for the first answers
        # what is written joins the mesh afterwards: then nothing can be judged before
        mesh = await collect(api, options(arguments, api), progress, None if fields else judge_ahead)
        if fields:
            mesh.manifests = await written(api, await api.discover(), mesh)
    _say_where_missing(mesh, arguments.namespace)
    return mesh, time.perf_counter() - began


def _say_where_missing(mesh: Mesh, namespace: str | None) -> None:
    """A misspelt `-n` would report nothing and look healthy: it is said, with near names."""
    if not namespace or mesh.state(Namespace) != SourceState.LIVE:
        return
    names = [n.name for n in mesh[Namespace]]
    if namespace not in names:
        near = difflib.get_close_matches(namespace, names, 3, 0.5)
        hint = f" Near: {', '.join(near)}." if near else ""
        print(plain(f"meshdoctor: there is no namespace {namespace!r}.{hint}", 600), file=sys.stderr)


def looked(arguments: argparse.Namespace, *, fields: bool = False) -> tuple[Mesh, float]:
    """What `look` gives, from outside the event loop, with a line on what is being waited for."""
    with Waiting(colour=not arguments.no_color) as waiting:
        return run_async(look(arguments, waiting, fields=fields))


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. What it gives goes past its task: asyncio writes out a finished task with all of its result."""
    given: list[T] = []

    async def running() -> None:
        given.append(await main)

    asyncio.run(running())
    return given[0]


class Waiting:
    """A line on stderr that says what is being waited for; only on a terminal, and only after a second."""

    def __init__(self, *, colour: bool) -> None:
        self._doing = "connecting"
        self._status: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(1.0, self._show)
        self._timer.daemon = True
        if sys.stderr.isatty() and colour:
            self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def __call__(self, doing: str) -> None:
        self._doing = doing
        with self._lock:
            if self._status is not None:
                self._status.update(f"{doing} …")

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            if not self._timer.finished.is_set():
                self._status = Console(stderr=True).status(f"{self._doing} …")
                self._status.start()

    def stop(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            if self._status is not None:
                self._status.stop()
