"""The replay server as a Kubernetes API, over plain HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import yaml

from meshdoctor.bundle.recording import Recorder, Recording
from meshdoctor.bundle.replay import ReplayServer
from tests.bundle.recorded import AT, JSON, listing, recording, status, thing

PARTIAL = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@asynccontextmanager
async def served(found: Recording | None = None, **more: Any) -> AsyncIterator[tuple[ReplayServer, httpx.AsyncClient]]:
    async with (
        ReplayServer(found or recording(), **more) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=5) as http,
    ):
        yield server, http


async def names(http: httpx.AsyncClient, target: str) -> list[str]:
    answer = await http.get(target)
    assert answer.status_code == 200, answer.text
    return [i["metadata"]["name"] for i in answer.json()["items"]]


async def test_lists_come_as_they_were_recorded_whatever_their_window() -> None:
    async with served() as (_, http):
        for query in ("", "?resourceVersion=0", "?limit=500", "?limit=1&timeoutSeconds=3"):
            assert await names(http, f"/api/v1/pods{query}") == ["cart-1", "pay-1", "istiod-1"]


async def test_pages_are_put_together() -> None:
    kept = Recorder()
    pages = [
        listing("Pod", thing("a", "x"), token="T1"),
        listing("Pod", thing("b", "x"), token="T2"),
        listing("Pod", thing("c", "x")),
    ]
    for query, page in zip(("limit=1", "continue=T1&limit=1", "continue=T2&limit=1"), pages, strict=True):
        kept.record(f"api GET /api/v1/pods?{query}", 200, JSON, page)
    kept.record("api GET /api/v1/pods?resourceVersion=0", 504, JSON, status(504))
    async with served(kept.recording()) as (_, http):
        assert await names(http, "/api/v1/pods?resourceVersion=0") == ["a", "b", "c"]
        assert await names(http, "/api/v1/namespaces/x/pods") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["cart-1", "pay-1"]),
        ("labelSelector=app%3Dcart", ["cart-1"]),
        ("labelSelector=app!%3Dcart", ["pay-1"]),
        ("labelSelector=app in (pay,other),!version", ["pay-1"]),
        ("labelSelector=version", ["cart-1"]),
        ("labelSelector=app notin (pay)", ["cart-1"]),
        ("fieldSelector=metadata.name%3Dpay-1", ["pay-1"]),
        ("fieldSelector=status.phase!%3DPending,metadata.namespace=shop", ["cart-1"]),
    ],
)
async def test_namespaces_and_selectors(query: str, expected: list[str]) -> None:
    async with served() as (_, http):
        assert await names(http, f"/api/v1/namespaces/shop/pods?{query}") == expected


async def test_a_selector_that_cannot_be_parsed_is_a_400() -> None:
    async with served() as (_, http):
        assert (await http.get("/api/v1/pods?labelSelector=a%3D%3D%3Db%3Dc")).status_code == 400


async def test_single_objects_are_found_in_lists() -> None:
    async with served() as (_, http):
        pod = (await http.get("/api/v1/namespaces/shop/pods/cart-1")).json()
        assert (pod["kind"], pod["apiVersion"], pod["spec"]) == ("Pod", "v1", {"nodeName": "a"})
        assert (await http.get("/api/v1/namespaces/shop")).json()["metadata"]["name"] == "shop"
        assert (await http.get("/api/v1/namespaces/istio-system/configmaps/istio")).json()["data"][
            "mesh"
        ] == "rootNamespace: istio-system"


async def test_what_is_not_there_is_a_status() -> None:
    async with served() as (_, http):
        for path, message in (
            ("/api/v1/namespaces/shop/pods/none", 'pods "none" not found'),
            ("/apis/networking.istio.io/v1/namespaces/shop/virtualservices/x", 'virtualservices.networking.istio.io "x" not found'),
            ("/apis/networking.istio.io/v1/gateways", "the server could not find the requested resource"),
        ):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["kind"], answer.json()["message"]) == (404, "Status", message)


async def test_a_recorded_denial_stays_one() -> None:
    async with served() as (_, http):
        assert "cannot list" in (await http.get("/api/v1/nodes")).json()["message"]
        for path in ("/api/v1/nodes", "/api/v1/nodes/a", "/api/v1/nodes?watch=true"):
            assert (await http.get(path)).status_code == 403


async def test_metadata_alone_where_it_is_asked_for() -> None:
    async with served() as (_, http):
        found = (await http.get("/api/v1/pods", headers={"Accept": PARTIAL})).json()
        assert found["kind"] == "PartialObjectMetadataList"
        assert {"spec", "status"}.isdisjoint(found["items"][0])


async def test_logs_whatever_the_window() -> None:
    async with served() as (_, http):
        log = "/api/v1/namespaces/shop/pods/cart-1/log"
        query = "container=istio-proxy&sinceSeconds=300&tailLines=5&timestamps=true&previous=false&limitBytes=9"
        assert (await http.get(f"{log}?{query}")).text == "a line\n"
        unknown = await http.get(f"{log}?container=app")
        assert unknown.status_code == 500  # not empty: nobody knows what it says
        assert "was not recorded" in unknown.text
        assert (await http.get("/api/v1/namespaces/shop/pods/none/log")).status_code == 404


async def test_the_clock_is_the_recordings() -> None:
    async with served() as (_, http):
        told = parsedate_to_datetime((await http.get("/livez")).headers["date"])
        assert told == AT.replace(microsecond=0)  # it stands still: traffic of the last minute stays that


async def test_health_and_version() -> None:
    async with served() as (_, http):
        assert [(await http.get(p)).text for p in ("/livez", "/readyz")] == ["ok", "ok"]
        assert (await http.get("/version")).json()["gitVersion"] == "v1.34.2"


async def test_discovery_in_both_forms() -> None:
    async with served() as (_, http):
        groups = (await http.get("/apis", headers={"Accept": DISCOVERY})).json()["items"]
        assert groups[0]["versions"][0]["resources"][0]["responseKind"]["kind"] == "VirtualService"
        assert (await http.get("/apis")).json()["groups"][0]["name"] == "networking.istio.io"
        assert (await http.get("/api")).json()["versions"] == ["v1"]
        core = {r["name"]: r["namespaced"] for r in (await http.get("/api/v1")).json()["resources"]}
        assert core == {"pods": True, "namespaces": False, "nodes": False, "configmaps": True}


async def test_recorded_discovery_is_kept_and_completed() -> None:
    told = {"metadata": {"name": "batch"}, "versions": [{"version": "v1", "resources": [{"resource": "jobs"}]}]}
    body = json.dumps({"kind": "APIGroupDiscoveryList", "items": [told]})
    async with served(recording().with_answer("api GET /apis", body)) as (_, http):
        groups = (await http.get("/apis", headers={"Accept": DISCOVERY})).json()["items"]
        assert [g["metadata"]["name"] for g in groups] == ["batch", "networking.istio.io"]


async def test_reviews() -> None:
    async def allowed(http: httpx.AsyncClient, **asked: str) -> bool:
        body = {"spec": {"resourceAttributes": {"verb": "list", **asked}}}
        answer = await http.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=body)
        return bool(answer.json()["status"]["allowed"])

    async with served() as (server, http):
        assert await allowed(http, resource="pods")
        assert not await allowed(http, resource="nodes")
        server.deny("pods/portforward")
        assert not await allowed(http, resource="pods", subresource="portforward", verb="create")


@pytest.mark.writes
async def test_nothing_is_written() -> None:
    async with served() as (server, http):
        for method in ("PUT", "PATCH", "DELETE", "POST"):
            assert (await http.request(method, "/api/v1/namespaces/shop/pods/cart-1")).status_code == 405
        assert server.requests[-1] == ("POST", "/api/v1/namespaces/shop/pods/cart-1")


async def test_the_kubeconfig_has_no_credentials() -> None:
    async with served() as (server, _):
        told = yaml.safe_load(server.kubeconfig())
        assert (told["current-context"], told["clusters"][0]["cluster"]) == ("demo", {"server": server.url})
        assert told["users"] == [{"name": "demo", "user": {}}]


@asynccontextmanager
async def watching(http: httpx.AsyncClient, target: str) -> AsyncIterator[AsyncIterator[Any]]:
    async with http.stream("GET", target) as answer:
        assert answer.status_code == 200

        async def events() -> AsyncIterator[Any]:
            async for line in answer.aiter_lines():
                yield json.loads(line)

        yield events()


async def test_changes_reach_watches_and_lists() -> None:
    async with served() as (server, http), watching(http, "/api/v1/pods?watch=true&resourceVersion=5000") as events:
        server.change("/api/v1/pods", "ADDED", thing("new-1", "shop"))
        server.change("/api/v1/namespaces/shop/pods", "DELETED", thing("cart-1"))
        first, second = await anext(events), await anext(events)
        assert (first["type"], first["object"]["metadata"]["name"], first["object"]["kind"]) == ("ADDED", "new-1", "Pod")
        assert (second["type"], second["object"]["metadata"]["namespace"]) == ("DELETED", "shop")
        listed = (await http.get("/api/v1/pods")).json()
        assert listed["metadata"]["resourceVersion"] == second["object"]["metadata"]["resourceVersion"]
        assert await names(http, "/api/v1/namespaces/shop/pods") == ["pay-1", "new-1"]
        assert (await http.get("/api/v1/namespaces/shop/pods/cart-1")).status_code == 404


async def test_a_watch_gets_what_happened_since_its_version() -> None:
    async with served() as (server, http):
        server.change("/api/v1/pods", "ADDED", thing("new-1", "shop"))
        async with watching(http, "/api/v1/namespaces/shop/pods?watch=1&resourceVersion=5000") as events:
            assert (await anext(events))["object"]["metadata"]["name"] == "new-1"


async def test_watches_see_their_namespace_and_selector_only() -> None:
    target = "/api/v1/namespaces/shop/pods?watch=true&resourceVersion=5000&labelSelector=app%3Dcart"
    async with served() as (server, http), watching(http, target) as events:
        server.change("/api/v1/pods", "ADDED", thing("other", "elsewhere", {"app": "cart"}))
        server.change("/api/v1/pods", "MODIFIED", thing("cart-1", "shop", {"app": "gone"}))
        left = await anext(events)
        assert (left["type"], left["object"]["metadata"]["name"]) == ("DELETED", "cart-1")


async def test_a_watch_from_the_start_begins_with_all_objects() -> None:
    async with served() as (_, http), watching(http, "/api/v1/pods?watch=true&sendInitialEvents=true") as events:
        found = [await anext(events) for _ in range(4)]
        assert [e["type"] for e in found] == ["ADDED", "ADDED", "ADDED", "BOOKMARK"]


async def test_bookmarks_come_where_they_are_allowed() -> None:
    target = "/api/v1/pods?watch=true&resourceVersion=5000&allowWatchBookmarks=true"
    async with served(bookmark_seconds=0.05) as (_, http), watching(http, target) as events:
        mark = await anext(events)
        assert (mark["type"], mark["object"]["kind"], mark["object"]["metadata"]) == (
            "BOOKMARK",
            "Pod",
            {"resourceVersion": "5000"},
        )


async def test_gone_ends_watches_and_old_versions() -> None:
    async with served() as (server, http):
        async with watching(http, "/api/v1/pods?watch=true&resourceVersion=5000") as events:
            server.gone()
            assert [e["object"]["code"] async for e in events] == [410]
        async with watching(http, "/api/v1/pods?watch=true&resourceVersion=5000") as events:
            assert [e["type"] async for e in events] == ["ERROR"]
        version = (await http.get("/api/v1/pods")).json()["metadata"]["resourceVersion"]
        async with watching(http, f"/api/v1/pods?watch=true&resourceVersion={version}") as events:
            server.change("/api/v1/pods", "ADDED", thing("new-1", "shop"))
            assert (await anext(events))["type"] == "ADDED"


async def test_a_watch_ends_after_its_time() -> None:
    async with served() as (_, http), watching(http, "/api/v1/pods?watch=true&resourceVersion=5000&timeoutSeconds=0") as events:
        assert [e async for e in events] == []


async def test_frozen_it_accepts_and_says_nothing() -> None:
    async with served() as (server, http):
        server.freeze()
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/livez", timeout=0.2)
        asked = asyncio.create_task(http.get("/api/v1/pods"))
        await asyncio.sleep(0.05)
        assert not asked.done()
        server.thaw()
        assert (await asked).status_code == 200


async def test_denials_delays_and_broken_answers() -> None:
    async with served() as (server, http):
        server.deny("pods", allowed_in=["shop"])
        refused = (await http.get("/api/v1/pods")).json()
        assert refused["message"] == (
            'pods is forbidden: User "demo" cannot list resource "pods" in API group "" at the cluster scope'
        )
        assert await names(http, "/api/v1/namespaces/shop/pods") == ["cart-1", "pay-1"]
        server.break_("/api/v1/namespaces", 500, b"<html>", "text/html")
        assert (await http.get("/api/v1/namespaces")).headers["content-type"] == "text/html"
        server.break_("/version", 0)
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/version")
        server.delay("/livez", 0.2)
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/livez", timeout=0.1)
        server.heal()
        assert len(await names(http, "/api/v1/pods")) == 3


async def test_garbage_costs_its_connection_only() -> None:
    async with served() as (server, http):
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(server.url).port)
        writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await http.get("/livez")).text == "ok"
