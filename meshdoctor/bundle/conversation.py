"""One connection to the replay server: which request goes where."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, unquote

import msgspec

from meshdoctor.bundle import ads, statuses
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.changes import Subscription
from meshdoctor.bundle.discovery import discovery
from meshdoctor.bundle.faults import Faults
from meshdoctor.bundle.forward import (
    ERROR,
    STATUS,
    STDERR,
    STDOUT,
    TUNNEL,
    Channels,
    Ends,
    ForwardWire,
    chosen_protocol,
    open_channels,
    open_port,
    open_tunnel,
)
from meshdoctor.bundle.grpc import GrpcConnection
from meshdoctor.bundle.http import Http, Request, Wire
from meshdoctor.bundle.lists import PARTIAL, partial
from meshdoctor.bundle.load import Load
from meshdoctor.bundle.paths import Pairs, Place, place_of, split
from meshdoctor.bundle.pods import RecordedPods, refusal
from meshdoctor.bundle.reviews import review
from meshdoctor.bundle.spdy import Pair, SpdyConnection
from meshdoctor.bundle.store import Store
from meshdoctor.bundle.tls import TlsWire
from meshdoctor.kube.answers import NOT_RECORDED

FORWARD = ("v4.channel.k8s.io",)
EXEC = ("v5.channel.k8s.io", "v4.channel.k8s.io")
HEALTH = ("/livez", "/readyz", "/healthz")
VERSION = {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
COMMAND = re.compile(r"(?:pilot-agent|pilot-discovery) request (?:--debug-port (?P<port>\d+) )?GET (?P<target>/.*)")
LONGEST_WATCH = 1800.0
ASKED = logging.getLogger("meshdoctor.replay")
"""The server's own access log, at DEBUG: `method`, `target` and `body` of every request are fields of its records."""


class Served(msgspec.Struct, frozen=True):
    """What all connections share."""

    store: Store
    pods: RecordedPods
    faults: Faults
    requests: list[tuple[str, str]]
    now: Callable[[], datetime]
    bookmark_seconds: float
    load: Load


