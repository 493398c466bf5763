"""Port-forward and exec over a WebSocket, as the API server speaks them: the recorded pods answer inside."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.utilities import ProtocolError, generate_accept_token

from meshdoctor.bundle.http import Http, Request, Wire

DATA, ERROR = 0, 1
STDOUT, STDERR, STATUS = 1, 2, 3
TUNNEL = "SPDY/3.1+portforward.k8s.io"  # kubectl's own, since 1.31
FRAME = 32_768  # the kubelet's buffer: a large answer comes in many messages


class Channels:
    """A WebSocket with Kubernetes' channels: the first byte of each message says which."""

    def __init__(self, wire: Wire, arrived: bytes) -> None:
        self._wire, self._arrived = wire, arrived
        self._frames = Connection(ConnectionType.SERVER)
        self._partial = bytearray()
        self._open = True

    async def send(self, channel: int, data: bytes) -> None:
        """Send one message."""
        if self._open:
            await self._wire.write(self._frames.send(BytesMessage(bytes([channel]) + data)))

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """What the other side sends, until it closes."""
        while self._open:
            data, self._arrived = self._arrived or await self._wire.read(), b""
            if not data:
                self._open = False
                return
            for channel, message in await self._take(data):
                yield channel, message

    async def _take(self, data: bytes) -> list[tuple[int, bytes]]:
        found = []
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                if isinstance(event, Message):
                    self._partial += event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
                    if event.message_finished and self._partial:
                        found.append((self._partial[0], bytes(self._partial[1:])))
                    self._partial = bytearray() if event.message_finished else self._partial
                elif isinstance(event, Ping):
                    await self._wire.write(self._frames.send(event.response()))
                elif isinstance(event, CloseConnection):
                    await self._wire.write(self._frames.send(event.response()))
                    self._open = False
        except ProtocolError:
            self._open = False
        return found

    async def close(self) -> None:
        """Say good-bye, where the other side has not."""
        if self._open:
            self._open = False
            await self._wire.write(self._frames.send(CloseConnection(code=1000)))


class Ends(Protocol):
    """Both ends of one connection to a port: data, and a word where it fails."""

    async def send(self, channel: int, data: bytes) -> None: ...
    def messages(self) -> AsyncIterator[tuple[int, bytes]]: ...
    async def close(self) -> None: ...


class TunnelWire:
    """Bytes in the messages of a WebSocket, all of one stream: SPDY that is tunnelled."""

    def __init__(self, wire: Wire, arrived: bytes) -> None:
        self._wire, self._arrived = wire, arrived
        self._frames = Connection(ConnectionType.SERVER)
        self._open = True

    async def read(self) -> bytes:
        """The next bytes; none at the end."""
        while self._open:
            data, self._arrived = self._arrived or await self._wire.read(), b""
            if not data:
                return b""
            if told := await self._take(data):
                return told
        return b""

    async def _take(self, data: bytes) -> bytes:
        told = b""
        try:
            self._frames.receive_data(data)
            for event in self._frames.events():
                if isinstance(event, BytesMessage):
                    told += bytes(event.data)
                elif isinstance(event, Ping | CloseConnection):
                    await self._wire.write(self._frames.send(event.response()))
                    self._open = self._open and isinstance(event, Ping)
        except ProtocolError:
            self._open = False
        return told

    async def write(self, data: bytes) -> None:
        """Send one message."""
        if self._open:
            await self._wire.write(self._frames.send(BytesMessage(data)))


class ForwardWire:
    """A pod's port inside a port-forward."""

    def __init__(self, channels: Ends) -> None:
        self._channels = channels
        self._messages = channels.messages()

    async def read(self) -> bytes:
        async for channel, data in self._messages:
            if channel == DATA and data:
                return data
        return b""

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), FRAME):
            await self._channels.send(DATA, data[start : start + FRAME])


def chosen_protocol(request: Request, spoken: Sequence[str]) -> str | None:
    """The subprotocol that both sides speak; None where there is none, or no WebSocket is asked for."""
    offered = [p.strip() for p in request.headers.get("sec-websocket-protocol", "").split(",")]
    if request.upgrade != "websocket" or not request.headers.get("sec-websocket-key"):
        return None
    return next((p for p in offered if p in spoken), None)


async def open_channels(http: Http, wire: Wire, request: Request, protocol: str) -> Channels:
    """Turn the connection into a WebSocket of channels."""
    return Channels(wire, await _to_websocket(http, request, protocol))


async def open_tunnel(http: Http, wire: Wire, request: Request) -> tuple[Wire, bytes]:
    """Turn the connection into SPDY: inside a WebSocket, or as it is. Gives the wire and what has arrived on it."""
    if request.upgrade == "websocket":
        return TunnelWire(wire, await _to_websocket(http, request, TUNNEL)), b""
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "portforward.k8s.io"}
    return wire, await http.switch(headers)


async def _to_websocket(http: Http, request: Request, protocol: str) -> bytes:
    token = generate_accept_token(request.headers["sec-websocket-key"].encode()).decode()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Accept": token, "Sec-WebSocket-Protocol": protocol}
    return await http.switch(headers)


async def open_port(channels: Channels, port: int) -> None:
    """Begin both channels of a forwarded port, as the API server does: with the port itself."""
    for channel in (DATA, ERROR):
        await channels.send(channel, struct.pack("<H", port))
