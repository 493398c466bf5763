"""A Prometheus that fails in every way: its figures are unknown, with the reason."""

from __future__ import annotations

import asyncio
import json

import pytest

from meshdoctor.collect.metrics import LONGEST, ask_prometheus
from meshdoctor.istio.telemetry import TRAFFIC
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.prometheus import Prometheus
from tests.conftest import build
from tests.kube.servers import Answer, Channels, Request, http_bytes, serving

MESH = """
apiVersion: v1
kind: Service
metadata: {name: prometheus, namespace: monitoring}
spec: {selector: {app: prometheus}, ports: [{port: 9090}]}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app: prometheus}}
spec: {containers: [{name: prometheus}]}
status: {phase: Running, podIP: 10.0.0.9, conditions: [{type: Ready, status: "True"}]}
"""
SERIES = {"metric": {"source_workload": "front"}, "value": [1.0, "2.5"]}


async def asked(code: int, body: object, delay: float = 0.0) -> Prometheus:
    async def talk(request: Request, channels: Channels) -> None:
        port = int(request.target.partition("ports=")[2].partition("&")[0]).to_bytes(2, "little")
        await channels.send(0, port)
        await channels.send(1, port)
        async for _ in channels.messages():
            await asyncio.sleep(delay)
            await channels.send(0, http_bytes(Answer(code, json.dumps(body))))

    async with serving(socket=talk) as server, ApiClient(server.credentials, timeout=5) as api:
        found = await ask_prometheus(api, build(MESH), TRAFFIC)
        assert found is not None
        return found


async def test_an_answer() -> None:
    found = await asked(200, {"status": "success", "data": {"result": [SERIES]}})
    assert found.answer("istio_requests")[0].value == 2.5
    assert not found.missing


@pytest.mark.parametrize(
    ("code", "body", "reason"),
    [
        (503, {"status": "error"}, "503"),
        (200, {"status": "success", "warnings": ["store-2 did not answer"], "data": {"result": [SERIES]}}, "partial: store-2"),
        (200, {"status": "error", "error": "query timed out"}, "did not succeed"),
        (200, "<html>", "str"),
    ],
    ids=["5xx", "warns", "fails", "is none"],
)
async def test_what_is_no_whole_answer_is_missing_with_its_reason(code: int, body: object, reason: str) -> None:
    found = await asked(code, body)
    assert set(found.missing) == set(TRAFFIC)
    assert reason in (found.missing["envoy_requests"].reason or "")


async def test_one_that_hangs_is_asked_once() -> None:
    found = await asked(200, {}, delay=LONGEST + 1)
    assert {s.reason for s in found.missing.values()} == {"timed out"}