class Conversation:
    """Answers one connection until it ends."""

    def __init__(self, served: Served, wire: Wire) -> None:
        self._served, self._wire = served, wire
        self._http = Http(wire, served.now)

    async def run(self) -> None:
        """Answer request after request."""
        while (request := await self._http.request()) is not None:
            self._note(request.method, request.target, request.body)
            broken = await self._served.faults.before(request.target)
            if broken is not None and broken.status == 0:
                return
            if broken is None and await self._long(request):
                return
            # A watch has been answered by now, unless it was broken or refused.
            answer = broken or self._answer(request)
            await self._http.answer(answer)

    def _note(self, method: str, target: str, body: bytes = b"") -> None:
        self._served.requests.append((method, target))
        ASKED.debug("%s %s", method, target, extra={"method": method, "target": target, "body": body.decode("utf-8", "replace")})

    async def _long(self, request: Request) -> bool:
        """Do what takes the connection over: watches and WebSockets. False where an ordinary answer is due."""
        path, pairs = split(request.target)
        place = place_of(path)
        if place is not None and place.sub == "portforward" and request.method == "POST" and request.upgrade == "spdy/3.1":
            return not self._served.faults.denied(place) and await self._spdy(request, place)
        if place is None or request.method != "GET" or self._served.faults.denied(place):
            return False
        if place.sub in ("portforward", "exec"):
            return await self._socket(request, place, pairs)
        if dict(pairs).get("watch") in ("true", "1") and not place.sub and self._refused_watch(place, pairs) is None:
            await self._watch(request, place, pairs)
            return True
        return False

    def _answer(self, request: Request) -> Answer:
        path, pairs = split(request.target)
        accept = request.headers.get("accept", "")
        store = self._served.store
        if request.method == "POST":
            return review(self._served.store, self._served.faults, path, request.body)
        if request.method not in ("GET", "HEAD"):
            return statuses.failure(405, "MethodNotAllowed", "a recording is only read")
        if path in HEALTH or path == "/version":
            plain = Answer(200, "text/plain", b"ok") if path in HEALTH else statuses.json_answer(VERSION)
            return store.recorded(path, pairs) or plain
        place = place_of(path)
        if place is None:
            return discovery(store, path, accept) or store.recorded(path, pairs) or statuses.not_served()
        if self._served.faults.denied(place):
            return statuses.forbidden(_verb(place, pairs), place)
        if place.sub:
            return self._subresource(request, place, pairs)
        if dict(pairs).get("watch") in ("true", "1"):
            return self._refused_watch(place, pairs) or statuses.not_served()
        return store.answer(path, pairs, accept)

    def _subresource(self, request: Request, place: Place, pairs: Pairs) -> Answer:
        store = self._served.store
        path = f"{place.collection}/{place.name}/{place.sub}"
        recorded = store.log(path, pairs) if place.sub == "log" else store.recorded(path, pairs)
        pod, _, port = place.name.partition(":")
        if recorded is not None or place.plural != "pods":
            return recorded or statuses.not_served()
        if not self._exists(place, pod):
            return statuses.not_found(msgspec.structs.replace(place, name=pod))
        if place.sub == "log":
            return statuses.failure(500, NOT_RECORDED, f"the log of {dict(pairs).get('container', 'this pod')} was not recorded")
        if place.sub.partition("/")[0] == "proxy" and port.isdecimal():
            return self._proxied(place.namespace, pod, int(port), request.target.partition("/proxy")[2] or "/")
        if place.sub in ("portforward", "exec"):
            return statuses.bad_request("unable to upgrade: only WebSockets with v4.channel.k8s.io are spoken here")
        return statuses.not_served()

    def _proxied(self, namespace: str, pod: str, port: int, target: str) -> Answer:
        if self._served.pods.answers(namespace, pod, port):
            return self._served.pods.answer(namespace, pod, port, target)
        message = f"error trying to reach service: dial tcp: connect to {pod}:{port}: connection refused"
        return statuses.failure(503, "ServiceUnavailable", message)

    def _exists(self, place: Place, pod: str) -> bool:
        named = msgspec.structs.replace(place, name=pod)
        return self._served.store.find(named) is not None or self._served.pods.knows(place.namespace, pod)

    def _refused_watch(self, place: Place, pairs: Pairs) -> Answer | None:
        """The answer to a watch that cannot be opened."""
        collection = self._served.store.collection(place)
        if collection is None:
            return statuses.not_served()
        if collection.failed is not None:
            return statuses.forbidden("watch", place) if collection.failed.status == 403 else collection.failed
        try:
            self._served.store.matches(place, pairs)
        except ValueError as why:
            return statuses.bad_request(str(why))
        return None

    async def _watch(self, request: Request, place: Place, pairs: Pairs) -> None:
        """Send events until the time asked for is over, the versions are gone, or the client leaves."""
        store, given = self._served.store, dict(pairs)
        seconds = given.get("timeoutSeconds", "")
        ends = time.monotonic() + (float(seconds) if seconds.isdecimal() else LONGEST_WATCH)
        marks = given.get("allowWatchBookmarks") in ("true", "1")
        metadata_only = f"as={PARTIAL}" in request.headers.get("accept", "").partition(",")[0]
        subscription = store.watch(place, pairs)
        left = asyncio.ensure_future(self._wire.read())
        try:
            await self._http.begin(statuses.JSON)
            while True:
                await self._send(subscription, metadata_only=metadata_only)
                if subscription.ended or left.done() or time.monotonic() >= ends:
                    break
                if not await self._news(subscription, left, ends) and marks:
                    subscription.put("BOOKMARK", store.bookmark(place))
            if not left.done():
                await self._http.end()
        finally:
            store.changes.unsubscribe(subscription)
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)

    async def _news(self, subscription: Subscription, left: asyncio.Future[bytes], ends: float) -> bool:
        """Wait for an event, the client's leaving or the end; False when it is time for a bookmark."""
        news: asyncio.Future[bool] = asyncio.ensure_future(subscription.news.wait())
        timeout = max(0.0, min(self._served.bookmark_seconds, ends - time.monotonic()))
        try:
            both: set[asyncio.Future[bool] | asyncio.Future[bytes]] = {news, left}
            done, _ = await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        return bool(done)

    async def _send(self, subscription: Subscription, *, metadata_only: bool) -> None:
        subscription.news.clear()
        while subscription.waiting:
            line = subscription.waiting.popleft()
            if metadata_only and line["type"] != "ERROR":
                line = line | {"object": partial(line["object"])}
            await self._http.more(msgspec.json.encode(line) + b"\n")

    async def _socket(self, request: Request, place: Place, pairs: Pairs) -> bool:
        """Open a port-forward or an exec. False where it is refused with an ordinary answer."""
        if place.sub == "portforward" and chosen_protocol(request, (TUNNEL,)) is not None:
            return await self._spdy(request, place)
        protocol = chosen_protocol(request, FORWARD if place.sub == "portforward" else EXEC)
        ports = dict(pairs).get("ports", "")
        if protocol is None or not self._exists(place, place.name):
            return False
        if place.sub == "exec":
            await self._exec(await open_channels(self._http, self._wire, request, protocol), request, place)
            return True
        if not ports.isdecimal() or not 0 < int(ports) < 65_536:
            return False
        channels = await open_channels(self._http, self._wire, request, protocol)
        await open_port(channels, int(ports))
        await self._forward(channels, place, int(ports))
        return True

    async def _spdy(self, request: Request, place: Place) -> bool:
        """Open a port-forward as kubectl has it. False where there is no such pod."""
        if not self._exists(place, place.name):
            return False
        wire, arrived = await open_tunnel(self._http, self._wire, request)

        async def opened(ends: Pair, port: str) -> None:
            await self._forward(ends, place, int(port) if port.isdecimal() else 0)

        await SpdyConnection(wire, arrived, opened).run()
        return True

    async def _forward(self, channels: Ends, place: Place, port: int) -> None:
        """Answer what is spoken inside a forwarded port until it is closed: HTTP, and xDS on those of istiod."""
        if port in ads.PORTS and self._served.pods.answers(place.namespace, place.name, ads.DEBUG):
            await self._xds(ForwardWire(channels), place, encrypted=ads.PORTS[port])
            await channels.close()
            return
        if not self._served.pods.answers(place.namespace, place.name, port):
            await channels.send(ERROR, refusal(port, place.name, "nothing was recorded there: connection refused"))
            await channels.close()
            return
        http = Http(ForwardWire(channels), self._served.now)
        while (request := await http.request()) is not None:
            where = (place.namespace, place.name, port)
            with self._served.load.asked(where):
                answer = await self._pod_answer(place, port, request.method, request.target)
                if answer.status == 0:
                    words = answer.body.decode("utf-8", "replace") or "connection refused"
                    await channels.send(ERROR, refusal(port, place.name, words))
                    break
                await http.answer(answer)
            self._served.load.answered(where, len(answer.body))
        await channels.close()

    async def _xds(self, wire: Wire, place: Place, *, encrypted: bool) -> None:
        """Answer xDS as the recorded istiod did."""
        self._note("XDS", f"pod {place.namespace}/{place.name}")
        if encrypted:
            tls = TlsWire(wire)
            if not await tls.open():
                return
            wire = tls
        await GrpcConnection(wire, ads.Ads(self._served.pods, place.namespace, place.name).answer).run()

    async def _pod_answer(self, place: Place, port: int, method: str, target: str) -> Answer:
        shown = f"pod {place.namespace}/{place.name}:{port} {target}"
        self._note(method, shown)
        broken = await self._served.faults.before(shown)
        if broken is not None or method in ("GET", "HEAD"):
            return broken or self._served.pods.answer(place.namespace, place.name, port, target)
        return Answer(405, "text/plain", b"a recording is only read\n")

    async def _exec(self, channels: Channels, request: Request, place: Place) -> None:
        """Play `pilot-agent request GET`, the only command there is."""
        asked = parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        command = " ".join(value for name, value in asked if name == "command")
        match = COMMAND.fullmatch(unquote(command))
        said, error = b"", f"no such command in a recording: {command}"
        if match is not None:
            default = 15014 if command.startswith("pilot-discovery") else 15000
            answer = await self._pod_answer(place, int(match["port"] or default), "GET", match["target"])
            said = answer.body
            error = (
                ""
                if answer.status == 200
                else f"Error: unsuccessful status code {answer.status}: {said.decode('utf-8', 'replace')}"
            )
        told = {"status": "Failure", "message": "command terminated with exit code 1"} if error else {"status": "Success"}
        for start in range(0, len(said), 32_768):
            await channels.send(STDOUT, said[start : start + 32_768])
        if error:
            await channels.send(STDERR, error.encode())
        await channels.send(STATUS, msgspec.json.encode({"metadata": {}, **told}))
        await channels.close()


def _verb(place: Place, pairs: Pairs) -> str:
    if place.sub in ("portforward", "exec"):
        return "create"
    if dict(pairs).get("watch") in ("true", "1"):
        return "watch"
    return "get" if place.name else "list"
