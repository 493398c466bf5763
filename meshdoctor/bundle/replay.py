"""Serves a recording as a Kubernetes API on this machine, pods' ports and logs included."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.conversation import Conversation, Served
from meshdoctor.bundle.faults import Faults
from meshdoctor.bundle.http import SocketWire
from meshdoctor.bundle.lists import Object
from meshdoctor.bundle.load import Load
from meshdoctor.bundle.pods import RecordedPods
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.store import Store

BOOKMARK_SECONDS = 5.0
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: {context}
clusters:
- name: {context}
  cluster: {{server: "{url}"}}
contexts:
- name: {context}
  context: {{cluster: {context}, user: demo, namespace: default}}
users:
- name: demo
  user: {{}}
"""


class ReplayServer:
    """An async context manager; listens on 127.0.0.1 while it is open, on a free port where none is named.

    `requests` is what was asked, as (method, path with query); what a pod's port was asked is `pod NAMESPACE/POD:PORT /path`.
    """

    def __init__(self, recording: Recording, *, name: str = "", port: int = 0, bookmark_seconds: float = BOOKMARK_SECONDS) -> None:
        name = name or recording.name
        self.context = f"demo/{name}" if name else "demo"
        self.recording, self._port = recording, port
        self.requests: list[tuple[str, str]] = []
        self.load = Load()  # what pods were asked at once, and how much they answered
        self._store = Store(recording, self.now)
        self._faults = Faults()
        pods = RecordedPods(recording.answers)
        self._served = Served(self._store, pods, self._faults, self.requests, self.now, bookmark_seconds, self.load)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ReplayServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None, "the server is not open"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def kubeconfig(self, name: str = "") -> str:
        """A kubeconfig with one context (`demo`, `demo/SCENARIO`, or the name given) and no credentials."""
        return KUBECONFIG.format(context=name or self.context, url=self.url)

    def now(self) -> datetime:
        """The recording's time. It stands still: traffic and logs of the last minute stay those of the last minute,
        so that what is judged an hour after opening is what was judged at once.
        """
        return self.recording.recorded_at

    def change(self, path: str, event_type: str, thing: Object) -> None:
        """ADDED, MODIFIED or DELETED: changes what a collection (`/api/v1/pods`) holds, and tells its watches."""
        self._store.change(path, event_type, thing)

    def gone(self, path: str = "") -> None:
        """End the watches of a collection (of all, without one) with the 410 that means: list again."""
        self._store.gone(path)

    def freeze(self) -> None:
        """Go on accepting connections, and answer nothing."""
        self._faults.running.clear()

    def thaw(self) -> None:
        """Answer again, also what was asked meanwhile."""
        self._faults.running.set()

    def deny(self, *resources: str, allowed_in: Iterable[str] = ()) -> None:
        """Forbid resources (`pods`, `pods/log`, `gateways.networking.istio.io`), but in some namespaces."""
        self._faults.deny(resources, allowed_in)

    def delay(self, path_prefix: str, seconds: float) -> None:
        """Answer paths late; `pod NAMESPACE/POD:PORT /path` is what a pod's port answers."""
        self._faults.delay(path_prefix, seconds)

    def break_(self, path_prefix: str, status: int, body: bytes | str = b"", content_type: str = "text/html") -> None:
        """Answer paths that begin so (with `=` before it: that path alone) with this instead.

        `status` 0 breaks the connection off, and a pod's port refuses it.
        """
        self._faults.break_(path_prefix, Answer(status, content_type, body.encode() if isinstance(body, str) else body))

    def heal(self) -> None:
        """Take back denials, delays and broken answers."""
        self._faults.heal()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Conversation(self._served, SocketWire(reader, writer, self._faults.running)).run()
        except ConnectionError:
            pass  # the client went away
        finally:
            # Not closed but aborted: what the client does not read any more would keep it open.
            with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), 1.0)
            writer.transport.abort()
