"""SPDY/3.1, the server's side, as far as kubectl and istioctl speak it for a port-forward: streams in pairs, data and error.

Frames: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ . The clients keep no flow control, nor does this.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

from meshdoctor.bundle.forward import DATA
from meshdoctor.bundle.http import Arriving, Wire

VERSION = 3
SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1
FRAME = 32_768
LARGEST = 1_000_000  # bytes of one frame
MOST_STREAMS = 2000  # open at once
_WORDS = (
    "options", "head", "post", "put", "delete", "trace", "accept", "accept-charset", "accept-encoding", "accept-language",
    "accept-ranges", "age", "allow", "authorization", "cache-control", "connection", "content-base", "content-encoding",
    "content-language", "content-length", "content-location", "content-md5", "content-range", "content-type", "date", "etag",
    "expect", "expires", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "last-modified", "location", "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer",
    "retry-after", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning",
    "www-authenticate", "method", "get", "status", "200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive",
    "origin",
)  # fmt: skip
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information"
    "204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error"
    "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, "
    "Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(w)) + w.encode() for w in _WORDS) + _TAIL.encode()
"""What both sides' compression of headers begins with."""


class SpdyError(Exception):
    """The other side does not speak SPDY/3.1."""


class Stream:
    """One stream: what arrives waits in it; `headers` have names in lower case."""

    def __init__(self, connection: SpdyConnection, number: int, headers: dict[str, str]) -> None:
        self._connection, self.number, self.headers = connection, number, headers
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()  # b"" is the end
        self._open = True

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        for start in range(0, len(data), FRAME):
            await self._connection.data(self.number, data[start : start + FRAME])

    async def close(self) -> None:
        """Say that nothing more will come."""
        if self._open:
            self._open = False
            await self._connection.data(self.number, b"", FIN)


class Pair:
    """The two streams of one connection to a port, with the manners of a WebSocket's channels."""

    def __init__(self, data: Stream, error: Stream) -> None:
        self._data, self._error = data, error

    async def send(self, channel: int, data: bytes) -> None:
        """Send on one of the two."""
        await (self._data if channel == DATA else self._error).send(data)

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """What arrives as data, until its end."""
        while data := await self._data.arrived.get():
            yield DATA, data

    async def close(self) -> None:
        """End both."""
        await self._data.close()
        await self._error.close()


Opened = Callable[[Pair, str], Awaitable[None]]


class SpdyConnection:
    """Reads frames until the other side leaves; `opened` is told of each pair with its port, and runs beside."""

    def __init__(self, wire: Wire, arrived: bytes, opened: Opened) -> None:
        self._wire, self._arrives, self._opened = wire, Arriving(wire, arrived), opened
        self._inflate, self._deflate = zlib.decompressobj(zdict=DICTIONARY), zlib.compressobj(zdict=DICTIONARY)
        self._streams: dict[int, Stream] = {}
        self._errors: dict[str, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Serve until the other side closes."""
        try:
            while (head := await self._arrives.take(8)) is not None:
                first, second = struct.unpack(">II", head)
                size = second & 0xFFFFFF
                body = await self._arrives.take(size) if size <= LARGEST else None
                if body is None:
                    return
                if first & 0x80000000:
                    await self._control(first & 0xFFFF, second >> 24, body)
                else:
                    self._arrived(first, second >> 24, body)
        except (SpdyError, zlib.error, struct.error):
            return
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _control(self, kind: int, flags: int, body: bytes) -> None:
        if kind == SYN_STREAM:
            await self._syn(flags, body)
        elif kind == PING:
            await self._frame(PING, 0, body)
        elif kind == RST_STREAM:
            stream = self._streams.pop(struct.unpack(">I", body[:4])[0], None)
            if stream is not None:
                stream.arrived.put_nowait(b"")
        elif kind == GOAWAY:
            raise SpdyError("the other side leaves")

    async def _syn(self, flags: int, body: bytes) -> None:
        """A new stream; a data stream begins a conversation with a port."""
        number = struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF
        if len(self._streams) >= MOST_STREAMS:
            raise SpdyError("too many streams")
        stream = Stream(self, number, _headers(self._inflate.decompress(body[10:], LARGEST)))
        self._streams[number] = stream
        if flags & FIN:
            stream.arrived.put_nowait(b"")
        await self._frame(SYN_REPLY, 0, struct.pack(">I", number) + self._packed())
        request = stream.headers.get("requestid", "")
        if stream.headers.get("streamtype") == "error":
            self._errors[request] = stream
        elif (error := self._errors.pop(request, None)) is not None:
            task = asyncio.create_task(self._converse(stream, error))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _converse(self, data: Stream, error: Stream) -> None:
        try:
            await self._opened(Pair(data, error), data.headers.get("port", ""))
        finally:
            self._streams.pop(data.number, None)
            self._streams.pop(error.number, None)

    def _arrived(self, number: int, flags: int, body: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        if body:
            stream.arrived.put_nowait(body)
        if flags & FIN:
            stream.arrived.put_nowait(b"")

    def _packed(self) -> bytes:
        return self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    async def _frame(self, kind: int, flags: int, body: bytes) -> None:
        await self._write(struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(body)) + body)

    async def data(self, number: int, body: bytes, flags: int = 0) -> None:
        """Send one frame of a stream."""
        await self._write(struct.pack(">II", number, flags << 24 | len(body)) + body)

    async def _write(self, frame: bytes) -> None:
        async with self._lock:  # conversations run side by side, frames do not
            await self._wire.write(frame)


def _headers(block: bytes) -> dict[str, str]:
    """A block of names and values, unpacked."""
    found: dict[str, str] = {}
    count, at = struct.unpack(">I", block[:4])[0], 4
    for _ in range(min(count, 100)):
        pair = []
        for _ in range(2):
            size = struct.unpack(">I", block[at : at + 4])[0]
            pair.append(block[at + 4 : at + 4 + size].decode("utf-8", "replace"))
            at += 4 + size
        found[pair[0].lower()] = pair[1]
    return found
