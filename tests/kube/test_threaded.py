"""Long answers, read in threads."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from meshdoctor.kube.client import ApiClient
from meshdoctor.model.errors import Unreachable
from meshdoctor.model.workloads import Pod
from tests.kube.servers import Answer, serving


def pods(namespace: str, count: int, version: str, **meta: object) -> str:
    items = [{"metadata": {"name": f"p{n}", "namespace": namespace}} for n in range(count)]
    return json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": version, **meta}, "items": items})


async def test_a_count_is_asked_with_a_page_of_one() -> None:
    body = pods("a", 1, "5", remainingItemCount=9999, **{"continue": "x"})
    async with serving(lambda _: Answer(body=body)) as server, ApiClient(server.credentials) as api:
        assert await api.count(Pod) == 10_000
    assert server.requests[0].target == "/api/v1/pods?limit=1"


async def test_a_list_that_is_left_ends_its_thread_at_once() -> None:
    async with serving(lambda _: Answer(body="{}", delay=30)) as server, ApiClient(server.credentials) as api:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(api.list(Pod), 0.3)
        assert time.monotonic() - began < 20  # the answer takes half a minute


async def test_a_silent_list_is_unreachable_after_its_time() -> None:
    async with serving(lambda _: Answer(body="{}", delay=30)) as server, ApiClient(server.credentials, timeout=0.3) as api:
        with pytest.raises(Unreachable, match="did not answer in time"):
            await api.list(Pod)


async def test_connections_are_used_again() -> None:
    async with serving(lambda _: Answer(body=pods("a", 1, "1"))) as server, ApiClient(server.credentials) as api:
        for _ in range(5):
            assert len((await api.list(Pod)).objects) == 1
    assert len(server.requests) == 5
