"""Loopback servers for tests: a scripted HTTP server, and one that speaks the API server's WebSocket port-forward and exec."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection
from wsproto.utilities import generate_accept_token

from meshdoctor.bundle.conversation import ASKED
from meshdoctor.kube.credentials import Credentials


class Request(msgspec.Struct):
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Answer(msgspec.Struct):
    """What to answer; `delay` seconds before it."""

    status: int = 200
    body: bytes | str = b""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    delay: float = 0.0


Handler = Callable[[Request], Answer]
Socket = Callable[[Request, "Channels"], Awaitable[None]]


class Channels:
    """The server's end of a WebSocket with Kubernetes' channels."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = Connection(ConnectionType.SERVER)

    async def send(self, channel: int, data: bytes, *, finished: bool = True) -> None:
        self.writer.write(self.frames.send(BytesMessage(bytes([channel]) + data, message_finished=finished)))
        await self.writer.drain()

    async def messages(self) -> AsyncIterator[bytes]:
        partial = b""
        while data := await self.reader.read(65536):
            self.frames.receive_data(data)
            for event in self.frames.events():
                if isinstance(event, CloseConnection):
                    return
                if isinstance(event, BytesMessage):
                    partial += bytes(event.data)
                    if event.message_finished:
                        yield partial
                        partial = b""

    async def end(self) -> None:
        self.writer.write(self.frames.send(CloseConnection(code=1000)))
        await self.writer.drain()


class Server:
    """Keeps what was asked. `sockets` counts WebSockets opened."""

    def __init__(self, handler: Handler, socket: Socket | None) -> None:
        self.handler, self.socket = handler, socket
        self.requests: list[Request] = []
        self.sockets = 0
        self.upgrades: Callable[[Request], bool] = lambda request: True
        self.port = 0

    @property
    def credentials(self) -> Credentials:
        return Credentials(context="test", cluster="test", server=f"http://127.0.0.1:{self.port}", user="tester")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                asked = {"method": request.method, "target": request.target, "body": request.body.decode("utf-8", "replace")}
                ASKED.debug("%s %s", request.method, request.target, extra=asked)
                if request.headers.get("upgrade") == "websocket" and self.socket is not None and self.upgrades(request):
                    self.sockets += 1
                    writer.write(upgrade_answer(request))
                    await self.socket(request, Channels(reader, writer))
                    break
                answer = self.handler(request)
                await asyncio.sleep(answer.delay)
                writer.write(http_bytes(answer))
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target, headers, body)


def http_bytes(answer: Answer) -> bytes:
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body
    extra = "".join(f"{k}: {v}\r\n" for k, v in answer.headers.items())
    head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def upgrade_answer(request: Request) -> bytes:
    accept = generate_accept_token(request.headers["sec-websocket-key"].encode()).decode()
    protocol = request.headers["sec-websocket-protocol"].partition(",")[0]
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Protocol: {protocol}", "", ""]).encode()


@contextlib.asynccontextmanager
async def serving(handler: Handler | None = None, socket: Socket | None = None) -> AsyncIterator[Server]:
    """A server on a free loopback port."""
    server = Server(handler or (lambda _: Answer(404, status("not found", 404))), socket)
    connections: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(server.serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)  # none is left to the end of the loop, half closed


def status(message: str, code: int) -> str:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})


def json_list(kind: str, items: list[object], version: str = "7", more: str = "") -> str:
    """A list as the API server prints it: compact, its metadata first."""
    metadata = {"resourceVersion": version} | ({"continue": more} if more else {})
    body = {"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}
    return json.dumps(body, separators=(",", ":"))


def echo_pod(pages: dict[str, tuple[int, bytes]]) -> Socket:
    """A pod's HTTP server behind a port-forward; it keeps its connection and speaks in several messages."""

    async def talk(request: Request, channels: Channels) -> None:
        port = int(request.target.partition("ports=")[2].partition("&")[0]).to_bytes(2, "little")
        await channels.send(0, port)
        await channels.send(1, port)
        pending = b""
        async for message in channels.messages():
            assert message[0] == 0, "we write to the data channel only"
            pending += message[1:]
            while b"\r\n\r\n" in pending:
                head, _, pending = pending.partition(b"\r\n\r\n")
                code, body = pages.get(head.split(b" ")[1].decode(), (404, b"nothing"))
                data = http_bytes(Answer(code, body, "text/plain"))
                for start in range(0, len(data), 50_000):
                    await channels.send(0, data[start : start + 50_000])

    return talk
