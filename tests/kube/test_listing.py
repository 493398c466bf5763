"""Lists are decoded while they arrive, whatever their objects hold; Secrets come without bodies."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from meshdoctor.kube.client import ApiClient, Denied, NotFound
from meshdoctor.kube.objects import Decoder
from meshdoctor.kube.splitting import CHUNK, Splitter
from meshdoctor.model.cluster import ConfigMap, Secret, Service
from meshdoctor.model.errors import ClusterError, NotTheAPI
from meshdoctor.model.networking import VirtualService
from meshdoctor.model.workloads import Pod
from tests.kube.servers import Answer, Request, json_list, serving, status

NASTY = '},{"metadata":{"name":"ghost"}},{"apiVersion":"v1"'


def config_map(number: int, size: int = 300) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"n{number}",
            "namespace": "a",
            "annotations": {"last": json.dumps({"a": [{"x": 1}, {"metadata": NASTY}]}, separators=(",", ":"))},
        },
        "data": {"text": NASTY + "x" * size, "brackets": '"]}[{'},
        "nested": [{"metadata": {"name": "inner"}}, {"metadata": {"name": "inner"}}, {"apiVersion": "v1", "kind": "x"}],
    }


def feed(body: bytes, step: int, chunk: int) -> tuple[list[str], str, int]:
    """Names, resource version and the most that was held."""
    decoder = Decoder(ConfigMap)
    splitter = Splitter(decoder.many, decoder.one, decoder.whole)
    splitter._next = chunk
    most = 0
    for start in range(0, len(body), step):
        splitter.feed(body[start : start + step])
        splitter._next = min(splitter._next, len(splitter._buffer) + chunk)
        most = max(most, len(splitter._buffer))
    found = splitter.finish()
    assert not decoder.skipped
    return [o.name for o in splitter.objects], found.metadata.resource_version, most


@pytest.mark.parametrize("step", [97, 1000, 65_536])
def test_every_object_is_found_wherever_the_body_is_cut(step: int) -> None:
    body = json_list("ConfigMapList", [config_map(i) for i in range(200)]).encode()
    names, version, most = feed(body, step, chunk=2_000)
    assert names == [f"n{i}" for i in range(200)]
    assert version == "7"
    assert most < 2 * step + 10_000


def test_metadata_after_the_items_as_custom_resources_have_it() -> None:
    items = [{"apiVersion": "v1", "kind": "ConfigMap", **config_map(i)} for i in range(100)]
    document = {"apiVersion": "v1", "items": items, "kind": "ConfigMapList", "metadata": {"continue": "", "resourceVersion": "9"}}
    names, version, _ = feed(json.dumps(document, separators=(",", ":")).encode(), 777, chunk=1_500)
    assert len(names) == 100
    assert version == "9"


def test_an_object_larger_than_the_chunk_is_waited_for() -> None:
    items: list[object] = [
        config_map(0),
        {**config_map(1), "nested": [{"metadata": {"name": f"i{i}"}} for i in range(2000)]},
        config_map(2),
    ]
    names, _, _ = feed(json_list("ConfigMapList", items).encode(), 500, chunk=1_000)
    assert names == ["n0", "n1", "n2"]


def test_random_nesting() -> None:
    chance = random.Random(4)

    def value(depth: int) -> object:
        if depth == 0:
            return chance.choice([NASTY, "]", 1, "}"])
        return chance.choice([[{"metadata": value(depth - 1)} for _ in range(3)], {"kind": value(depth - 1)}, NASTY])

    items: list[object] = [{"metadata": {"name": f"n{i}"}, "z": value(5)} for i in range(500)]
    names, _, _ = feed(json_list("ConfigMapList", items).encode(), 333, chunk=700)
    assert names == [f"n{i}" for i in range(500)]


@pytest.mark.parametrize("items", ["null", "[]"])
def test_no_items(items: str) -> None:
    body = f'{{"kind":"ConfigMapList","apiVersion":"v1","metadata":{{"resourceVersion":"3"}},"items":{items}}}'
    assert feed(body.encode(), 10, chunk=20)[:2] == ([], "3")


def test_a_body_that_ends_early_is_no_list() -> None:
    body = json_list("ConfigMapList", [config_map(i) for i in range(50)]).encode()
    with pytest.raises(msgspec.DecodeError):
        feed(body[:-30], 500, chunk=1_000)


async def test_a_large_list_is_never_held_whole() -> None:
    items: list[object] = [config_map(i, size=40_000) for i in range(500)]
    body = json_list("ConfigMapList", items)
    assert len(body) > 4 * CHUNK
    async with serving(lambda _: Answer(200, body)) as server, ApiClient(server.credentials) as api:
        listing = await api.list(ConfigMap)
    assert [o.name for o in listing.objects] == [f"n{i}" for i in range(500)]
    assert (listing.resource_version, listing.bytes, listing.skipped) == ("7", len(body), ())
    assert server.requests[0].target == "/api/v1/configmaps?resourceVersion=0"
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_nulls_are_dropped_and_what_does_not_fit_is_named() -> None:
    items: list[object] = [
        {"metadata": {"name": "good", "namespace": "a"}},
        {"metadata": {"name": "nulls", "namespace": "a", "labels": None}, "spec": {"ports": None, "selector": None}},
        {"metadata": {"name": "bad", "namespace": "a"}, "spec": {"ports": "many"}},
        {"metadata": {"name": 5}, "spec": 3},
    ]
    async with serving(lambda _: Answer(200, json_list("ServiceList", items))) as server, ApiClient(server.credentials) as api:
        listing = await api.list(Service)
    assert [o.name for o in listing.objects] == ["good", "nulls"]
    assert [s.partition(":")[0] for s in listing.skipped] == ["a/bad", "(unnamed)"]
    assert "spec" in listing.skipped[0]


async def test_pages_where_one_answer_is_refused() -> None:
    def answer(request: Request) -> Answer:
        if "resourceVersion=0" in request.target:
            return Answer(504, status("too large", 504))
        if "continue=more" in request.target:
            return Answer(200, json_list("PodList", [{"metadata": {"name": "b"}}], "8"))
        return Answer(200, json_list("PodList", [{"metadata": {"name": "a"}}], "8", "more"))

    async with serving(answer) as server, ApiClient(server.credentials) as api:
        listing = await api.list(Pod, namespace="x", label_selector="a=b")
    assert [o.name for o in listing.objects] == ["a", "b"]
    assert listing.resource_version == "8"
    assert all(r.path == "/api/v1/namespaces/x/pods" and "labelSelector=a%3Db" in r.target for r in server.requests)
    assert all("limit=500" in r.target for r in server.requests[1:])


async def test_compacted_pages_begin_anew_once() -> None:
    calls = []

    def answer(request: Request) -> Answer:
        calls.append(request.target)
        if "resourceVersion=0" in request.target:
            return Answer(500, status("no", 500))
        if "continue=" in request.target:
            return (
                Answer(200, json_list("PodList", [{"metadata": {"name": "b"}}]))
                if len(calls) > 3
                else Answer(410, status("old", 410))
            )
        return Answer(200, json_list("PodList", [{"metadata": {"name": "a"}}], more="m"))

    async with serving(answer) as server, ApiClient(server.credentials) as api:
        assert [o.name for o in (await api.list(Pod)).objects] == ["a", "b"]


async def test_a_denied_list_is_asked_once_and_names_the_verb() -> None:
    async with serving(lambda _: Answer(403, status("forbidden", 403))) as server, ApiClient(server.credentials) as api:
        with pytest.raises(Denied) as denied:
            await api.list(VirtualService)
        with pytest.raises(Denied) as narrow:
            await api.list(Pod, namespace="shop")
    assert denied.value.source_reason == "list virtualservices.networking.istio.io is forbidden in all namespaces"
    assert denied.value.command == "kubectl auth can-i list virtualservices.networking.istio.io -A --context=test"
    assert narrow.value.source_reason == "list pods is forbidden in namespace shop"
    assert narrow.value.command == "kubectl auth can-i list pods -n shop --context=test"
    assert len(server.requests) == 2


async def test_a_kind_that_is_not_served_is_not_found() -> None:
    async with serving() as server, ApiClient(server.credentials) as api:
        with pytest.raises(NotFound):
            await api.list(VirtualService)
    assert len(server.requests) == 1


async def test_secrets_are_asked_for_as_metadata_whatever_the_caller_says() -> None:
    item = {"metadata": {"name": "tls", "namespace": "a"}, "data": {"tls.key": "c2VjcmV0"}, "type": "kubernetes.io/tls"}
    kind = "PartialObjectMetadataList"
    async with serving(lambda _: Answer(200, json_list(kind, [item]))) as server, ApiClient(server.credentials) as api:
        for metadata_only in (True, False):
            listing = await api.list(Secret, metadata_only=metadata_only)
            assert [o.name for o in listing.objects] == ["tls"]
    assert {r.headers["accept"] for r in server.requests} == {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}


@pytest.mark.parametrize("refusal", [406, 500, 400, 504])
async def test_secrets_are_never_asked_for_with_bodies_where_metadata_are_refused(refusal: int) -> None:
    async with serving(lambda _: Answer(refusal, status("no", refusal))) as server, ApiClient(server.credentials) as api:
        with pytest.raises(ClusterError):
            await api.list(Secret)
    assert server.requests
    assert all("as=PartialObjectMetadataList" in r.headers["accept"] for r in server.requests)
    assert not any("application/json," in r.headers["accept"] for r in server.requests)


async def test_a_server_that_sends_bodies_all_the_same_is_refused() -> None:
    async with serving(lambda _: Answer(200, json_list("SecretList", []))) as server, ApiClient(server.credentials) as api:
        with pytest.raises(ClusterError, match="SecretList"):
            await api.list(Secret)


async def test_json_that_is_no_list_is_not_the_api() -> None:
    async with serving(lambda _: Answer(200, '{"hello": "world"}')) as server, ApiClient(server.credentials) as api:
        with pytest.raises(NotTheAPI, match="hello"):
            await api.list(Pod)
