"""xDS of a recorded istiod: TLS, HTTP/2 and protobuf, as istioctl proxy-status speaks them."""

from __future__ import annotations

import asyncio
import json
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshdoctor.bundle.ads import NONCE, SYNCZ, Ads
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.grpc import DATA, HEADERS, INITIAL_WINDOW, PREFACE, SETTINGS, WINDOW_UPDATE, GrpcConnection
from meshdoctor.bundle.http import SocketWire
from meshdoctor.bundle.pods import RecordedPods
from meshdoctor.bundle.protobuf import attributes, fields, packed
from meshdoctor.bundle.tls import TlsWire
from meshdoctor.kube.wire import MAGIC

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


def proxy(name: str, **told: str) -> dict[str, object]:
    return {"cluster_id": "Kubernetes", "proxy": name, "istio_version": "1.32.0", "resources": {CDS: told}}


def ads(*proxies: dict[str, object]) -> Ads:
    where = "pod istio-d/istiod-1:15014 GET"
    answers = {
        f"{where} /debug/syncz": Answer(200, "application/json", json.dumps(proxies).encode()),
        f"{where} /version": Answer(200, "text/plain", b"1.32.0"),
    }
    return Ads(RecordedPods(answers), "istio-d", "istiod-1")


ASKED = packed((2, packed((1, "sidecar~x"))), (4, SYNCZ), (5, "a nonce of its own"))


def only(message: bytes, number: int) -> list[bytes]:
    return [value for each, value in fields(message) if each == number]


def test_each_proxy_comes_with_the_state_of_each_type() -> None:
    states = {
        "synced.shop": {"sent": "a", "acked": "a", "sentTime": "2026-03-01T12:00:00.5Z"},
        "stale.shop": {"sent": "b", "acked": "a"},
        "silent.shop": {},
        "refused.shop": {"sent": "b", "acked": "a", "error": "no"},
    }
    answer = ads(*(proxy(name, **told) for name, told in states.items())).answer(ASKED)
    assert answer is not None
    assert only(answer, 4) == [SYNCZ.encode()]
    assert b'"ID":"istiod-1"' in only(answer, 6)[0]
    configs = [only(resource, 2)[0] for resource in only(answer, 2)]
    assert [only(only(c, 1)[0], 1)[0].decode() for c in configs] == list(states)
    statuses = [only(c, 3)[0] for c in configs]
    assert [s[s.index(b"\x30") + 1] for s in (part.partition(b"Cluster")[2] for part in statuses)] == [1, 3, 2, 4]
    assert b"NAMESPACE" in configs[0]


def test_an_acknowledgement_gets_no_answer_nor_does_noise() -> None:
    assert ads().answer(packed((4, SYNCZ), (5, NONCE))) is None
    assert ads().answer(b"\xff\xff\xff") is None


def test_another_question_is_answered_with_nothing() -> None:
    answer = ads(proxy("a.b")).answer(packed((4, "istio.io/debug/config_dump")))
    assert answer is not None
    assert only(answer, 2) == []


@asynccontextmanager
async def connected(given: Ads, *, encrypted: bool) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running = asyncio.Event()
        running.set()
        socket = SocketWire(reader, writer, running)
        tls = TlsWire(socket)
        if not encrypted or await tls.open():
            await GrpcConnection(tls if encrypted else socket, given.answer).run()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context if encrypted else None)
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()


def frame(kind: int, number: int, body: bytes, flags: int = 0) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", number) + body


async def read(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = await asyncio.wait_for(reader.readexactly(9), 5)
    return head[3], int.from_bytes(head[5:], "big"), await reader.readexactly(int.from_bytes(head[:3], "big"))


@pytest.mark.parametrize("encrypted", [True, False])
async def test_an_answer_larger_than_the_window_comes_as_the_window_opens(encrypted: bool) -> None:
    many = ads(*(proxy(f"cart-{n}.shop", sent="a", acked="a") for n in range(400)))
    async with connected(many, encrypted=encrypted) as (reader, writer):
        writer.write(PREFACE + frame(SETTINGS, 0, struct.pack(">HI", INITIAL_WINDOW, 20_000)) + frame(HEADERS, 1, b"\x83", 4))
        message = struct.pack(">BI", 0, len(ASKED)) + ASKED
        writer.write(frame(DATA, 1, message[:3]) + frame(DATA, 1, message[3:]))
        said, opened = b"", 20_000
        while len(said) < 5 or len(said) < 5 + int.from_bytes(said[1:5], "big"):
            kind, number, body = await read(reader)
            if kind == DATA:
                assert number == 1
                said += body
                assert len(said) <= opened
                if len(said) == opened:
                    writer.write(
                        frame(WINDOW_UPDATE, 1, struct.pack(">I", 30_000)) + frame(WINDOW_UPDATE, 0, struct.pack(">I", 30_000))
                    )
                    opened += 30_000
        assert len(only(said[5:], 2)) == 400
        assert opened > 20_000


@pytest.mark.parametrize(
    "noise",
    [b"GET / HTTP/1.1\r\n\r\n" * 4, PREFACE + b"\xff" * 40, PREFACE + frame(HEADERS, 1, b"") + frame(DATA, 1, b"\x01\0\0\0\x01x")],
)
async def test_what_is_no_grpc_ends_the_connection(noise: bytes) -> None:
    async with connected(ads(), encrypted=False) as (reader, writer):
        writer.write(noise)
        await asyncio.wait_for(reader.read(), 5)


def test_a_review_in_protobuf_is_understood() -> None:
    wanted = packed((1, "shop"), (2, "list"), (5, "pods"))
    review = packed((1, packed((1, "v1"))), (2, packed((2, packed((1, wanted))))))
    assert attributes(MAGIC + review) == {"namespace": "shop", "verb": "list", "group": "", "resource": "pods", "subresource": ""}
    assert attributes(MAGIC + packed((2, packed((2, packed((2, b"x"))))))) is None
    for broken in (b"{}", MAGIC + b"\x12\xff", MAGIC + b"\x0d0000"):
        with pytest.raises(ValueError, match=r"protobuf|breaks off|no review has"):
            attributes(broken)
