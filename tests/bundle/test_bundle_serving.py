"""What kubectl asks of a served bundle beyond objects: tables, parts of logs, kinds read one by one."""

from __future__ import annotations

import json
from typing import Any

import httpx

from meshdoctor.bundle.logs import asked
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.replay import ReplayServer
from tests.bundle.recorded import AT, JSON, listing, recorder

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
LOG = b"2026-03-01T11:58:00.1Z old\n2026-03-01T11:59:30.1Z new\n  indented\n2026-03-01T11:59:40.1Z last\n"


def row(name: str, namespace: str, *cells: str) -> dict[str, Any]:
    return {"cells": [name, *cells], "object": {"metadata": {"name": name, "namespace": namespace}}}


async def table(recording: Recording, path: str) -> dict[str, Any]:
    async with ReplayServer(recording) as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        told: dict[str, Any] = (await http.get(path, headers=TABLE)).json()
        return told


async def test_tables_have_the_columns_of_the_api_server() -> None:
    kept = recorder()
    columns = [{"name": "Name"}, {"name": "Ready"}]
    body = {"kind": "Table", "columnDefinitions": columns, "rows": [row("cart-1", "shop", "2/2"), row("pay-1", "shop", "0/1")]}
    kept.record("api GET /api/v1/pods?includeObject=Metadata", 200, JSON, json.dumps(body).encode())
    told = await table(kept.recording(recorded_at=AT), "/api/v1/namespaces/shop/pods?labelSelector=app%3Dcart")
    assert told["columnDefinitions"] == columns
    assert [r["cells"] for r in told["rows"]] == [["cart-1", "2/2"]]


async def test_without_them_a_table_has_name_and_age() -> None:
    told = await table(recorder().recording(recorded_at=AT), "/api/v1/namespaces/shop/pods/cart-1")
    assert [c["name"] for c in told["columnDefinitions"]] == ["Name", "Age"]
    assert [r["cells"] for r in told["rows"]] == [["cart-1", "<unknown>"]]


async def test_what_was_read_by_name_can_be_listed_and_it_is_said() -> None:
    async with (
        ReplayServer(recorder().recording(recorded_at=AT)) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False) as http,
    ):
        answer = await http.get("/api/v1/configmaps")
    assert [c["metadata"]["name"] for c in answer.json()["items"]] == ["istio"]
    assert answer.headers["Warning"] == '299 - "only 1 configmaps were recorded, by name"'


async def test_secrets_are_listed_by_their_metadata_alone() -> None:
    kept = recorder()
    secret = {"metadata": {"name": "tls", "namespace": "shop"}}
    kept.record("api GET /api/v1/secrets", 200, JSON, listing("PartialObjectMetadata", secret, version="meta.k8s.io/v1"))
    async with (
        ReplayServer(kept.recording(recorded_at=AT)) as server,
        httpx.AsyncClient(base_url=server.url, trust_env=False) as http,
    ):
        told = (await http.get("/api/v1/secrets")).json()
    assert told["kind"] == "SecretList"
    assert told["items"] == [{**secret, "kind": "Secret", "apiVersion": "v1"}]


def test_a_log_is_given_as_it_is_asked_for() -> None:
    assert asked(LOG, {"timestamps": "true"}, AT) == LOG
    assert asked(LOG, {}, AT) == b"old\nnew\n  indented\nlast\n"
    assert asked(LOG, {"sinceSeconds": "60"}, AT) == b"new\n  indented\nlast\n"
    assert asked(LOG, {"tailLines": "1"}, AT) == b"last\n"
    assert asked(LOG, {"limitBytes": "4"}, AT) == b"old\n"
    assert asked(b"no time\nat all\n", {"sinceSeconds": "60"}, AT) == b"no time\nat all\n"
    assert asked(b'{"start_time":"2026-03-01T11:00:00.1Z"}\n', {"sinceSeconds": "60"}, AT) == b""
