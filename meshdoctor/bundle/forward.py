"""The server's end of a port-forward: HTTP/1.1 from the recording, inside WebSocket frames.

Source: Kubernetes, `v4.channel.k8s.io` (each frame begins with its channel; each channel with its port, little-endian).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import h11
import wsproto
from wsproto import events

from meshdoctor.bundle.recording import Answer

DATA, ERROR = b"\x00", b"\x01"
Find = Callable[[str, str], Answer]


async def serve(
    request: h11.Request, port: int, find: Find, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytes
) -> None:
    """Accept the upgrade and answer GETs until the peer leaves."""
    ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    ws.initiate_upgrade_connection([(bytes(k), bytes(v)) for k, v in request.headers], request.target.decode())
    for event in ws.events():
        if isinstance(event, events.Request):
            writer.write(ws.send(events.AcceptConnection(subprotocol="v4.channel.k8s.io")))
    for channel in (DATA, ERROR):
        writer.write(ws.send(events.BytesMessage(channel + struct.pack("<H", port))))
    inner = Inner(find)
    received = seen
    while True:
        if received:
            ws.receive_data(received)
        for event in ws.events():
            for piece in _answers(ws, inner, event):
                writer.write(piece)
            if isinstance(event, events.CloseConnection):
                await writer.drain()
                return
        await writer.drain()
        received = await reader.read(65536)
        if not received:
            return


def _answers(ws: wsproto.WSConnection, inner: Inner, event: events.Event) -> list[bytes]:
    """The bytes that one WebSocket event is answered with."""
    if isinstance(event, events.BytesMessage) and event.data[:1] == DATA:
        return [ws.send(events.BytesMessage(DATA + piece)) for piece in inner.receive(bytes(event.data[1:]))]
    if isinstance(event, events.Ping | events.CloseConnection):
        return [ws.send(event.response())]
    return []


class Inner:
    """The pod's HTTP server behind the forwarded port; connections are kept alive."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._http = h11.Connection(h11.SERVER)

    def receive(self, data: bytes) -> list[bytes]:
        """Bytes from the peer in, bytes for the peer out."""
        self._http.receive_data(data)
        out: list[bytes] = []
        request: h11.Request | None = None
        while True:
            event = self._http.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return out
            if isinstance(event, h11.Request):
                request = event
            if isinstance(event, h11.EndOfMessage) and request is not None:
                answer = self._find(request.method.decode(), request.target.decode())
                headers = [("content-type", answer.content_type or "text/plain"), ("content-length", str(len(answer.body)))]
                pieces = (
                    h11.Response(status_code=answer.status, headers=headers),
                    h11.Data(data=answer.body),
                    h11.EndOfMessage(),
                )
                out += [sent for piece in pieces if (sent := self._http.send(piece))]
                if self._http.our_state is h11.DONE:
                    self._http.start_next_cycle()
