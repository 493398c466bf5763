"""What a look costs a proxy: one request at a time, and no answer above 1 MB. Counted where the requests arrive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.collect.cluster_pages import HOSTS, hosts_by_letter, pages
from meshdoctor.collect.decode_envoy import clusters, ready
from meshdoctor.collect.handshakes import with_handshakes
from meshdoctor.collect.live import Options, collect
from meshdoctor.collect.proxies import COUNT, SECRETS, ask_envoy
from meshdoctor.collect.walked import read_walk
from meshdoctor.istio.live.compare import differences
from meshdoctor.istio.matching import Call
from meshdoctor.istio.trace import from_pod, trace_from
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.kube.pods import ENVOYS, WHOLE
from meshdoctor.model.errors import ClusterError
from meshdoctor.model.sources import SourceState
from meshdoctor.model.workloads import Pod
from tests.conftest import build
from tests.probes.things import pod

HOST = {"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}}
LARGE = json.dumps({"cluster_statuses": [{"name": f"outbound|80||s{i}", "host_statuses": [HOST]} for i in range(50_000)]})


@asynccontextmanager
async def replayed(recording: Recording | None = None) -> AsyncIterator[tuple[ReplayServer, ApiClient]]:
    async with ReplayServer(recording or open_scenario("healthy")) as server:
        who = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
        async with ApiClient(who, timeout=5) as api:
            yield server, api


async def test_a_diagnosis_and_the_screens_ask_a_proxy_one_thing_at_a_time() -> None:
    async with replayed() as (server, api):
        server.delay("pod ", 0.002)
        mesh = await collect(api, Options())
        proxies = [(e.namespace, e.name) for e in mesh.envoys]
        paths = ("/certs", "/listeners?format=json", "/clusters?format=json")
        looked_at = [api.pod_get(*proxies[0], 15000, path) for path in paths]
        await asyncio.gather(with_handshakes(api, mesh, "5m"), *looked_at)
    assert len(proxies) > 8
    assert {server.load.most[p] for p in proxies} == {1}
    admin = {where: size for where, size in server.load.largest.items() if where[2] == 15000}
    assert 0 < max(admin.values()) <= ENVOYS


async def test_fifty_thousand_clusters_are_not_read_unless_asked_for() -> None:
    assert ENVOYS < len(LARGE) < WHOLE
    async with replayed() as (server, api):
        (one, *_) = [p for p in (await api.list(Pod)).objects if p.namespace == "shop"]
        server.break_(f"pod shop/{one.name}:15000 /clusters", 200, LARGE, "application/json")
        said = await ask_envoy(api, one, gateway=False, inside=True, hosts={})
        assert not said.has("clusters")
        assert f"more than {ENVOYS} bytes" in (said.missing["clusters"].reason or "")
        with pytest.raises(ClusterError, match="--full"):
            await api.pod_get("shop", one.name, 15000, "/clusters?format=json")
        assert len((await api.pod_get("shop", one.name, 15000, "/clusters?format=json", limit=WHOLE)).body) == len(LARGE)


async def test_certificates_that_are_told_once_for_each_of_very_many_clusters_are_seen_in_the_secrets() -> None:
    async with replayed() as (server, api):
        (one, *_) = [p for p in (await api.list(Pod)).objects if p.namespace == "sm-gateways"]
        told = await ask_envoy(api, one, gateway=True, inside=False, hosts={})
        server.break_(f"pod sm-gateways/{one.name}:15000 /certs", 200, LARGE, "application/json")
        for gateway in (True, False):
            said = await ask_envoy(api, one, gateway=gateway, inside=False, hosts={})
            assert {(c.role, c.serial, c.sans) for c in told.certificates} <= {
                (c.role, c.serial, c.sans) for c in said.certificates
            }
        server.break_(f"pod sm-gateways/{one.name}:15000 /config_dump", 200, LARGE, "application/json")
        said = await ask_envoy(api, one, gateway=True, inside=False, hosts={})
        assert "more than" in (said.missing["certs"].reason or "")


@pytest.mark.parametrize("gateway", [True, False])
async def test_certs_is_not_asked_of_a_proxy_with_very_many_clusters_whose_secrets_tell_them(gateway: bool) -> None:
    many, number = {"a": HOSTS + 1}, {"stats": [{"name": "cluster_manager.active_clusters", "value": 5000}]}
    async with replayed() as (server, api):
        (one, *_) = [p for p in (await api.list(Pod)).objects if p.namespace == "sm-gateways"]
        told = await ask_envoy(api, one, gateway=gateway, inside=False, hosts=many)  # it does not say how many it has
        assert not told.missing.keys() & {"certs", "count"}
        server.break_(f"pod sm-gateways/{one.name}:15000 {COUNT}", 200, json.dumps(number), "application/json")
        before = len(server.requests)
        said = await ask_envoy(api, one, gateway=gateway, inside=False, hosts=many)
        assert {c.serial for c in told.certificates} == {c.serial for c in said.certificates}
        assert said.missing["certs"].state == SourceState.SKIPPED
        assert not [path for _, path in server.requests[before:] if path.endswith("/certs")]
        server.break_(f"pod sm-gateways/{one.name}:15000 {SECRETS}", 503)
        said = await ask_envoy(api, one, gateway=gateway, inside=False, hosts=many)
        assert said.certificates == told.certificates  # by /certs after all


@pytest.mark.parametrize("state", ["LIVE", "DRAINING"])
async def test_a_state_is_asked_for_in_one_word_and_of_old_recordings_told_so(state: str) -> None:
    healthy = open_scenario("healthy")
    info = next(key for key in healthy.answers if key.startswith("pod shop/") and key.endswith("/server_info"))
    async with replayed(healthy.with_answer(info, json.dumps({"state": state}))) as (server, api):
        (one,) = [p for p in (await api.list(Pod)).objects if info.startswith(f"pod shop/{p.name}:")]
        said = await ask_envoy(api, one, gateway=False, inside=False, hosts={})
        assert said.state == state
        assert not [path for _, path in server.requests if "server_info" in path]


def test_the_word_is_found_in_what_exec_prints_too() -> None:
    assert ready(b"Error: received unsuccessful status code 503: PRE_INITIALIZING\n") == "PRE_INITIALIZING"
    with pytest.raises(ValueError, match="no state"):
        ready(b"OK")


async def test_a_walk_asks_for_what_it_meets_only() -> None:
    async with replayed() as (server, api):
        mesh = await collect(api, Options())
        front = next(p for p in mesh[Pod] if p.labels.get("app") == "storefront")
        before = len(server.requests)
        call = from_pod(Call(host="catalog.shop", port=8080), front)
        live = await read_walk(api, mesh, front, call)
        asked = [path for _, path in server.requests[before:] if "config_dump" in path]
    assert differences(mesh, trace_from(mesh, front, call), live) == ()
    assert {s.cluster for s in live if s.name == "cluster"} == {
        f"outbound|8080|v{n}|catalog.shop.svc.cluster.local" for n in (1, 2)
    }
    assert all("name_regex=" in path for path in asked)


def test_many_hosts_are_asked_for_in_pages() -> None:
    assert len(pages({"a": HOSTS})) == 1
    several = pages({"a": HOSTS, "b": HOSTS - 1, "z": 3})
    assert len(several) == 4
    assert pages({"a": 50 * HOSTS}) == ()
    assert not hosts_by_letter(build(pod("shop/a")))


async def test_pages_are_put_together_and_half_of_them_are_none() -> None:
    hosts = {"c": HOSTS, "s": HOSTS}
    async with replayed() as (server, api):
        (one, *_) = [p for p in (await api.list(Pod)).objects if p.namespace == "shop"]
        answers = server.recording.answers
        whole = answers[f"pod shop/{one.name}:15000 GET /clusters?format=json"]
        said = await ask_envoy(api, one, gateway=False, inside=False, hosts=hosts)
        assert sorted(c.name for c in said.clusters) == sorted(c.name for c in clusters(whole.body))
        asked = [path for _, path in server.requests if one.name in path and "/clusters" in path]
        assert len(asked) == len(pages(hosts))
        server.break_(f"pod shop/{one.name}:15000 {pages(hosts)[-1]}", 503)
        again = await ask_envoy(api, one, gateway=False, inside=False, hosts=hosts)
        assert not again.has("clusters")
        assert "503" in (again.missing["clusters"].reason or "")
    assert isinstance(whole, Answer)
