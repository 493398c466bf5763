"""HTTP to a pod's port: `http://POD.NAMESPACE.pod:PORT/path` for httpx, through the API server's port-forward."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore
import httpx

from meshdoctor.kube.deny import refuse
from meshdoctor.kube.failures import PodRefused
from meshdoctor.kube.session import CONNECT_SECONDS, Session
from meshdoctor.kube.websocket import WebSocket, connect

PROTOCOLS = ("v4.channel.k8s.io",)
DATA, ERROR = 0, 1
PORT_PREFIX = 2  # each channel begins with the port, little-endian
SUFFIX = ".pod"


def pod_url(namespace: str, pod: str, port: int, path: str) -> str:
    """The URL of a pod's port for a client with PortForwardTransport."""
    return f"http://{pod}.{namespace}{SUFFIX}:{port}{path}"


class PortForwardStream(httpcore.AsyncNetworkStream):
    """A pod's port as a byte stream. There is no half-close: both directions end together."""

    def __init__(self, socket: WebSocket, where: str) -> None:
        self._socket, self._where = socket, where
        self._prefix = {DATA: PORT_PREFIX, ERROR: PORT_PREFIX}
        self._left = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._left:
            message = await self._socket.receive(timeout)
            if message is None:
                return b""
            channel, data = message
            skip = min(self._prefix.get(channel, 0), len(data))
            self._prefix[channel] = self._prefix.get(channel, 0) - skip
            data = data[skip:]
            if channel == ERROR and data:
                raise PodRefused(f"{self._where} does not answer: {_words(data)}")
            if channel == DATA:
                self._left = data
        given, self._left = self._left[:max_bytes], self._left[max_bytes:]
        return given

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), 32_768):
            await self._socket.send(DATA, buffer[start : start + 32_768], timeout)

    async def aclose(self) -> None:
        await self._socket.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise NotImplementedError("TLS inside a port-forward: nothing we read speaks it")

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # what the pool asks of an idle connection: unasked bytes mean that it ended
            return bool(self._left) or self._socket.closed
        return None


class PortForwardBackend(httpcore.AsyncNetworkBackend):
    """Where httpcore would open a TCP connection, this opens a port-forward."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        pod, _, namespace = host.removesuffix(SUFFIX).rpartition(".")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
        socket = await connect(self._session, path, {"ports": port}, PROTOCOLS)
        return PortForwardStream(socket, f"{namespace}/{pod}:{port}")


class Body(httpx.AsyncByteStream):
    """An answer's body, read as it arrives."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class PortForwardTransport(httpx.AsyncBaseTransport):
    """Pools port-forwards, one a pod and port and request at a time. Refuses what the deny-list names."""

    def __init__(self, session: Session) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None, max_keepalive_connections=64, keepalive_expiry=15, network_backend=PortForwardBackend(session)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        refuse(request.method, request.url.raw_path.decode("ascii"))
        url = request.url
        inner = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(inner)
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=Body(answer.stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


def pod_client(session: Session, read_seconds: float) -> httpx.AsyncClient:
    """An HTTP client whose every URL is a pod's port."""
    return httpx.AsyncClient(
        transport=PortForwardTransport(session),
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        trust_env=False,
        headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "meshdoctor"},
    )


def _words(data: bytes) -> str:
    """The part of the kubelet's sentence that says why: it begins with ids."""
    text = " ".join(data.decode("utf-8", "replace").split())
    if refused := re.search(r"dial tcp\S* \S+ (?:connect: )?[a-z ]+", text):
        return f"{refused[0].strip()}."
    return text if len(text) <= 200 else f"... {text[-200:]}"
