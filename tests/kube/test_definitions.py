"""The versions of a definition: asked for once, recorded as an object that kubectl understands, without its schema."""

from __future__ import annotations

import json

import pytest

from meshdoctor.bundle.recording import Recorder
from meshdoctor.kube.client import ApiClient, NotFound
from tests.kube.servers import Answer, serving

NAME = "gateways.networking.istio.io"
SCHEMA = {"openAPIV3Schema": {"type": "object"}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME, "resourceVersion": "7", "managedFields": [{"manager": "helm"}]},
    "spec": {
        "group": "networking.istio.io",
        "scope": "Namespaced",
        "names": {"plural": "gateways", "kind": "Gateway"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": SCHEMA}],
    },
    "status": {"storedVersions": ["v1"]},
}


async def test_a_definition_is_asked_for_again_only_when_it_changed() -> None:
    async with serving(lambda _: Answer(200, json.dumps(DEFINITION))) as server, ApiClient(server.credentials) as api:
        for version in ("7", "7", "8"):
            told = await api.versions_of(NAME, version)
            assert [(v.name, v.served, v.storage) for v in told.spec.versions] == [("v1", True, True)]
    assert len(server.requests) == 2


async def test_one_that_is_not_there_is_asked_for_once() -> None:
    async with (
        serving(lambda _: Answer(404, json.dumps({"kind": "Status", "code": 404}))) as server,
        ApiClient(server.credentials) as api,
    ):
        for _ in range(2):
            with pytest.raises(NotFound):
                await api.versions_of(NAME)
    assert len(server.requests) == 1


async def test_it_is_recorded_as_an_object_without_its_schema() -> None:
    recorder = Recorder()
    async with (
        serving(lambda _: Answer(200, json.dumps(DEFINITION))) as server,
        ApiClient(server.credentials, recorder=recorder) as api,
    ):
        await api.versions_of(NAME)
    (answer,) = recorder.answers.values()
    kept = json.loads(answer.body)
    assert b"openAPIV3Schema" not in answer.body
    assert {k: kept[k] for k in ("apiVersion", "kind")} == {k: DEFINITION[k] for k in ("apiVersion", "kind")}
    assert (kept["metadata"]["name"], kept["spec"]["group"], kept["spec"]["names"]["kind"]) == (
        NAME,
        "networking.istio.io",
        "Gateway",
    )
