"""A node that the API server does not reach is asked once, not once for each of its pods; a pod's own failure is its own."""

from __future__ import annotations

import asyncio

import pytest

from meshdoctor.collect.asked import gather_limited
from meshdoctor.collect.nodes import Node, NodeLost, Nodes
from meshdoctor.collect.proxies import ask_envoy
from meshdoctor.kube.client import ApiClient, PodRefused
from meshdoctor.kube.failures import NodeUnreachable, Unopened, undialed
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.sources import SourceState
from meshdoctor.model.workloads import Pod
from tests.conftest import build
from tests.kube.servers import Answer, Channels, Request, Server, serving, status

DIAL = "dial tcp 10.0.0.7:10250: connect: no route to host"
LOGGED = f'Get "https://10.0.0.7:10250/containerLogs/shop/a-0/istio-proxy?tailLines=2000": {DIAL}'


def pods(node: str, several: int) -> list[Pod]:
    made = [
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: {node}-{i}, namespace: shop}}, spec: {{nodeName: {node}}}}}"
        for i in range(several)
    ]
    return list(build("\n---\n".join(made))[Pod])


async def ask_all(server: Server, *several: Pod, timeout: float = 10.0) -> list[Envoy]:
    nodes = Nodes()
    async with ApiClient(server.credentials, timeout=timeout) as api:
        jobs = [ask_envoy(api, p, gateway=False, inside=False, hosts={}, node=nodes.of(p)) for p in several]
        return await gather_limited(8, jobs)


def dead(request: Request) -> Answer:
    """What the API server answers where the node `a` is gone; on others it refuses for the pod's sake."""
    if "/pods/a-" not in request.path:
        return Answer(400, status("container istio-proxy is waiting to start", 400))
    return Answer(500, status(LOGGED if request.path.endswith("/log") else f"error dialing backend: {DIAL}", 500))


async def test_a_dead_node_is_asked_once_and_all_its_pods_say_why() -> None:
    async with serving(dead) as server:
        envoys = await ask_all(server, *pods("a", 12), *pods("b", 3))
    asked = [r.path.split("/")[6] for r in server.requests]
    assert [name for name in asked if name.startswith("a-")] == ["a-0"]
    assert {name for name in asked if name.startswith("b-")} == {"b-0", "b-1", "b-2"}
    told = {(s.state, s.reason) for e in envoys[:12] for s in e.missing.values()}
    assert told == {(SourceState.ERROR, f"the API server does not reach the kubelet of node a: {DIAL}")}
    assert all({"state", "logs"} <= e.missing.keys() for e in envoys)
    assert not any("kubelet of node" in (s.reason or "") for e in envoys[12:] for s in e.missing.values())


async def test_a_port_that_refuses_inside_a_pod_says_nothing_of_its_node() -> None:
    async def talk(request: Request, channels: Channels) -> None:
        await channels.send(0, b"\x98\x3a")
        await channels.send(1, b"\x98\x3aerror forwarding port 15000: dial tcp4 127.0.0.1:15000: connect: connection refused")
        await channels.end()

    async with serving(lambda _: Answer(200, "", "text/plain"), talk) as server:
        envoys = await ask_all(server, *pods("a", 5))
    assert server.sockets == 5
    assert all("does not answer: dial tcp4 127.0.0.1:15000" in (e.missing["state"].reason or "") for e in envoys)
    assert all(e.has("logs") for e in envoys)


async def test_connections_that_are_never_opened_are_late_by_the_node_where_it_opens_none() -> None:
    async with serving(lambda _: Answer(delay=60)) as server:
        envoys = await ask_all(server, *pods("a", 20), timeout=0.1)
    opened = [r for r in server.requests if r.path.endswith("/portforward")]
    assert len(opened) <= 9  # the first, then as many as are asked at once
    assert "no connection to shop/a-" in (envoys[-1].missing["state"].reason or "")


async def late() -> None:
    raise Unopened("portforward was asked for, and nothing was answered in time.")


async def unreachable() -> None:
    raise NodeUnreachable(500, "portforward answered 500", DIAL)


async def test_a_node_that_answered_before_is_not_given_up_for_one_failure() -> None:
    node = Node("a")
    with pytest.raises(PodRefused):
        await node.ask("shop/a-0", refused)
    for pod in ("shop/a-1", "shop/a-2"):
        with pytest.raises(NodeUnreachable):
            await node.ask(pod, unreachable)


async def refused() -> None:
    raise PodRefused("shop/a-1:15000 does not answer.")


async def test_one_late_pod_is_not_its_node_nor_are_two_where_another_answered() -> None:
    alone, reached = Node("a"), Node("b")
    with pytest.raises(Unopened):
        await alone.ask("shop/a-0", late)
    with pytest.raises(PodRefused):
        await alone.ask("shop/a-1", refused)
    for pod in ("shop/a-2", "shop/a-3"):
        with pytest.raises(Unopened):
            await alone.ask(pod, late)
    for pod, kind in (("shop/b-0", Unopened), ("shop/b-1", NodeLost), ("shop/b-2", NodeLost)):
        with pytest.raises(kind):
            await reached.ask(pod, late)


async def test_who_waits_for_the_first_answer_is_let_go_when_that_is_given_up() -> None:
    node, begun = Node("a"), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.sleep(60)

    async def answer() -> str:
        return "LIVE"

    first = asyncio.create_task(node.ask("shop/a-0", hang))
    await begun.wait()
    second = asyncio.create_task(node.ask("shop/a-1", answer))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "LIVE"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/pods/x/portforward", "error dialing backend: remote error: tls: internal error"),
        ("/pods/x/exec", "error dialing backend: No agent available"),
        ("/pods/x/log", LOGGED),
        ("/pods/x/log", "no preferred addresses found; known addresses: []"),
    ],
)
def test_what_the_api_server_says_of_a_kubelet_without_connection(path: str, said: str) -> None:
    assert undialed(f"/api/v1/namespaces/shop{path}", said)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/pods/x:15014/proxy/metrics", "error trying to reach service: dial tcp 10.1.2.3:15014: connect: connection refused"),
        ("/services/x/proxy/", f"error dialing backend: {DIAL}"),
        ("/pods/x/log", 'Get "https://10.0.0.7:10250/containerLogs/shop/x/istio-proxy": context deadline exceeded'),
        ("/pods/x/log", "container istio-proxy in pod x is waiting to start: PodInitializing"),
        ("/pods/x/portforward", "unable to upgrade connection: pod does not exist"),
        ("/pods/x", f"error dialing backend: {DIAL}"),
    ],
)
def test_what_may_be_the_pods_own_failure(path: str, said: str) -> None:
    assert undialed(f"/api/v1/namespaces/shop{path}", said) == ""


async def test_only_a_failure_of_the_api_server_itself_is_one_of_the_node() -> None:
    answer = Answer(500, status(f"error dialing backend: {DIAL}.", 500))
    async with serving(lambda _: answer) as server, ApiClient(server.credentials) as api:
        with pytest.raises(NodeUnreachable, match="answered 500") as why:
            await api.pod_get("shop", "cart", 15000, "/ready")
        assert why.value.said == DIAL
        answer.status = 400
        with pytest.raises(Exception, match="400") as other:
            await api.pod_get("shop", "cart", 15000, "/ready")
        assert not isinstance(other.value, NodeUnreachable)
