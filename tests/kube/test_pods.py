"""HTTP to pods: port-forward over a real WebSocket, then exec, then the API server's proxy."""

from __future__ import annotations

import json

import httpx
import pytest

from meshdoctor.kube.client import ApiClient, Denied, NotFound, PodAnswer, PodRefused
from meshdoctor.model.errors import ClusterError
from tests.kube.servers import Answer, Channels, Request, Server, echo_pod, serving, status

LARGE = bytes(range(256)) * 2_000


async def ask(
    server: Server, path: str = "/stats", port: int = 15000, container: str = "istio-proxy", limit: int = 8_000_000
) -> PodAnswer:
    async with ApiClient(server.credentials, timeout=10) as api:
        return await api.pod_get("shop", "cart", port, path, container=container, limit=limit)


async def test_gets_go_through_one_forwarded_connection() -> None:
    pages = {"/stats?format=json": (200, b"{}"), "/large": (200, LARGE), "/ready": (503, b"not ready")}
    async with serving(socket=echo_pod(pages)) as server, ApiClient(server.credentials) as api:
        for path, (code, body) in pages.items():
            answer = await api.pod_get("shop", "cart.v1", 15000, path)
            assert (answer.status, answer.body, answer.via) == (code, body, "port-forward")
    assert server.sockets == 1
    assert server.requests[0].target == "/api/v1/namespaces/shop/pods/cart.v1/portforward?ports=15000"
    assert server.requests[0].headers["sec-websocket-protocol"] == "v4.channel.k8s.io"


async def test_a_connection_that_the_pod_closed_meanwhile_is_opened_again() -> None:
    async def one_answer(request: Request, channels: Channels) -> None:
        async for _ in channels.messages():
            await channels.send(0, b"\x98\x3aHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await channels.end()
            return

    async with serving(socket=one_answer) as server, ApiClient(server.credentials) as api:
        for _ in range(3):
            assert (await api.pod_get("shop", "cart", 15000, "/ready")).body == b"ok"
    assert server.sockets == 3


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"Connection: close\r\nContent-Length: 2\r\n\r\nok", False),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n", False),  # more than was asked for
    ],
)
async def test_a_connection_is_kept_where_the_answer_allows_it(head: bytes, kept: bool) -> None:
    async def talk(request: Request, channels: Channels) -> None:
        prefix = b"\x98\x3a"
        async for _ in channels.messages():
            await channels.send(0, prefix + b"HTTP/1.1 200 OK\r\n" + head)
            prefix = b""

    async with serving(socket=talk) as server, ApiClient(server.credentials) as api:
        for _ in range(2):
            assert (await api.pod_get("shop", "cart", 15000, "/a b?c=\u00e9")).body == b"ok"
    assert server.sockets == (1 if kept else 2)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", b"HTTP/1.1 101 X\r\n\r\n"]
)
async def test_what_is_no_whole_http_answer_is_refused(answer: bytes) -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.send(0, b"\x98\x3a" + answer)
        await channels.end()

    async with serving(socket=talk) as server:
        with pytest.raises(PodRefused, match="broke the connection off"):
            await ask(server)


async def test_port_prefix_and_messages_in_any_pieces() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        async for _ in channels.messages():
            await channels.send(1, b"\x98")  # the prefixes themselves come in pieces, one with data behind it
            await channels.send(0, b"\x98")
            await channels.send(0, b"\x3aHTTP/1.1 200 OK\r\nContent-", finished=True)
            await channels.send(1, b"\x3a")
            for piece in (b"Length", b": 2", b"\r\n\r\no", b"k"):
                await channels.send(0, piece)

    async with serving(socket=talk) as server:
        assert (await ask(server)).body == b"ok"


async def test_a_closed_port_is_told_with_the_kubelets_words() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.send(0, b"\x98\x3a")
        await channels.send(1, b"\x98\x3a")
        await channels.send(
            1, b"error forwarding port 15000 to pod 0abc, uid : failed: dial tcp4 127.0.0.1:15000: connect: connection refused"
        )
        await channels.end()

    async with serving(socket=talk) as server:
        with pytest.raises(PodRefused, match=r"shop/cart:15000 does not answer: .*connection refused"):
            await ask(server)


async def test_a_pod_that_says_nothing_times_out() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        async for _ in channels.messages():
            pass

    async with serving(socket=talk) as server, ApiClient(server.credentials, timeout=0.2) as api:
        with pytest.raises(PodRefused, match="did not answer in time"):
            await api.pod_get("shop", "cart", 15000, "/stats")


