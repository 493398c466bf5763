"""gRPC over HTTP/2, the server's side, as far as one stream of messages needs it: every stream is the same method.

Headers of requests are not looked at: there is one thing that can be asked. RFC 9113; grpc/doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from meshdoctor.bundle.http import Arriving, Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK, PADDED = 0x1, 0x8
INITIAL_WINDOW = 4  # the setting's number
FRAME = 16_384
LARGEST = 1_000_000  # bytes of one message that is read
# `:status 200` and `content-type: application/grpc`, in HPACK without its table.
ANSWER = b"\x88\x0f\x10" + bytes([len(b"application/grpc")]) + b"application/grpc"

Answers = Callable[[bytes], bytes | None]
"""A message in, the answer to it out, if there is one."""


class _Stream:
    def __init__(self, window: int) -> None:
        self.window, self.waiting, self.arrived = window, bytearray(), bytearray()


class GrpcConnection:
    """One connection: each message on any stream is given to `answers`."""

    def __init__(self, wire: Wire, answers: Answers) -> None:
        self._wire, self._answers = wire, answers
        self._arrives = Arriving(wire)
        self._streams: dict[int, _Stream] = {}
        self._window = self._initial = 65_535

    async def run(self) -> None:
        """Serve until the other side leaves, or speaks something else."""
        if await self._arrives.take(len(PREFACE)) != PREFACE:
            return
        await self._frame(SETTINGS, 0, 0, b"")
        while (head := await self._arrives.take(9)) is not None:
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            number = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            body = await self._arrives.take(size) if size <= LARGEST else None
            if body is None or kind == GOAWAY or not await self._handle(kind, flags, number, body):
                return

    async def _handle(self, kind: int, flags: int, number: int, body: bytes) -> bool:
        """One frame; False where the connection cannot go on."""
        if kind == SETTINGS and not flags & ACK:
            self._take_settings(body)
            await self._frame(SETTINGS, ACK, 0, b"")
        elif kind == PING and not flags & ACK:
            await self._frame(PING, ACK, 0, body)
        elif kind == HEADERS and number not in self._streams:
            self._streams[number] = _Stream(self._initial)
            await self._frame(HEADERS, 0x4, number, ANSWER)
        elif kind == RST_STREAM:
            self._streams.pop(number, None)
        elif kind == WINDOW_UPDATE and len(body) == 4:
            await self._widen(number, int.from_bytes(body, "big") & 0x7FFFFFFF)
        elif kind == DATA and (stream := self._streams.get(number)) is not None:
            return await self._arrived(number, stream, body[1 : len(body) - body[0]] if flags & PADDED and body else body)
        return True

    def _take_settings(self, body: bytes) -> None:
        for at in range(0, len(body) - 5, 6):
            setting, value = struct.unpack(">HI", body[at : at + 6])
            if setting == INITIAL_WINDOW:
                for stream in self._streams.values():
                    stream.window += value - self._initial
                self._initial = value

    async def _arrived(self, number: int, stream: _Stream, data: bytes) -> bool:
        stream.arrived += data
        if data:
            for where in (0, number):
                await self._frame(WINDOW_UPDATE, 0, where, struct.pack(">I", len(data)))
        while len(stream.arrived) >= 5:
            compressed, size = struct.unpack(">BI", stream.arrived[:5])
            if compressed or size > LARGEST:
                return False
            if len(stream.arrived) < 5 + size:
                break
            message = bytes(stream.arrived[5 : 5 + size])
            del stream.arrived[: 5 + size]
            if (answer := self._answers(message)) is not None:
                stream.waiting += struct.pack(">BI", 0, len(answer)) + answer
                await self._flush(number, stream)
        return True

    async def _widen(self, number: int, by: int) -> None:
        if number == 0:
            self._window += by
        elif number in self._streams:
            self._streams[number].window += by
        for each, stream in list(self._streams.items()):
            await self._flush(each, stream)

    async def _flush(self, number: int, stream: _Stream) -> None:
        """Send what waits, as far as the other side has room."""
        while stream.waiting and (room := min(self._window, stream.window, FRAME)) > 0:
            part = bytes(stream.waiting[:room])
            del stream.waiting[:room]
            self._window -= len(part)
            stream.window -= len(part)
            await self._frame(DATA, 0, number, part)

    async def _frame(self, kind: int, flags: int, number: int, body: bytes) -> None:
        await self._wire.write(len(body).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", number) + body)
