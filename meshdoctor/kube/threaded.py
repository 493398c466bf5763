"""Long answers, read in a thread: 165 MB of pods take a quarter of the processor time that the asynchronous client needs.

The standard library's HTTP client does the reading, an httpx transport does the rest: requests, headers, limits, errors
and records stay those of the one client. It is for GETs without a proxy; the asynchronous client does everything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx

T = TypeVar("T")
CHUNK = 1 << 20  # one hop between threads a megabyte


class ThreadedTransport(httpx.AsyncBaseTransport):
    """Connections to one server, kept open between requests."""

    def __init__(self, tls: ssl.SSLContext | None, at_once: int) -> None:
        self._tls = tls
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="read")
        self._idle: list[http.client.HTTPConnection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the answer's body is read as it is asked for. Raises httpx's errors."""
        connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                return await self._exchange(connection, request)
            except httpx.NetworkError:
                pass  # the server closed it while it was idle: nothing was answered, so it is asked anew
        return await self._exchange(self._connection(request), request)

    async def aclose(self) -> None:
        """Close idle connections. What still reads ends with its own time limit or cancellation."""
        for connection in self._idle:
            connection.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _connection(self, request: httpx.Request) -> http.client.HTTPConnection:
        host, port = request.url.host, request.url.port
        seconds = request.extensions["timeout"]["connect"]
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=seconds)
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=self._tls)

    async def _exchange(self, connection: http.client.HTTPConnection, request: httpx.Request) -> httpx.Response:
        answer = await self.call(connection, functools.partial(_ask, connection, request))
        return httpx.Response(answer.status, headers=answer.getheaders(), stream=_Body(self, connection, answer))

    async def call(self, connection: http.client.HTTPConnection, work: Callable[[], T]) -> T:
        """Do something with a connection in a thread; failed or cancelled, it is broken off, so that its thread ends at once."""
        running = self._threads.submit(work)
        try:
            return await asyncio.wrap_future(running)
        except BaseException:  # a cancellation as well: the thread is still reading
            break_off(connection)
            running.add_done_callback(lambda _: break_off(connection))  # it may have been connecting only then
            raise

    def release(self, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        """Take a connection back."""
        if reusable and connection.sock is not None:
            self._idle.append(connection)
        else:
            break_off(connection)


class _Body(httpx.AsyncByteStream):
    """An answer's body; the next piece is read while one is being used."""

    def __init__(
        self, transport: ThreadedTransport, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
    ) -> None:
        self._transport, self._connection, self._answer = transport, connection, answer
        self._next: asyncio.Task[bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            chunk = await (self._next or self._read())
            if not chunk:
                self._next = None
                return
            self._next = asyncio.ensure_future(self._read())
            yield chunk

    async def _read(self) -> bytes:
        return await self._transport.call(self._connection, functools.partial(_piece, self._answer))

    async def aclose(self) -> None:
        if self._next is not None:
            self._next.cancel()
            with contextlib.suppress(asyncio.CancelledError, httpx.HTTPError):
                await self._next
        self._transport.release(self._connection, reusable=self._answer.isclosed() and not self._answer.will_close)


def _ask(connection: http.client.HTTPConnection, request: httpx.Request) -> http.client.HTTPResponse:
    """Connect where that is due, send, and read the head of the answer."""
    if connection.sock is None:
        try:
            connection.connect()
        except TimeoutError as why:
            raise httpx.ConnectTimeout(str(why)) from why
        except OSError as why:
            raise httpx.ConnectError(str(why)) from why
    connection.sock.settimeout(request.extensions["timeout"]["read"])
    try:
        target = request.url.raw_path.decode("ascii")
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.raw:
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse()
    except (OSError, http.client.HTTPException) as why:
        raise _read_error(why) from why


def _piece(answer: http.client.HTTPResponse) -> bytes:
    """The next megabyte of a body, less at its end; empty where it ended."""
    pieces: list[bytes] = []
    size = 0
    try:
        while size < CHUNK and (piece := answer.read1(CHUNK - size)):
            pieces.append(piece)
            size += len(piece)
        if answer.length == 0:
            answer.read()  # a body of known length is over, and says so only when read again
    except (OSError, ValueError, http.client.HTTPException) as why:
        raise _read_error(why) from why
    return b"".join(pieces)


def _read_error(why: Exception) -> httpx.HTTPError:
    if isinstance(why, TimeoutError):
        return httpx.ReadTimeout("timed out")
    if isinstance(why, (http.client.RemoteDisconnected, OSError)):
        return httpx.ReadError(str(why))
    if isinstance(why, http.client.IncompleteRead):
        return httpx.RemoteProtocolError("the connection ended within the body")
    return httpx.RemoteProtocolError(f"malformed answer: {why}")


def break_off(connection: http.client.HTTPConnection) -> None:
    """End a connection from any thread: a read that waits on it returns."""
    with contextlib.suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