async def test_a_connection_that_ends_without_an_answer() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.end()

    async with serving(socket=talk) as server:
        with pytest.raises(PodRefused, match="broke"):
            await ask(server)


async def test_bodies_are_capped() -> None:
    async with serving(socket=echo_pod({"/large": (200, LARGE)})) as server:
        with pytest.raises(ClusterError, match="more than 1000 bytes"):
            await ask(server, "/large", limit=1000)


async def test_a_pod_that_is_not_there() -> None:
    async with serving() as server:
        with pytest.raises(NotFound):
            await ask(server)


async def forbidding_port_forward(request: Request, channels: Channels) -> None:
    """Exec as the API server speaks it."""
    await channels.send(1, b'{"a":')
    await channels.send(2, b"a warning\n")
    await channels.send(1, b"1}\n")
    await channels.send(3, json.dumps({"metadata": {}, "status": "Success"}).encode())
    await channels.end()


class Gate:
    """Forbids some subresources before the WebSocket is opened."""

    def __init__(self, *forbidden: str) -> None:
        self.forbidden = forbidden

    def __call__(self, request: Request) -> Answer:
        if "/proxy/" in request.path and "proxy" not in self.forbidden:
            return Answer(200, "from the proxy", "text/plain")
        name = request.path.rpartition("/")[2]
        return Answer(403, status(f'User "x" cannot create resource "pods/{name}" in API group ""', 403))


async def test_exec_where_port_forward_is_forbidden_and_that_is_remembered() -> None:
    async with serving(Gate(), forbidding_port_forward) as server:
        server.upgrades = lambda r: r.path.endswith("/exec")
        async with ApiClient(server.credentials) as api:
            for _ in range(2):
                answer = await api.pod_get("shop", "cart", 15020, "/stats?a=b&c")
                assert (answer.status, answer.body, answer.via) == (200, b'{"a":1}\n', "exec")
            await api.pod_get("bank", "cart", 15000, "/stats")
    tried = [r.path.split("/")[4] + " " + r.path.rpartition("/")[2] for r in server.requests]
    assert tried == ["shop portforward", "shop exec", "shop exec", "bank portforward", "bank exec"]
    command = httpx.QueryParams(server.requests[1].target.partition("?")[2]).get_list("command")
    assert command == ["pilot-agent", "request", "--debug-port", "15020", "GET", "/stats?a=b&c"]


async def test_exec_that_fails_is_told() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.send(2, b"Error: Get http://127.0.0.1:15000: connection refused\n")
        failed = {"status": "Failure", "message": "command terminated with exit code 1", "reason": "NonZeroExitCode"}
        await channels.send(3, json.dumps(failed).encode())

    async with serving(Gate(), talk) as server:
        server.upgrades = lambda r: r.path.endswith("/exec")
        with pytest.raises(PodRefused, match="connection refused"):
            await ask(server)


async def test_an_unsuccessful_status_is_an_answer() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.send(2, b"Error: received unsuccessful status code 503: LIVE\n")
        await channels.send(3, json.dumps({"status": "Failure", "message": "exit code 1"}).encode())

    async with serving(Gate(), talk) as server:
        server.upgrades = lambda r: r.path.endswith("/exec")
        assert (await ask(server)).status == 503


async def test_the_proxy_last_and_only_for_ports_that_are_not_loopback() -> None:
    async with serving(Gate(), forbidding_port_forward) as server:
        server.upgrades = lambda r: False
        answer = await ask(server, "/metrics?x=1", 15014, "discovery")
        assert (answer.body, answer.via) == (b"from the proxy", "proxy")
        assert server.requests[-1].target == "/api/v1/namespaces/shop/pods/cart:15014/proxy/metrics?x=1"
        with pytest.raises(Denied) as denied:
            await ask(server, "/stats", 15000)
    assert denied.value.source_reason == "create pods/portforward is forbidden in namespace shop"
    assert denied.value.command == "kubectl auth can-i create pods --subresource=portforward -n shop --context=test"


@pytest.mark.parametrize("answer", [Answer(400, status("Upgrade request required", 400)), Answer(200, "<html>login", "text/html")])
async def test_the_proxy_where_something_in_between_knows_no_websockets(answer: Answer) -> None:
    def handler(request: Request) -> Answer:
        return Answer(200, "page", "text/plain") if "/proxy/" in request.path else answer

    async with serving(handler) as server:
        assert (await ask(server, port=15090)).via == "proxy"
