"""The one HTTP client behind everything: credentials, limits, the deny-list, the clock, the record."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.request import getproxies

import httpx
import msgspec

from meshdoctor.kube.answers import (
    NOT_RECORDED,
    ApiStatus,
    connection_error,
    not_the_api,
    plain_words,
    status_error,
    without_password,
)
from meshdoctor.kube.clock import ServerClock
from meshdoctor.kube.consent import Consent
from meshdoctor.kube.credentials import Credentials, load
from meshdoctor.kube.deny import refuse_api, refuse_secret_bodies
from meshdoctor.kube.handshake import watched
from meshdoctor.kube.threaded import ThreadedTransport
from meshdoctor.kube.tls import load_client_certificate, ssl_context
from meshdoctor.model.errors import MeshdoctorError, UsageError

AT_ONCE = 8
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
LARGEST_ERROR = 64_000

# httpcore imports sniffio for every lock that it makes, some seven hundred in a diagnosis. Where it is not installed each
# import searches all folders of the path in vain; None is how the import system is told that there is nothing to find.
if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment] # typeshed knows modules only
Params = Mapping[str, Any]


class RequestLine(msgspec.Struct, frozen=True):
    """One finished request, for a log: milliseconds, bytes of the decoded body, `status` 0 where no answer came."""

    method: str
    path: str
    status: int
    ms: float
    bytes: int
    at: datetime


class Recorder(Protocol):
    """Keeps every finished GET, e.g. for a bundle."""

    def record(self, key: str, status: int, content_type: str, body: bytes) -> None: ...


class Session:
    """Sends requests to one API server and turns every failure into a MeshdoctorError."""

    def __init__(
        self,
        credentials: Credentials,
        timeout: float | None,
        on_request: Callable[[RequestLine], None] | None,
        recorder: Recorder | None,
        *,
        dry_runs: bool = False,
    ) -> None:
        self._dry_runs = dry_runs
        self.credentials = credentials
        self.clock = ServerClock()
        self.recorder = recorder
        self.gate = asyncio.Semaphore(AT_ONCE)
        self._on_request = on_request
        self._timeout = httpx.Timeout(timeout or READ_SECONDS, connect=CONNECT_SECONDS, pool=None)
        self._tls = ssl_context(credentials) if credentials.server.startswith("https") else None
        self._http = self._client()
        self._bulk = self._threaded()
        self._renewing = asyncio.Lock()

    def _client(self) -> httpx.AsyncClient:
        who = self.credentials
        try:
            if (httpx.URL(who.server).port or 0) > 65_535:
                raise httpx.InvalidURL("there are 65535 ports")
            return httpx.AsyncClient(
                base_url=who.server,
                verify=self._tls if self._tls is not None else False,
                timeout=self._timeout,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE, keepalive_expiry=60),
                proxy=who.proxy_url,
                trust_env=not who.loopback,  # kubectl sends nothing for this machine through HTTPS_PROXY
                follow_redirects=False,
            )
        except httpx.InvalidURL as why:
            raise UsageError(f"The server {who.server!r} of context {who.context!r} is no valid address: {why}.") from why
        except (ValueError, ImportError) as why:
            proxy = without_password(who.proxy_url) if who.proxy_url else "of the environment"
            raise UsageError(f"The proxy {proxy} cannot be used.", do="meshdoctor speaks to http and https proxies.") from why

    def _threaded(self) -> httpx.AsyncClient:
        """The client for long answers: one that reads in threads, or the same where a proxy or a name of TLS's own is used."""
        who = self.credentials
        if who.proxy_url or who.tls_server_name or (getproxies() and not who.loopback):
            return self._http
        return httpx.AsyncClient(
            base_url=who.server,
            transport=ThreadedTransport(self._tls, AT_ONCE),
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        await self._bulk.aclose()

    @contextlib.asynccontextmanager
    async def open(
        self,
        path: str,
        params: Params | None = None,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        watch: bool = False,
        upgrade: bool = False,
        long: bool = False,
        consent: Consent | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """An answer below 400 (101 for an upgrade), its body not read yet. Raises the error that any other is.

        `long` is for bodies that may be large. What writes needs the operator's `consent` to this very request.
        """
        started, moment = time.perf_counter(), datetime.now(UTC)
        size, status = [0], 0
        await self._renew_if_ending()
        request = self._request(method, path, params, headers, content, watch=watch, consent=consent)
        shown = request.url.raw_path.decode("ascii")
        if consent is not None:
            consent.spend()
        try:
            response = await self._send(request, self._bulk if long else self._http)
            status = response.status_code
            response.extensions["size"] = size
            try:
                self.clock.learn(response.headers.get("date"))
                await self._raise_for(response, shown, watch=watch, upgrade=upgrade, method=method if consent else "GET")
                yield response
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError) as why:
            failed = connection_error(why, self.credentials)
            if method == "GET" and not (watch or upgrade):
                self.unanswered(self._bare(shown), failed.observed)
            raise failed from why
        finally:
            if self._on_request is not None:
                self._on_request(RequestLine(method, shown, status, (time.perf_counter() - started) * 1000, size[0], moment))

    def _request(
        self,
        method: str,
        path: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        *,
        watch: bool,
        consent: Consent | None,
    ) -> httpx.Request:
        who = self.credentials
        encoding = "identity" if who.loopback or watch else "gzip"
        given = {"Accept": "application/json", "Accept-Encoding": encoding, **who.headers, **(headers or {})}
        unending = httpx.Timeout(connect=CONNECT_SECONDS, read=None, write=self._timeout.write, pool=None)
        timeout = unending if watch else self._timeout
        extensions: dict[str, object] = {"timeout": timeout.as_dict(), "trace": watched()}
        if who.tls_server_name:
            extensions["sni_hostname"] = who.tls_server_name
        request = self._http.build_request(
            method,
            path,
            params=httpx.QueryParams(dict(params)) if params else None,
            headers=[(n.encode(), v.encode()) for n, v in (*given.items(), *who.impersonate, ("User-Agent", "meshdoctor"))],
            content=content,
            extensions=extensions,
        )
        # Judged as it will be sent, minus the server's own path prefix.
        sent = request.url.raw_path.decode("ascii")
        if consent is None:
            refuse_api(method, self._bare(sent), dry_runs=self._dry_runs)
        else:
            consent.check(method, self._bare(sent), content)
        refuse_secret_bodies(self._bare(sent), given["Accept"])
        return request

    async def _send(self, request: httpx.Request, client: httpx.AsyncClient) -> httpx.Response:
        response = await client.send(request, stream=True)
        if response.status_code != 401 or not self.credentials.renewable or not await self._renew():
            return response
        await response.aclose()
        request.headers.update(self.credentials.headers)
        return await client.send(request, stream=True)

    async def _raise_for(self, response: httpx.Response, shown: str, *, watch: bool, upgrade: bool, method: str) -> None:
        kind = response.headers.get("content-type", "")
        if response.status_code < 300 or (upgrade and response.status_code == 101):
            if "html" in kind:
                raise not_the_api(self.credentials.server, plain_words(await _head(response)))
            return
        body = await _head(response)
        if 300 <= response.status_code < 400:
            location = response.headers.get("location", "")
            raise not_the_api(self.credentials.server, f"{response.status_code} redirect to {location[:80]}")
        self.record(self._bare(shown), response.status_code, kind, body, watch=watch or upgrade)
        raise status_error(response.status_code, kind, body, self._bare(shown), self.credentials, watch=watch, method=method)

    def shown(self, response: httpx.Response) -> str:
        """The path and query that were asked for, without the server's own prefix."""
        return self._bare(response.request.url.raw_path.decode("ascii"))

    def _bare(self, sent: str) -> str:
        return sent.removeprefix(_prefix(self.credentials.server))

    def record(self, path: str, status: int, content_type: str, body: bytes, *, watch: bool = False) -> None:
        """Hand a finished GET to the recorder, its query sorted."""
        if self.recorder is not None and not watch:
            bare, _, query = path.partition("?")
            ordered = "&".join(sorted(query.split("&"))) if query else ""
            self.recorder.record(f"api GET {bare}{'?' + ordered if ordered else ''}", status, content_type, body)

    def unanswered(self, path: str, why: str) -> None:
        """Hand a GET that was never answered to the recorder: what was not seen must not look like what is not there."""
        told = ApiStatus(kind="Status", message=why, reason=NOT_RECORDED, code=500)
        self.record(path, 500, "application/json", msgspec.json.encode(told))

    async def fetch(
        self, path: str, params: Params | None = None, headers: Mapping[str, str] | None = None, *, long: bool = False
    ) -> tuple[bytes, str]:
        """The body of a GET and its content type; counts as one of the short requests."""
        async with self.gate, self.open(path, params, headers=headers, long=long) as response:
            body = await response.aread()
            response.extensions["size"][0] = len(body)
            kind = str(response.headers.get("content-type", ""))
            self.record(self.shown(response), response.status_code, kind, body)
            return body, kind

    async def _renew_if_ending(self) -> None:
        ends = self.credentials.expires
        if self.credentials.renewable and ends is not None and ends - datetime.now(UTC) < timedelta(seconds=30):
            await self._renew()

    async def _renew(self) -> bool:
        """Load plugin or file credentials anew, as kubectl does when they end; False where that gave nothing new."""
        before = self.credentials
        async with self._renewing:
            if self.credentials is not before:
                return True
            in_cluster = before.kubeconfig is None and before.context == "in-cluster"
            try:
                fresh = await load(before.kubeconfig, None if in_cluster else before.context)
            except MeshdoctorError:
                return False
            same = (fresh.headers, fresh.client_cert_data) == (before.headers, before.client_cert_data)
            if same or fresh.server != before.server:
                return False
            self.credentials = fresh
            if self._tls is not None:
                load_client_certificate(self._tls, fresh)
            return True


@functools.cache  # asked for three times a request
def _prefix(server: str) -> str:
    """The path that a server's address ends with."""
    return httpx.URL(server).path.rstrip("/")


async def _head(response: httpx.Response) -> bytes:
    """The beginning of an error's body."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= LARGEST_ERROR:
            break
    return body
