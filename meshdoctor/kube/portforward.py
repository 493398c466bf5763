"""HTTP to a pod's port through the API server's port-forward."""

from __future__ import annotations

import contextlib
import re
import string
import time
from typing import TypeAlias
from urllib.parse import quote

import h11
import httpcore
import msgspec

from meshdoctor.kube.deny import refuse
from meshdoctor.kube.failures import PodRefused
from meshdoctor.kube.session import Session
from meshdoctor.kube.websocket import WebSocket, connect
from meshdoctor.model.errors import ClusterError

PROTOCOLS = ("v4.channel.k8s.io",)
DATA, ERROR = 0, 1
PORT_PREFIX = 2  # each channel begins with the port, little-endian
CHUNK = 65_536
KEPT_SECONDS = 15.0  # a connection that nobody uses
HEADERS = [("Host", "localhost"), ("Accept", "*/*"), ("Accept-Encoding", "identity"), ("User-Agent", "meshdoctor")]

Where: TypeAlias = tuple[str, str, int]
"""Namespace, pod and port."""


class Page(msgspec.Struct, frozen=True):
    """What a port answered to a GET."""

    status: int
    content_type: str
    body: bytes


class TooLarge(ClusterError):
    """A body above the limit; the rest of it was not read."""


class PortForwardStream:
    """A pod's port as a byte stream. There is no half-close: both directions end together."""

    def __init__(self, socket: WebSocket, where: str) -> None:
        self._socket, self._where = socket, where
        self._prefix = {DATA: PORT_PREFIX, ERROR: PORT_PREFIX}

    async def read(self, timeout: float) -> bytes:
        """The next bytes; none at the end."""
        while (message := await self._socket.receive(timeout)) is not None:
            channel, data = message
            skip = min(self._prefix.get(channel, 0), len(data))
            self._prefix[channel] = self._prefix.get(channel, 0) - skip
            data = data[skip:]
            if channel == ERROR and data:
                raise PodRefused(f"{self._where} does not answer: {_words(data)}")
            if channel == DATA and data:
                return data
        return b""

    async def write(self, buffer: bytes, timeout: float) -> None:
        """Send bytes."""
        for start in range(0, len(buffer), 32_768):
            await self._socket.send(DATA, buffer[start : start + 32_768], timeout)

    async def close(self) -> None:
        """End both directions."""
        await self._socket.close()


class _Connection:
    """HTTP/1.1 over one port-forward, one request at a time."""

    def __init__(self, stream: PortForwardStream, seconds: float) -> None:
        self._stream, self._seconds = stream, seconds
        self._http = h11.Connection(h11.CLIENT)
        self._answered = False
        self.idle_since = 0.0

    async def get(self, path: str, limit: int) -> Page:
        """One GET. Raises h11's and httpcore's errors, PodRefused, TooLarge."""
        self._answered = False
        head = h11.Request(method="GET", target=path, headers=HEADERS)
        sent = [self._http.send(event) for event in (head, h11.EndOfMessage())]
        await self._stream.write(b"".join(data for data in sent if data), self._seconds)
        status, kind, body = 0, "", bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._stream.read(self._seconds)
                self._answered = self._answered or bool(data)
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
                kind = next((v.decode("latin-1") for n, v in event.headers if n == b"content-type"), "")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > limit:
                    raise TooLarge(f"more than {limit} bytes")
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)) or event is h11.PAUSED:
                return Page(status, kind, bytes(body))

    @property
    def is_stale(self) -> bool:
        """Whether its last request failed since the other side had closed it meanwhile: a GET may be asked again."""
        return self.idle_since > 0 and not self._answered

    def rest(self) -> bool:
        """Whether it can take another request; it is idle from now on."""
        unasked, _ = self._http.trailing_data
        if unasked or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self.idle_since = time.monotonic()
        return True

    async def close(self) -> None:
        await self._stream.close()


class Forwards:
    """Asks ports of pods and keeps the connections, one a request at a time. Refuses what the deny-list names."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session, self._seconds = session, seconds
        self._idle: dict[Where, list[_Connection]] = {}

    async def get(self, where: Where, path: str, limit: int) -> Page:
        """One GET of at most `limit` bytes. Raises what opening raises, h11's and httpcore's errors, PodRefused, TooLarge."""
        path = quote(path, safe=string.punctuation)
        refuse("GET", path)
        await self._forget()
        if kept := self._idle.get(where):
            connection = kept.pop()
            try:
                return await self._ask(connection, where, path, limit)
            except (h11.RemoteProtocolError, httpcore.NetworkError, PodRefused):
                if not connection.is_stale:
                    raise
        return await self._ask(await self._open(where), where, path, limit)

    async def close(self) -> None:
        """Close every connection that is kept."""
        await self._forget(0.0)

    async def _open(self, where: Where) -> _Connection:
        namespace, pod, port = where
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
        socket = await connect(self._session, path, {"ports": port}, PROTOCOLS)
        return _Connection(PortForwardStream(socket, f"{namespace}/{pod}:{port}"), self._seconds)

    async def _ask(self, connection: _Connection, where: Where, path: str, limit: int) -> Page:
        kept = False
        try:
            page = await connection.get(path, limit)
            kept = connection.rest()
            if kept:
                self._idle.setdefault(where, []).append(connection)
            return page
        finally:
            if not kept:
                await connection.close()

    async def _forget(self, seconds: float = KEPT_SECONDS) -> None:
        """Close those that nobody used for so long."""
        now, late = time.monotonic(), list[_Connection]()
        for where, several in list(self._idle.items()):
            late += [c for c in several if now - c.idle_since >= seconds]
            self._idle[where] = [c for c in several if now - c.idle_since < seconds]
            if not self._idle[where]:
                del self._idle[where]
        for connection in late:
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException):
                await connection.close()


def _words(data: bytes) -> str:
    """The part of the kubelet's sentence that says why: it begins with ids."""
    text = " ".join(data.decode("utf-8", "replace").split())
    if refused := re.search(r"dial tcp\S* \S+ (?:connect: )?[a-z ]+", text):
        return f"{refused[0].strip()}."
    return text if len(text) <= 200 else f"... {text[-200:]}"
