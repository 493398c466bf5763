"""The real API server, istiod and Envoy of the rig."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import msgspec
import pytest

from meshdoctor.kube.client import ApiClient, NotFound, PodRefused
from meshdoctor.kube.credentials import load
from meshdoctor.kube.deny import Refused
from meshdoctor.kube.failures import Denied
from meshdoctor.kube.packed import CONTENT_TYPE
from meshdoctor.kube.splitting import WholeList
from meshdoctor.model import kinds
from meshdoctor.model.cluster import Secret
from meshdoctor.model.workloads import Pod

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif("meshdoctor-rig" not in os.environ.get("KUBECONFIG", ""), reason='no rig: eval "$(rig env)" first'),
]


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with ApiClient(await load()) as client:
        yield client


async def a_pod(api: ApiClient, namespace: str, container: str) -> Pod:
    listing = await api.list(Pod, namespace=namespace)
    running = [p for p in listing.objects if p.status.phase == "Running" and p.metadata.deletion_timestamp is None]
    return next(p for p in running if any(c.name == container for c in (*p.spec.containers, *p.spec.init_containers)))


def as_json(body: bytes) -> list[Pod]:
    return msgspec.json.decode(body, type=WholeList[Pod]).items or []


async def test_every_kind_that_is_served_decodes(api: ApiClient) -> None:
    found = await api.discover()
    assert found.failed == ()
    for kind in kinds.ALL:
        version = found.version_of(kind)
        if version is not None:
            listing = await api.list(kind, version=version)
            assert listing.skipped == ()
            assert listing.resource_version
    assert await api.livez()
    assert (await api.version()).startswith("v1.")


async def test_pods_say_the_same_in_protobuf_and_in_json(api: ApiClient) -> None:
    listing = await api.list(Pod)
    body = await api.get_bytes("/api/v1/pods", {"resourceVersion": "0"})
    packed = await api.get_bytes("/api/v1/pods", {"limit": "1"}, {"Accept": CONTENT_TYPE})
    assert packed.startswith(b"k8s\0")
    written = {(p.namespace, p.name, p.metadata.resource_version): p for p in listing.objects}
    same = [(p, written.get((p.namespace, p.name, p.metadata.resource_version))) for p in as_json(body)]
    assert sum(read is not None for _, read in same) > 10  # but those that changed between the two
    assert all(msgspec.to_builtins(p) == msgspec.to_builtins(read) for p, read in same if read is not None)


async def test_istiod_and_envoy_through_port_forward(api: ApiClient) -> None:
    istiod = await a_pod(api, "istio-d", "discovery")
    for _ in range(2):
        answer = await api.pod_get("istio-d", istiod.name, 15014, "/debug/syncz", container="discovery")
        assert (answer.status, answer.via) == (200, "port-forward")
    sidecar = await a_pod(api, "shop", "istio-proxy")
    answer = await api.pod_get("shop", sidecar.name, 15000, "/clusters?format=json")
    assert b"cluster_statuses" in answer.body
    with pytest.raises(Refused):
        await api.pod_get("shop", sidecar.name, 15000, "/quitquitquit")
    with pytest.raises(PodRefused, match="connection refused"):
        await api.pod_get("shop", sidecar.name, 15999, "/")
    with pytest.raises(NotFound):
        await api.pod_get("shop", "no-such-pod", 15000, "/stats")


async def test_the_other_ways_where_port_forward_is_forbidden(api: ApiClient) -> None:
    denied = Denied("create", "pods/portforward")
    api._pods._closed_ways |= {("port-forward", "shop"): denied, ("port-forward", "istio-d"): denied}
    sidecar = await a_pod(api, "shop", "istio-proxy")
    answer = await api.pod_get("shop", sidecar.name, 15000, "/clusters?format=json")
    assert (answer.via, b"cluster_statuses" in answer.body) == ("exec", True)
    assert (await api.pod_get("shop", sidecar.name, 15000, "/no-such-page")).status == 404
    answer = await api.pod_get("shop", sidecar.name, 15090, "/stats/prometheus")
    assert (answer.status, answer.via) == (200, "proxy")
    istiod = await a_pod(api, "istio-d", "discovery")
    answer = await api.pod_get("istio-d", istiod.name, 15014, "/debug/syncz", container="discovery")
    assert (answer.status, answer.via) == (200, "exec")


async def test_logs_and_reviews(api: ApiClient) -> None:
    sidecar = await a_pod(api, "shop", "istio-proxy")
    assert await api.logs("shop", sidecar.name, "istio-proxy", since_seconds=3600)
    assert await api.review("list", "", "pods")


async def test_watches(api: ApiClient) -> None:
    events = []

    async def watch() -> None:
        async for event in api.watch(Pod, resource_version="0"):
            events.append(event)

    running = asyncio.create_task(watch())
    async with asyncio.timeout(30):
        while not any(e.type == "ADDED" for e in events):
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    assert not running.done(), "it goes on"
    running.cancel()
    async for secret in api.watch(Secret, resource_version="0"):
        assert secret.object.name
        break


async def test_somebody_without_rights_is_denied_with_verb_and_resource() -> None:
    nobody = msgspec.structs.replace(await load(), impersonate=(("Impersonate-User", "nobody"), ("Impersonate-Group", "none")))
    async with ApiClient(nobody) as api:
        with pytest.raises(Denied) as listed:
            await api.list(Pod)
        assert listed.value.source_reason == "list pods is forbidden in all namespaces"
        with pytest.raises(Denied) as forwarded:
            await api.pod_get("shop", "x", 15000, "/stats")
        assert forwarded.value.resource == "pods/portforward"
        assert not await api.review("list", "", "pods")
