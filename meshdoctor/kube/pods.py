"""HTTP GET to a port of a pod, by the first way that is allowed: port-forward, exec, the API server's proxy."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar
from urllib.parse import quote

import h11
import httpcore
import httpx
import msgspec

from meshdoctor.kube import exec as pod_exec
from meshdoctor.kube.deny import refuse
from meshdoctor.kube.failures import Denied, NoUpgrade, PodRefused
from meshdoctor.kube.portforward import Forwards, TooLarge
from meshdoctor.kube.session import READ_SECONDS, RequestLine, Session
from meshdoctor.model.errors import ClusterError

T = TypeVar("T")
Via = Literal["port-forward", "exec", "proxy"]

PROXY_PORTS = (15014, 15020, 15021, 15090)
"""Ports that listen on the pod's address, where the API server's proxy reaches them; 15000 is loopback only."""
ENVOY_PORTS = (15000, 15004, 15020, 15021, 15090)
"""Ports of a proxy: what is asked there Envoy's main thread renders, while it takes no configuration."""
ENVOYS, WHOLE = 1_000_000, 8_000_000
"""Bytes of one answer where the caller does not say: of a proxy; of anybody else, and of a dump that somebody asks for."""
EXEC_PORTS = {"istio-proxy": (15000, 15004, 15020, 15021), "discovery": (15014,)}


class PodAnswer(msgspec.Struct, frozen=True):
    """What a pod answered, and which way it took."""

    status: int
    body: bytes
    via: Via


class Pods:
    """Asks pods. A way that was forbidden in a namespace is not tried there again."""

    def __init__(self, session: Session, timeout: float | None, on_request: Callable[[RequestLine], None] | None) -> None:
        self._session, self._seconds, self._on_request = session, timeout or READ_SECONDS, on_request
        self._forwards = Forwards(session, self._seconds)
        self._closed_ways: dict[tuple[Via, str], ClusterError] = {}
        self._turns: weakref.WeakValueDictionary[tuple[str, str], asyncio.Lock] = weakref.WeakValueDictionary()

    async def close(self) -> None:
        """Close all forwarded connections."""
        await self._forwards.close()

    async def get(self, namespace: str, pod: str, port: int, path: str, *, limit: int | None, container: str) -> PodAnswer:
        """One GET; of a proxy one at a time.

        Raises Denied where no way is allowed, NotFound, PodRefused, Unreachable, ClusterError above `limit` bytes.
        """
        refuse("GET", path)
        if port not in ENVOY_PORTS:
            return await self._by_some_way(namespace, pod, port, path, limit or WHOLE, container)
        turn = self._turns.setdefault((namespace, pod), asyncio.Lock())
        async with turn:
            return await self._by_some_way(namespace, pod, port, path, limit or ENVOYS, container)

    async def _by_some_way(self, namespace: str, pod: str, port: int, path: str, limit: int, container: str) -> PodAnswer:
        first: ClusterError | None = None
        for via in self._ways(port, container):
            if (known := self._closed_ways.get((via, namespace))) is not None:
                first = first or known
                continue
            try:
                return await self._ask(via, namespace, pod, port, path, limit, container)
            except (Denied, NoUpgrade) as why:
                if isinstance(why, Denied):  # the other may concern this pod alone
                    self._closed_ways[via, namespace] = why
                first = first or why
        raise first or ClusterError(f"There is no way to port {port} of {namespace}/{pod}.")

    @staticmethod
    def _ways(port: int, container: str) -> list[Via]:
        ways: list[Via] = ["port-forward"]
        ways += ["exec"] if port in EXEC_PORTS.get(container, ()) else []
        ways += ["proxy"] if port in PROXY_PORTS else []
        return ways

    async def _ask(self, via: Via, namespace: str, pod: str, port: int, path: str, limit: int, container: str) -> PodAnswer:
        where, started, moment = f"{namespace}/{pod}:{port}", time.perf_counter(), datetime.now(UTC)
        status, body, kind = 0, b"", ""
        try:
            if via == "port-forward":
                status, kind, body = await self._forwarded(namespace, pod, port, path, limit)
            elif via == "exec":
                status, body = await self._executed(namespace, pod, port, path, limit, container)
            else:
                status, kind, body = await self._proxied(namespace, pod, port, path, where, limit)
        except ClusterError as why:
            self._record(where, path, 0, "", why.observed.encode())
            raise
        except asyncio.CancelledError:
            self._record(where, path, 0, "", b"timed out")
            raise
        finally:
            if self._on_request is not None:
                shown = f"pod {where}{path} ({via})"
                took = (time.perf_counter() - started) * 1000
                self._on_request(RequestLine("GET", shown, status, took, len(body), moment))
        self._record(where, path, status, kind, body)
        return PodAnswer(status, body, via)

    def _record(self, where: str, path: str, status: int, kind: str, body: bytes) -> None:
        """Hand an answer to the recorder; `status` 0 where there was none, the body then says why."""
        if self._session.recorder is not None:
            self._session.recorder.record(f"pod {where} GET {path}", status, kind, body)

    async def _forwarded(self, namespace: str, pod: str, port: int, path: str, limit: int) -> tuple[int, str, bytes]:
        where = f"{namespace}/{pod}:{port}"
        try:
            page = await _named(where, lambda: self._forwards.get((namespace, pod, port), path, limit))
        except TooLarge:
            raise too_large(where, limit) from None
        return page.status, page.content_type, page.body

    async def _executed(self, namespace: str, pod: str, port: int, path: str, limit: int, container: str) -> tuple[int, bytes]:
        where = f"{namespace}/{pod}:{port}"
        command = pod_exec.request_command(container, port, path)
        answer = await _named(
            where,
            lambda: pod_exec.run(self._session, namespace, pod, container, command, limit=limit, timeout=self._seconds),
        )
        return pod_exec.http_answer(where, answer)

    async def _proxied(self, namespace: str, pod: str, port: int, path: str, where: str, limit: int) -> tuple[int, str, bytes]:
        bare, mark, query = path.partition("?")
        url = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{quote(bare, safe='/%')}{mark}{query}"
        body = bytearray()
        async with self._session.gate, self._session.open(url, headers={"Accept": "*/*"}) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise too_large(where, limit)
        return response.status_code, str(response.headers.get("content-type", "")), bytes(body)


def too_large(where: str, limit: int) -> ClusterError:
    """The error of an answer above `limit` bytes."""
    do = "`meshdoctor proxy POD PART --full` reads up to 8 MB." if limit == ENVOYS else ""
    return ClusterError(f"{where} answers more than {limit} bytes; the rest was not read.", do=do)


async def _named(where: str, ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, failures told as the pod's."""
    try:
        return await ask()
    except (httpx.TimeoutException, httpcore.TimeoutException) as why:
        raise PodRefused(f"{where} did not answer in time.") from why
    except (h11.RemoteProtocolError, httpx.RemoteProtocolError, httpcore.RemoteProtocolError) as why:
        raise PodRefused(f"{where} broke the connection off: {why}") from why
    except (h11.ProtocolError, httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError) as why:
        raise PodRefused(f"The connection to {where} broke: {str(why) or type(why).__name__}.") from why
