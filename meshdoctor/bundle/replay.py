"""The replay server: a recording served as a Kubernetes API on loopback, port-forward included."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import msgspec

from meshdoctor.bundle import forward
from meshdoctor.bundle.answers import ApiAnswers, status
from meshdoctor.bundle.recording import Answer, Recording

BOOKMARK_EVERY = 5.0


class ReplayServer:
    """An async context manager; `url` is where it listens.

    Its clock is the recording's, going on from there: certificates that were valid then are valid in the demo.
    `freeze`, `deny`, `delay` and `break_` make it misbehave for tests; `requests` is what was asked.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.api = ApiAnswers(recording)
        self.requests: list[tuple[str, str]] = []
        self.url = ""
        self._began = time.monotonic()
        self._running = asyncio.Event()
        self._running.set()
        self._delays: dict[str, float] = {}
        self._broken: dict[str, Answer] = {}
        self._watchers: list[tuple[str, asyncio.Queue[dict[str, Any]]]] = []
        self._connections: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> ReplayServer:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def kubeconfig(self, name: str = "demo") -> str:
        """A kubeconfig for this server, without credentials (JSON is YAML)."""
        context = {"name": name, "context": {"cluster": name, "user": name}}
        made = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [context],
        }
        return msgspec.json.encode(made).decode()

    def freeze(self) -> None:
        """Accept connections, answer nothing."""
        self._running.clear()

    def thaw(self) -> None:
        """Answer again."""
        self._running.set()

    def deny(self, *resources: str) -> None:
        """Answer 403 to these resources from now on."""
        self.api.denied.update(resources)

    def delay(self, prefix: str, seconds: float) -> None:
        """Answer paths with this prefix late."""
        self._delays[prefix] = seconds

    def break_(self, prefix: str, code: int, body: bytes, content_type: str = "text/html") -> None:
        """Answer paths with this prefix with something else."""
        self._broken[prefix] = Answer(code, content_type, body)

    def change(self, path: str, event: str, thing: dict[str, Any]) -> None:
        """Change one object of a list, and tell the watchers of that path."""
        self.api.change(path, event, thing)
        for watched, queue in self._watchers:
            if watched == path:
                queue.put_nowait({"type": event, "object": thing})

    def gone(self, path: str) -> None:
        """Tell the watchers of a path that their version is too old."""
        for watched, queue in self._watchers:
            if watched == path:
                queue.put_nowait(
                    {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
                )

    def _now(self) -> str:
        elapsed = timedelta(seconds=time.monotonic() - self._began)
        return format_datetime(self.recording.recorded_at + elapsed, usegmt=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after another."""
        http = h11.Connection(h11.SERVER)
        while True:
            request, body = await self._request(http, reader)
            if request is None:
                return
            target = request.target.decode()
            self.requests.append((request.method.decode(), target))
            await self._running.wait()
            await asyncio.sleep(max((s for p, s in self._delays.items() if target.startswith(p)), default=0))
            if http.they_are_waiting_for_100_continue:
                writer.write(http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            if b"websocket" in dict(request.headers).get(b"upgrade", b"").lower():
                await self._forward(http, request, target, reader, writer)
                return
            if "watch=true" in target or "watch=1" in target:
                await self._watch(http, target, writer)
                return
            self._send(http, writer, self._answer(request.method.decode(), target, body))
            await writer.drain()
            if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                return
            http.start_next_cycle()

    async def _request(self, http: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
        request: h11.Request | None = None
        body = b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                request = event
                if b"websocket" in dict(event.headers).get(b"upgrade", b"").lower():
                    return request, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return request, body
            else:
                return None, b""

    def _answer(self, method: str, target: str, body: bytes) -> Answer:
        broken = next((a for p, a in self._broken.items() if target.startswith(p)), None)
        if broken is not None:
            return broken
        if method == "POST" and "accessreviews" in target:
            return self.api.review(body)
        if method not in ("GET", "HEAD"):
            return status(405, "MethodNotAllowed", f"a recording cannot be changed: {method} {target}")
        return self.api.get(target)

    def _send(self, http: h11.Connection, writer: asyncio.StreamWriter, answer: Answer) -> None:
        headers = [
            ("content-type", answer.content_type or "application/json"),
            ("content-length", str(len(answer.body))),
            ("date", self._now()),
        ]
        for piece in (h11.Response(status_code=answer.status, headers=headers), h11.Data(data=answer.body), h11.EndOfMessage()):
            writer.write(http.send(piece) or b"")

    async def _watch(self, http: h11.Connection, target: str, writer: asyncio.StreamWriter) -> None:
        """A stream of events that stays open: changes as they are made, and bookmarks."""
        path = unquote(urlsplit(target).path)
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        entry = (path, queue)
        self._watchers.append(entry)
        headers = [("content-type", "application/json"), ("transfer-encoding", "chunked"), ("date", self._now())]
        writer.write(http.send(h11.Response(status_code=200, headers=headers)) or b"")
        try:
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), BOOKMARK_EVERY)
                except TimeoutError:
                    event = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "1"}}}
                await self._running.wait()
                writer.write(http.send(h11.Data(data=msgspec.json.encode(event) + b"\n")) or b"")
                await writer.drain()
        finally:
            self._watchers.remove(entry)

    async def _forward(
        self, http: h11.Connection, request: h11.Request, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        url = urlsplit(target)
        words = url.path.strip("/").split("/")
        port = int(parse_qs(url.query).get("ports", ["0"])[0])
        known = len(words) == 7 and words[6] == "portforward" and self._known(words[3], words[5], port)
        if not known:
            self._send(http, writer, status(404, "NotFound", f"the recording has no port {port} at {url.path}"))
            return
        where = f"pod {words[3]}/{words[5]}:{port}"

        def find(method: str, path: str) -> Answer:
            self.requests.append((method, f"{where} {path}"))
            return self.recording.get(f"{where} {method} {path}") or Answer(404, "text/plain", b"not in the recording\n")

        await forward.serve(request, port, find, reader, writer, bytes(http.trailing_data[0]))

    def _known(self, namespace: str, pod: str, port: int) -> bool:
        return any(k.startswith(f"pod {namespace}/{pod}:{port} ") for k in self.recording.answers)


def secrets_asked(requests: Iterable[tuple[str, str]]) -> list[str]:
    """The paths of Secrets among what was asked."""
    return [target for _, target in requests if "/secrets" in target]
