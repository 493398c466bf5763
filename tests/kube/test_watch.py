"""Watches: events as they come, 410 as Gone, what cannot be decoded as gone."""

from __future__ import annotations

import json
from functools import partial

import pytest

from meshdoctor.kube.client import ApiClient, Gone, WatchEvent
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Secret, Service
from meshdoctor.model.errors import ClusterError, Unreachable
from tests.kube.servers import Answer, Request, serving, status


def line(event: str, **thing: object) -> str:
    return json.dumps({"type": event, "object": thing}) + "\n"


async def watched(api: ApiClient, kind: type[KubernetesObject] = Service) -> list[WatchEvent[KubernetesObject]]:
    return [event async for event in api.watch(kind, resource_version="5")]


async def test_events_until_the_server_ends_the_watch() -> None:
    body = (
        line("ADDED", metadata={"name": "a", "resourceVersion": "6"})
        + line("MODIFIED", metadata={"name": "a"}, spec={"ports": None})
        + line("MODIFIED", metadata={"name": "a", "namespace": "x"}, spec={"ports": "many"})
        + line("BOOKMARK", kind="Service", metadata={"resourceVersion": "9"})
        + line("DELETED", metadata={"name": "a"})
    )
    async with serving(lambda _: Answer(200, body)) as server, ApiClient(server.credentials) as api:
        events = await watched(api)
    assert [e.type for e in events] == ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "DELETED"]
    assert events[2].skipped.startswith("x/a: ")
    assert events[3].object.metadata.resource_version == "9"
    target = server.requests[0].target
    assert "watch=1" in target
    assert "allowWatchBookmarks=true" in target
    assert "resourceVersion=5" in target


async def test_too_old_a_version_is_gone_as_status_and_as_event() -> None:
    too_old = json.loads(status("too old", 410))
    for answer in (Answer(410, status("too old", 410)), Answer(200, line("ERROR", **too_old))):
        async with serving(partial(always, answer)) as server, ApiClient(server.credentials) as api:
            with pytest.raises(Gone):
                await watched(api)


def always(answer: Answer, _: Request) -> Answer:
    return answer


async def test_other_errors_end_the_watch() -> None:
    async with (
        serving(lambda _: Answer(200, line("ERROR", kind="Status", message="broken", code=500))) as server,
        ApiClient(server.credentials) as api,
    ):
        with pytest.raises(ClusterError, match="broken"):
            await watched(api)


async def test_a_watch_has_no_read_timeout_but_a_broken_one_is_unreachable() -> None:
    async with serving(lambda _: Answer(200, line("ADDED", metadata={"name": "a"}), delay=0.4)) as server:
        async with ApiClient(server.credentials, timeout=0.1) as api:
            assert len(await watched(api)) == 1
        who = server.credentials
    async with ApiClient(who) as api:
        with pytest.raises(Unreachable):
            await watched(api)


async def test_secrets_are_watched_as_metadata() -> None:
    body = line("ADDED", metadata={"name": "tls"}, data={"tls.key": "x"})
    async with serving(lambda _: Answer(200, body)) as server, ApiClient(server.credentials) as api:
        events = await watched(api, Secret)
    assert [e.object.name for e in events] == ["tls"]
    assert server.requests[0].headers["accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
