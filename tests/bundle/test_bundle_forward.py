"""Port-forward through the replay server: by hand, frame by frame, and with the real client."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import httpx
import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection

from meshdoctor.bundle.recording import Recorder, Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.collect.live import Options, collect
from meshdoctor.kube.client import ApiClient, Denied, Gone, NotFound, PodRefused
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.workloads import Pod
from tests.bundle.recorded import SYNCZ, recording, thing

UPGRADE = (
    "GET /api/v1/namespaces/{where}/portforward?ports={port} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
)


class Forwarded:
    """A port-forward, frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Connection(ConnectionType.CLIENT)
        self._partial = b""
        self.messages: list[bytes] = []
        self.closed = False

    async def receive(self) -> bytes:
        """The next message; b"" when the server has closed."""
        while not self.messages and not self.closed:
            data = await asyncio.wait_for(self._reader.read(65_536), 5)
            self._frames.receive_data(data or None)
            for event in self._frames.events():
                self.closed = self.closed or isinstance(event, CloseConnection)
                if isinstance(event, BytesMessage):
                    self._partial += bytes(event.data)
                    if event.message_finished:
                        self.messages.append(self._partial)
                        self._partial = b""
        return self.messages.pop(0) if self.messages else b""

    async def get(self, target: str) -> tuple[int, bytes]:
        """One HTTP exchange inside the data channel."""
        http = h11.Connection(h11.CLIENT)
        head = http.send(h11.Request(method="GET", target=target, headers=[("Host", "localhost")])) or b""
        for half in (head[:5], head[5:]):  # a request need not come in one message
            self._writer.write(self._frames.send(BytesMessage(b"\0" + half)))
        http.send(h11.EndOfMessage())
        status, body = 0, b""
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                message = await self.receive()
                assert message[:1] == b"\0", message
                http.receive_data(message[1:])
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
        return status, body


@asynccontextmanager
async def forwarded(
    server: ReplayServer, where: str, port: int, protocol: str = "v4.channel.k8s.io"
) -> AsyncIterator[tuple[str, Forwarded]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(server.url).port)
    writer.write(UPGRADE.format(where=where, port=port, protocol=protocol).encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode()
    try:
        yield head, Forwarded(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_forwarded_port_speaks_http() -> None:
    async with ReplayServer(recording()) as server, forwarded(server, "shop/pods/cart-1", 15000) as (head, port):
        assert head.startswith("HTTP/1.1 101")
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert [await port.receive(), await port.receive()] == [b"\0" + struct.pack("<H", 15000), b"\1" + struct.pack("<H", 15000)]
        assert await port.get("/config_dump?mask=name%2Cerror_state&resource=dynamic_listeners") == (200, b'{"configs": []}')
        status, body = await port.get("/certs")
        assert (status, len(body)) == (200, 300_000)
        assert (await port.get("/nothing"))[0] == 404
        assert server.requests[-1] == ("GET", "pod shop/cart-1:15000 /nothing")


async def test_a_port_where_nothing_was_recorded_refuses() -> None:
    async with ReplayServer(recording()) as server, forwarded(server, "shop/pods/pay-1", 15000) as (_, port):
        messages = [await port.receive() for _ in range(4)]
        assert messages[2].startswith(b"\1")
        assert b"connection refused" in messages[2]
        assert messages[3] == b""
        assert port.closed


@pytest.mark.parametrize(
    ("where", "port", "protocol", "status"),
    [
        ("shop/pods/none", 15000, "v4.channel.k8s.io", 404),
        ("shop/pods/cart-1", 15000, "base64.channel.k8s.io", 400),
        ("shop/pods/cart-1", 0, "v4.channel.k8s.io", 400),
    ],
)
async def test_what_is_not_opened_is_told_before_the_upgrade(where: str, port: int, protocol: str, status: int) -> None:
    async with ReplayServer(recording()) as server, forwarded(server, where, port, protocol) as (head, _):
        assert head.startswith(f"HTTP/1.1 {status}")


@asynccontextmanager
async def client(found: Recording | None = None, recorder: Recorder | None = None) -> AsyncIterator[tuple[ReplayServer, ApiClient]]:
    async with ReplayServer(found or recording()) as server:
        who = Credentials(context=server.context, cluster="demo", server=server.url, user="demo", namespace="default")
        async with ApiClient(who, timeout=3, recorder=recorder) as api:
            yield server, api


async def test_the_client_asks_pods() -> None:
    async with client() as (server, api):
        answer = await api.pod_get("istio-system", "istiod-1", 15014, "/debug/syncz", container="discovery")
        assert (answer.status, answer.body.decode(), answer.via) == (200, SYNCZ, "port-forward")
        both = await asyncio.gather(*(api.pod_get("shop", "cart-1", 15000, "/certs") for _ in range(5)))
        assert {len(a.body) for a in both} == {300_000}
        server.break_("pod shop/cart-1:15000 GET /certs", 503, "down", "text/plain")
        assert (await api.pod_get("shop", "cart-1", 15000, "/certs")).status == 503
        server.break_("pod shop/cart-1:15000 /certs", 0)
        with pytest.raises(PodRefused, match="connection refused"):
            await api.pod_get("shop", "cart-1", 15000, "/certs")


async def test_the_client_falls_back_to_exec_and_proxy() -> None:
    async with client() as (server, api):
        server.deny("pods/portforward")
        answer = await api.pod_get("shop", "cart-1", 15000, "/certs")
        assert (len(answer.body), answer.via) == (300_000, "exec")
        assert (await api.pod_get("shop", "cart-1", 15000, "/nothing")).status == 404
        server.deny("pods/exec")
        with pytest.raises(Denied):
            await api.pod_get("shop", "cart-1", 15000, "/certs")
        assert (await api.pod_get("istio-system", "istiod-1", 15014, "/debug/syncz")).via == "proxy"


async def test_the_client_sees_no_pod_and_no_port() -> None:
    async with client() as (_, api):
        with pytest.raises(NotFound):
            await api.pod_get("shop", "none", 15000, "/certs")
        with pytest.raises(PodRefused, match="connection refused"):
            await api.pod_get("shop", "pay-1", 15000, "/certs")


async def test_the_client_lists_discovers_watches_and_reads_logs() -> None:
    async with client() as (server, api):
        assert (await api.discover()).version_of(Pod) == "v1"
        found = await api.list(Pod)
        assert len(found.objects) == 3
        assert not found.skipped
        events = api.watch(Pod, resource_version=found.resource_version)
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.05)
        server.change("/api/v1/pods", "ADDED", thing("new-1", "shop"))
        assert (await asyncio.wait_for(first, 3)).object.name == "new-1"
        server.gone("/api/v1/pods")
        with pytest.raises(Gone):
            await anext(events)
        assert await api.logs("shop", "cart-1", "istio-proxy") == b"a line\n"
        assert abs((api.now() - server.now()).total_seconds()) < 3


async def test_what_is_recorded_from_a_replay_replays_the_same() -> None:
    kept = Recorder()
    async with client(recorder=kept) as (_, api):
        first = await collect(api, Options())
    async with client(kept.recording(recorded_at=recording().recorded_at)) as (_, api):
        again = await collect(api, Options())
    assert [p.name for p in again[Pod]] == [p.name for p in first[Pod]]
    states = [{s.name: s.state for s in mesh.sources} for mesh in (first, again)]
    assert states[0] == states[1]
