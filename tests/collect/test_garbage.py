"""What istiod, Envoy and Prometheus say may be anything: it costs its source, never the run, and is never a PASS."""

from __future__ import annotations

import pytest

from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.collect.live import Options, collect
from meshdoctor.diagnosis import judge
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.findings import Diagnosis
from probes.registry import all_probes

PARTS = (
    "syncz",
    "debug/mesh",
    "metrics",
    "version",
    "certs",
    "clusters",
    "config_dump",
    "listeners",
    "server_info",
    "stats",
    "query",
)
GARBAGE = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "list of nulls": b"[null]",
    "object": b"{}",
    "number": b"7",
    "text": b"upstream connect error or disconnect/reset before headers",
    "binary": bytes(range(256)) * 8,
    "deep": b"[" * 20_000,
    "wrong types": b'{"configs": 7, "certificates": {"a": 1}, "cluster_statuses": "x", "data": 3, "listener_statuses": [4]}',
    "html": b"<html><body>sign in</body></html>",
}


def spoilt(part: str, body: bytes) -> Recording:
    """The healthy recording in which every pod answers so at that path."""
    return spoil(open_scenario("healthy"), part, body)


def spoil(recording: Recording, part: str, body: bytes) -> Recording:
    for key, answer in recording.answers.items():
        if key.startswith("pod ") and part in key.rpartition(" ")[2].partition("?")[0]:
            recording = recording.with_answer(key, body, answer.status, answer.content_type)
    return recording


async def seen(recording: Recording) -> Diagnosis:
    async with ReplayServer(recording) as server:
        who = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
        async with ApiClient(who, timeout=5) as api:
            return judge(await collect(api, Options()))


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_from_everywhere_at_once_is_only_unknown(what: str) -> None:
    recording = open_scenario("healthy")
    for part in PARTS:
        if part == "syncz" and what in ("null", "list"):
            continue  # what an istiod without proxies says
        recording = spoil(recording, part, GARBAGE[what])
    found = await seen(recording)
    told = {(f.status.value, f.code, f.summary) for f in found.findings if f.status != "UNKNOWN" and f.severity != "info"}
    assert told == set()
    assert found.coverage.unknown > 0
    assert found.coverage.rules == len(all_probes())


@pytest.mark.parametrize("part", PARTS)
async def test_garbage_of_one_part_leaves_the_others(part: str) -> None:
    found = await seen(spoilt(part, GARBAGE["wrong types"]))
    assert {f.status.value for f in found.findings if f.severity != "info"} <= {"UNKNOWN"}
    assert found.coverage.error == 0
    assert found.coverage.pass_ > 20
