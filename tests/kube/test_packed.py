"""Pods in protobuf say what they say in JSON; what is not understood is asked for in JSON.

The recordings are one list of four pods in both forms: one crashing, one leaving, one of a Deployment, one pending.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshdoctor.bundle.protobuf import packed
from meshdoctor.kube import wire
from meshdoctor.kube.client import ApiClient, Denied
from meshdoctor.kube.numbers import NUMBERS
from meshdoctor.kube.packed import ACCEPT, CONTENT_TYPE, Garbled, PackedList
from meshdoctor.kube.splitting import WholeList
from meshdoctor.kube.wire import MAGIC
from meshdoctor.model.errors import ClusterError, NotTheAPI
from meshdoctor.model.workloads import Pod
from tests.kube.servers import Answer, Request, serving

RECORDED = Path(__file__).parent / "recorded"
BODY = (RECORDED / "pods.protobuf").read_bytes()
JSON = (RECORDED / "pods.json").read_bytes()


def plain(pods: Any) -> Any:
    return msgspec.to_builtins(list(pods))


def read(body: bytes) -> None:
    taken = PackedList(Pod)
    taken.feed(body)
    taken.finish()


@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_a_pod_says_the_same_in_both_forms_wherever_its_body_is_cut(step: int) -> None:
    taken = PackedList(Pod)
    for at in range(0, len(BODY), step):
        taken.feed(BODY[at : at + step])
    found = taken.finish()
    expected = msgspec.json.decode(JSON, type=WholeList[Pod])
    assert expected.items
    assert plain(taken.objects) == plain(expected.items)
    assert (found.kind, found.metadata) == ("PodList", expected.metadata)
    assert taken.size == len(BODY)


def test_the_recordings_have_what_is_easily_read_wrong() -> None:
    pods = {p.labels.get("app", p.name): p for p in msgspec.json.decode(JSON, type=WholeList[Pod]).items or ()}
    crashing, pending = pods["crashing"], pods["pending"]
    app = crashing.app_containers[0]
    assert (app.args[0], crashing.labels["empty"]) == ("", "")
    assert crashing.status.container_statuses[0].last_state.terminated is not None
    assert (app.security_context, pending.spec.security_context) != (None, None)
    assert crashing.spec.security_context is not None
    assert crashing.spec.security_context.run_as_user == 0
    assert (app.lifecycle, app.liveness_probe, app.startup_probe) != (None, None, None)
    assert app.resources.requests["cpu"] == "10m"
    assert pods["owned"].metadata.owner_references[0].controller
    assert pods["leaving"].is_terminating
    assert pods["leaving"].metadata.finalizers
    assert pending.spec.host_network


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_those_of_the_structs_own_fields(kind: type[Pod]) -> None:
    for shape, numbers in NUMBERS[kind].items():
        assert set(numbers) == set(shape.__struct_fields__)
        given = [n for n in numbers.values() if n is not None]
        assert len(given) == len(set(given))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "does not begin"),
        (BODY[:-2000], "breaks off"),
        (MAGIC, "breaks off"),
        (MAGIC + packed((2, b"\x12\x7f\x0a")), "beyond its list"),
        (MAGIC + packed((2, packed((2, b"\x10\x01\x0a\x05")))), "breaks off"),
        (MAGIC + packed((2, packed((2, b"\x0a")))), "breaks off"),
        (MAGIC + packed((2, packed((2, b"\x0d\x00\x00\x00\x00")))), "does not write"),
        (MAGIC + packed((2, packed((2, b"\x12" + b"\xff" * 12)))), "64 bits"),
        (MAGIC + b"\x08\x01", "no such field"),
        (MAGIC + packed((2, packed((2, packed((1, packed((8, packed((1, 1 << 62)))))))))), "out of range|too large|timestamp"),
    ],
)
def test_what_is_no_list_of_pods_is_told(body: bytes, why: str) -> None:
    with pytest.raises(Garbled, match=why):
        read(body)


def test_numbers_below_zero_and_text_that_is_none() -> None:
    assert wire.integer((1 << 64) - 3) == -3
    assert wire.text(b"a\xff") == "a\ufffd"
    with pytest.raises(ValueError, match="64 bits"):
        wire.varint(b"\xff" * 11, 0)


def test_what_is_remembered_is_forgotten_when_it_grows_large() -> None:
    once = wire.Once(len)
    for n in range(20):
        assert once[bytes([n]) * (1 << 20)] == 1 << 20
    assert len(once) * (1 << 20) <= wire.KEPT


async def test_pods_are_asked_for_in_protobuf_and_others_are_not() -> None:
    def answer(request: Request) -> Answer:
        return Answer(200, BODY, CONTENT_TYPE) if request.headers["accept"] == ACCEPT else Answer(200, JSON)

    async with serving(answer) as server, ApiClient(server.credentials) as api:
        listing = await api.list(Pod)
    expected = msgspec.json.decode(JSON, type=WholeList[Pod])
    assert plain(listing.objects) == plain(expected.items)
    assert (listing.resource_version, listing.bytes) == (expected.metadata.resource_version, len(BODY))
    assert [r.headers["accept"] for r in server.requests] == [ACCEPT]


async def test_a_server_that_knows_json_only_is_understood() -> None:
    async with serving(lambda _: Answer(200, JSON)) as server, ApiClient(server.credentials) as api:
        assert len((await api.list(Pod)).objects) == 4
    assert len(server.requests) == 1


async def test_protobuf_that_is_not_understood_is_asked_for_in_json() -> None:
    def answer(request: Request) -> Answer:
        return Answer(200, BODY[:-2000], CONTENT_TYPE) if request.headers["accept"] == ACCEPT else Answer(200, JSON)

    async with serving(answer) as server, ApiClient(server.credentials) as api:
        listing = await api.list(Pod)
    assert len(listing.objects) == 4
    assert [r.headers["accept"] for r in server.requests] == [ACCEPT, "application/json"]


async def test_a_list_of_another_kind_is_refused() -> None:
    body = MAGIC + packed((1, packed((2, "ServiceList"))), (2, packed((1, packed((2, "7"))))))
    async with serving(lambda _: Answer(200, body, CONTENT_TYPE)) as server, ApiClient(server.credentials) as api:
        with pytest.raises(ClusterError, match="ServiceList"):
            await api.list(Pod)


@pytest.mark.parametrize("cut", [0, 3])
async def test_a_refusal_in_protobuf_is_a_refusal(cut: int) -> None:
    told = packed((2, "Failure"), (3, 'pods is forbidden: User "nobody" cannot list resource "pods"'), (4, "Forbidden"), (6, 403))
    body = MAGIC + packed((1, packed((1, "v1"), (2, "Status"))), (2, told))
    answer = Answer(403, body[: len(body) - cut], CONTENT_TYPE)
    async with serving(lambda _: answer) as server, ApiClient(server.credentials) as api:
        with pytest.raises(ClusterError) as why:
            await api.list(Pod)
    assert isinstance(why.value, NotTheAPI if cut else Denied)
    assert cut or str(why.value).startswith("list pods is forbidden in all namespaces")
