"""kubectl's own port-forward, frame by frame: SPDY/3.1 as it is, and inside a WebSocket."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage

from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.spdy import DICTIONARY, GOAWAY, PING, SYN_REPLY, SYN_STREAM
from tests.bundle.recorded import SYNCZ, recording

PLAIN = (
    "POST /api/v1/namespaces/{where}/portforward HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: Upgrade\r\n"
    "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n\r\n"
)
TUNNEL = (
    "GET /api/v1/namespaces/{where}/portforward HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n"
)
ISTIOD = "istio-system/pods/istiod-1"


class Client:
    """A client of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tunnelled: bool) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Connection(ConnectionType.CLIENT) if tunnelled else None
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._buffer = b""

    def write(self, data: bytes) -> None:
        self._writer.write(self._frames.send(BytesMessage(data)) if self._frames else data)

    def stream(self, number: int, flags: int = 0, **headers: str) -> None:
        pairs = [part.encode() for pair in headers.items() for part in pair]
        block = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(p)) + p for p in pairs)
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", number, 0, 0) + packed
        self.write(struct.pack(">HHI", 0x8003, SYN_STREAM, flags << 24 | len(body)) + body)

    def data(self, number: int, body: bytes, flags: int = 0) -> None:
        self.write(struct.pack(">II", number, flags << 24 | len(body)) + body)

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = await asyncio.wait_for(self._reader.read(65_536), 5)
            assert data, "the server has closed"
            if self._frames is None:
                self._buffer += data
            else:
                self._frames.receive_data(data)
                self._buffer += b"".join(bytes(e.data) for e in self._frames.events() if isinstance(e, BytesMessage))
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    async def frame(self) -> tuple[int, int, int, bytes]:
        """Control type (0 for data), stream, flags, body."""
        first, second = struct.unpack(">II", await self._take(8))
        body = await self._take(second & 0xFFFFFF)
        if not first & 0x80000000:
            return 0, first, second >> 24, body
        kind = first & 0xFFFF
        if kind == SYN_REPLY:
            assert self._inflate.decompress(body[4:]) == b"\0\0\0\0"
        return kind, struct.unpack(">I", body[:4])[0], second >> 24, body

    async def until_end(self, number: int) -> bytes:
        """All data of a stream, until the server has nothing more to say."""
        said = b""
        while True:
            kind, stream, flags, body = await self.frame()
            if kind == 0 and stream == number:
                said += body
                if flags & 1:
                    return said


@asynccontextmanager
async def connected(head: str, where: str = ISTIOD) -> AsyncIterator[Client]:
    async with ReplayServer(recording()) as server:
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.format(where=where).encode())
        try:
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert b" 101 " in answer, answer
            yield Client(reader, writer, tunnelled=head is TUNNEL)
        finally:
            writer.close()
            await writer.wait_closed()


def pair(client: Client, number: int, port: str, request: str) -> None:
    client.stream(number, 1, streamtype="error", port=port, requestid=request)
    client.stream(number + 2, streamtype="data", port=port, requestid=request)


@pytest.mark.parametrize("head", [PLAIN, TUNNEL], ids=["plain", "tunnelled"])
async def test_a_port_answers_in_pairs_of_streams(head: str) -> None:
    async with connected(head) as client:
        for number, target in ((1, "/debug/syncz"), (5, "//debug/syncz")):
            pair(client, number, "15014", str(number))
            client.data(number + 2, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            said = await client.until_end(number + 2)
            assert b"200" in said.partition(b"\r\n")[0]
            assert said.endswith(SYNCZ.encode())


@pytest.mark.parametrize("head", [PLAIN, TUNNEL], ids=["plain", "tunnelled"])
async def test_a_port_at_which_nobody_listens_says_so_on_the_error_stream(head: str) -> None:
    async with connected(head) as client:
        pair(client, 1, "81", "0")
        assert b"connection refused" in await client.until_end(1)


async def test_a_ping_comes_back() -> None:
    async with connected(PLAIN) as client:
        client.write(struct.pack(">HHII", 0x8003, PING, 4, 7))
        kind, number, _, _ = await client.frame()
        assert (kind, number) == (PING, 7)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.write(b"\xff" * 64),
        lambda c: c.write(struct.pack(">HHI", 0x8003, SYN_STREAM, 20) + b"\0" * 20),
        lambda c: c.write(struct.pack(">HHI", 0x8003, GOAWAY, 8) + b"\0" * 8),
        lambda c: c.write(struct.pack(">II", 1, 0xFFFFFF)),
    ],
    ids=["noise", "no headers", "goaway", "huge"],
)
async def test_what_is_no_spdy_ends_the_connection(spoil: Callable[[Client], None]) -> None:
    async with connected(PLAIN) as client:
        spoil(client)
        with pytest.raises(AssertionError, match="the server has closed"):
            await client.until_end(0)


async def test_of_a_pod_that_is_not_there_no_port_is_forwarded() -> None:
    with pytest.raises(AssertionError, match="404"):
        async with connected(TUNNEL, "shop/pods/nobody"):
            pass
