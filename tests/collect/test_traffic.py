"""Two looks at real HTTP answers of proxies: how they are asked, and what is known when they fail in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from meshdoctor.collect.traffic import ALL_LINES, ask_traffic, choose
from meshdoctor.istio.scrapes import gained
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.pods import ENVOYS
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen
from tests.conftest import build
from tests.kube.servers import Answer, Channels, Request, Server, http_bytes, serving

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop}}
spec: {{containers: [{{name: app}}, {{name: istio-proxy}}]}}
status: {{phase: Running, podIP: 10.0.0.{number}, containerStatuses: [{{name: istio-proxy, state: {{running: {{}}}}}}]}}
"""
CART = "outbound|80||cart.shop.svc.cluster.local"


def mesh(count: int = 1) -> Mesh:
    return build("\n---\n".join(POD.format(name=f"pod-{i}", number=i + 1) for i in range(count)))


def clusters(requests: int, hosts: int = 1) -> bytes:
    stats = [{"name": "rq_total", "value": str(requests)}, {"name": "rq_success", "value": str(requests)}]
    statuses = [{"address": {"socket_address": {"address": f"10.0.1.{i}", "port_value": 80}}, "stats": stats} for i in range(hosts)]
    return json.dumps({"cluster_statuses": [{"name": CART, "host_statuses": statuses}]}).encode()


def uptime(seconds: int) -> bytes:
    return json.dumps({"stats": [{"name": "server.uptime", "value": seconds}]}).encode()


Page = Callable[[int], "bytes | None"]  # the look, from 0; None breaks the connection off


class Proxies:
    """The pods behind port-forwards. They count what is asked of each at once."""

    def __init__(self, cluster_page: Page, uptimes: tuple[int, int] = (100, 110)) -> None:
        self.cluster_page, self.uptimes = cluster_page, uptimes
        self.asked: list[tuple[str, str]] = []
        self.busy: dict[str, int] = {}
        self.most_at_once = 0

    async def talk(self, request: Request, channels: Channels) -> None:
        pod = request.target.split("/pods/")[1].partition("/")[0]
        port = int(request.target.partition("ports=")[2].partition("&")[0]).to_bytes(2, "little")
        await channels.send(0, port)
        await channels.send(1, port)
        async for message in channels.messages():
            path = message[1:].split(b" ")[1].decode()
            self.asked.append((pod, path))
            self.busy[pod] = self.busy.get(pod, 0) + 1
            self.most_at_once = max(self.most_at_once, self.busy[pod])
            await asyncio.sleep(0.005)
            body = self.page(pod, path)
            self.busy[pod] -= 1
            if body is None:
                await channels.end()
                return
            data = http_bytes(Answer(200, body))
            for start in range(0, len(data), 200_000):
                await channels.send(0, data[start : start + 200_000])

    def page(self, pod: str, path: str) -> bytes | None:
        look = sum(1 for p, a in self.asked if p == pod and a.startswith(path.partition("?")[0] + "?")) - 1
        if path.startswith("/clusters"):
            return self.cluster_page(look)
        return uptime(self.uptimes[min(look, 1)]) if path.startswith("/stats?") else b""


async def looked(proxies: Proxies, count: int = 1) -> tuple[list[Envoy], Server]:
    async with (
        serving(lambda _: Answer(200, "", "text/plain"), socket=proxies.talk) as server,
        ApiClient(server.credentials, timeout=5) as api,
    ):
        return await ask_traffic(api, mesh(count), 0.6), server


def why(envoy: Envoy) -> str:
    with pytest.raises(Unseen) as caught:
        list(gained(envoy))
    return str(caught.value)


async def test_one_request_a_proxy_at_a_time_and_no_more_than_three_a_look() -> None:
    proxies = Proxies(lambda look: clusters(10 + 6 * look))
    envoys, _ = await looked(proxies, 20)
    assert (len(envoys), proxies.most_at_once) == (20, 1)
    assert len(proxies.asked) == 20 * 2 * 3
    (one,) = gained(envoys[0])
    assert (one.cluster, one.requests, one.failed) == (CART, 6, 0)


async def test_a_dump_of_fifty_thousand_clusters_is_cut_and_said() -> None:
    large = clusters(1, 50_000)
    assert len(large) > 5 * ENVOYS
    envoys, _ = await looked(Proxies(lambda _: large))
    assert f"more than {ENVOYS} bytes" in why(envoys[0])


async def test_the_counters_of_stats_remain_where_the_dump_is_too_large() -> None:
    class Counting(Proxies):
        def page(self, pod: str, path: str) -> bytes | None:
            if not path.startswith("/stats?"):
                return super().page(pod, path)
            stats = [{"name": f"cluster.{CART};.upstream_rq_total", "value": 5 * len(self.asked)}]
            return json.dumps({"stats": [*stats, {"name": "server.uptime", "value": 100 + len(self.asked)}]}).encode()

    envoys, _ = await looked(Counting(lambda _: clusters(1, 50_000)))
    first, second = envoys[0].scrapes
    assert second.clusters[CART, "upstream_rq_total"] > first.clusters[CART, "upstream_rq_total"]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (lambda look: None if look else clusters(3), "second look"),
        (lambda look: clusters(3)[:-40] if look else clusters(3), "second look"),
        (lambda look: b"<html>" if look == 0 else clusters(3), "of shop/pod-0"),
    ],
    ids=["dies between", "half a dump", "no dump"],
)
async def test_what_fails_at_one_look_is_unknown(page: Page, reason: str) -> None:
    envoys, _ = await looked(Proxies(page))
    assert reason in why(envoys[0])


@pytest.mark.parametrize(
    ("page", "reason"),
    [(lambda look: clusters(50 - 40 * look), "set back"), (lambda look: clusters(1 - look), "taken away")],
    ids=["counters fall", "endpoint gone"],
)
async def test_counters_that_began_anew_are_unknown(page: Page, reason: str) -> None:
    envoys, _ = await looked(Proxies(page))
    assert reason in next(iter(gained(envoys[0]))).unknown


async def test_a_proxy_that_restarted_is_unknown() -> None:
    envoys, _ = await looked(Proxies(lambda look: clusters(50), uptimes=(100, 2)))
    assert "restarted" in why(envoys[0])


def test_every_workload_is_asked_before_the_second_pod_of_any() -> None:
    assert [p.name for p in choose(mesh(5), most=3)] == ["pod-0", "pod-1", "pod-2"]


async def test_the_newest_lines_of_a_log_are_read_not_the_oldest() -> None:
    _, server = await looked(Proxies(lambda _: clusters(1)))
    (asked,) = [r.target for r in server.requests if "/log?" in r.target]
    lines = int(asked.partition("tailLines=")[2].partition("&")[0])
    assert int(asked.partition("limitBytes=")[2].partition("&")[0]) >= lines * 2000
    assert lines <= ALL_LINES
