"""A WebSocket to the API server over the shared HTTP client: TLS, proxy and credentials are the client's."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import Sequence
from typing import Protocol

import httpcore
import httpx
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import ProtocolError

from meshdoctor.kube.failures import ApiError, NoUpgrade, Unopened
from meshdoctor.kube.session import Params, Session
from meshdoctor.model.errors import ClusterError, NotTheAPI, Unreachable

CHUNK = 65_536
OPEN_SECONDS = 4.0  # less than what collecting gives a whole answer: what is late is known to be the opening
NO_WEBSOCKETS = (400, 405, 406, 426, 501)
"""How servers and proxies answer an upgrade that they cannot do."""


class NetworkStream(Protocol):
    """The bytes below HTTP, as httpcore hands them out."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...
    async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...


class WebSocket:
    """An open WebSocket that carries Kubernetes' channels: the first byte of each message says which."""

    def __init__(self, stream: NetworkStream, opened: contextlib.AsyncExitStack, protocol: str) -> None:
        self.protocol = protocol
        self.closed = False
        self._stream, self._opened = stream, opened
        self._frames = Connection(ConnectionType.CLIENT)
        self._partial = bytearray()
        self._ready: list[tuple[int, bytes]] = []

    async def send(self, channel: int, data: bytes, timeout: float | None = None) -> None:
        """Send one message on a channel. Raises httpcore's WriteError where the other side has closed, and its time-out."""
        if self.closed:
            raise httpcore.WriteError("it was closed")
        await self._stream.write(self._frames.send(BytesMessage(bytes([channel]) + data)), timeout)

    async def receive(self, timeout: float | None = None) -> tuple[int, bytes] | None:
        """The next message as (channel, data); None when the other side has closed. Raises httpcore's time-out."""
        while not self._ready:
            if self.closed:
                return None
            data = await self._stream.read(CHUNK, timeout)
            if not data:
                self.closed = True
                return None
            await self._take(data, timeout)
        return self._ready.pop(0)

    async def _take(self, data: bytes, timeout: float | None) -> None:
        try:
            self._frames.receive_data(data)
            events = list(self._frames.events())
        except ProtocolError as why:
            raise ClusterError(f"The connection to the pod sent no valid WebSocket frames: {why}.") from why
        for event in events:
            if isinstance(event, (TextMessage, BytesMessage)):
                self._gather(event)
            elif isinstance(event, Ping):
                await self._stream.write(self._frames.send(event.response()), timeout)
            elif isinstance(event, CloseConnection):
                self.closed = True

    def _gather(self, event: TextMessage | BytesMessage) -> None:
        self._partial += event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
        if event.message_finished:
            if self._partial:
                self._ready.append((self._partial[0], bytes(self._partial[1:])))
            self._partial = bytearray()

    async def close(self) -> None:
        """Say good-bye where that is still possible, and close the connection below."""
        if not self.closed:
            self.closed = True
            with contextlib.suppress(httpcore.NetworkError, httpcore.TimeoutException, ProtocolError, OSError):
                await self._stream.write(self._frames.send(CloseConnection(code=1000)), 1.0)
        await self._opened.aclose()


async def connect(session: Session, path: str, params: Params, protocols: Sequence[str]) -> WebSocket:
    """Open a WebSocket with one of the subprotocols.

    Raises NoUpgrade where the answer is no WebSocket, Unopened where there is none in time, Denied and so on.
    """
    headers = {
        "Accept": "*/*",  # application/json is answered by 406
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": ", ".join(protocols),
    }
    async with contextlib.AsyncExitStack() as opened:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                response = await opened.enter_async_context(session.open(path, params, headers=headers, upgrade=True))
        except (TimeoutError, Unreachable) as why:
            if isinstance(why, Unreachable) and not isinstance(why.__cause__, httpx.ReadTimeout):
                raise
            raise Unopened(f"{path.rpartition('/')[2]} was asked for, and nothing was answered in time.") from why
        except NotTheAPI as why:  # a proxy in between that lets everything else pass
            raise NoUpgrade(why.observed) from why
        except ApiError as why:
            raise (NoUpgrade(why.observed) if why.status in NO_WEBSOCKETS else why) from why
        protocol = str(response.headers.get("sec-websocket-protocol", ""))
        if response.status_code != 101 or protocol not in protocols:
            got = f"{response.status_code} {protocol}".strip()
            raise NoUpgrade(f"{path.rpartition('/')[2]} was not opened: the answer was {got}, not a WebSocket.")
        return WebSocket(response.extensions["network_stream"], opened.pop_all(), protocol)
