"""The server's side of HTTP/1.1 over any stream of bytes: a socket, or the inside of a port-forward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

import h11
import msgspec

from meshdoctor.bundle.archive import Answer

CHUNK = 262_144
LARGEST_BODY = 1_000_000  # of a request


class Wire(Protocol):
    """Bytes in both directions; reading gives none at the end."""

    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...


class Arriving:
    """What a wire brings, taken by size; `arrived` was read before."""

    def __init__(self, wire: Wire, arrived: bytes = b"") -> None:
        self._wire, self._buffer = wire, bytearray(arrived)

    async def take(self, size: int) -> bytes | None:
        """Exactly so many bytes; None where it ends before."""
        while len(self._buffer) < size:
            data = await self._wire.read()
            if not data:
                return None
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class SocketWire:
    """A TCP connection. Nothing is written while the server is frozen."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, running: asyncio.Event) -> None:
        self._reader, self._writer, self._running = reader, writer, running

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        await self._running.wait()
        self._writer.write(data)
        await self._writer.drain()


class Request(msgspec.Struct, frozen=True):
    """One request; names of headers are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def upgrade(self) -> str:
        """What the connection shall become, in lower case."""
        return self.headers.get("upgrade", "").lower()


class Http:
    """One connection's requests and answers, one after the other."""

    def __init__(self, wire: Wire, now: Callable[[], datetime]) -> None:
        self._wire, self._now = wire, now
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=CHUNK)
        self._method = ""

    async def request(self) -> Request | None:
        """The next request; None when the connection has ended or carries no HTTP."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None
        try:
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            body = bytearray()
            while isinstance(event := await self._event(), h11.Data):
                body += event.data
                if len(body) > LARGEST_BODY:
                    return None
        except h11.RemoteProtocolError:
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        self._method = head.method.decode("latin-1")
        return Request(self._method, head.target.decode("latin-1"), headers, bytes(body))

    async def _event(self) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._wire.read())

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        headers = {"Content-Type": answer.content_type or "text/plain", "Content-Length": str(len(answer.body)), **answer.headers}
        data = self._http.send(h11.Response(status_code=answer.status, headers=self._headers(headers))) or b""
        if self._method != "HEAD":
            for start in range(0, len(answer.body), CHUNK):
                data += self._http.send(h11.Data(data=answer.body[start : start + CHUNK])) or b""
                await self._wire.write(data)
                data = b""
        await self._wire.write(data + (self._http.send(h11.EndOfMessage()) or b""))

    async def begin(self, content_type: str) -> None:
        """Begin an answer whose end is not known yet; the connection carries nothing after it."""
        headers = self._headers({"Content-Type": content_type, "Transfer-Encoding": "chunked", "Connection": "close"})
        await self._wire.write(self._http.send(h11.Response(status_code=200, headers=headers)) or b"")

    async def more(self, data: bytes) -> None:
        """Send more of it."""
        await self._wire.write(self._http.send(h11.Data(data=data)) or b"")

    async def end(self) -> None:
        """End it."""
        await self._wire.write(self._http.send(h11.EndOfMessage()) or b"")

    async def switch(self, headers: Mapping[str, str]) -> bytes:
        """Become another protocol; gives what had already arrived of it."""
        answer = h11.InformationalResponse(status_code=101, headers=self._headers(headers))
        await self._wire.write(self._http.send(answer) or b"")
        return self._http.trailing_data[0]

    def _headers(self, given: Mapping[str, str]) -> list[tuple[str, str]]:
        return [*given.items(), ("Date", format_datetime(self._now(), usegmt=True))]
