"""What is judged before the proxies and Prometheus have told is what would be judged afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshdoctor.bundle.replay import ReplayServer
from meshdoctor.bundle.scenarios import open_scenario
from meshdoctor.collect.live import Options, collect
from meshdoctor.diagnosis import judge_ahead
from meshdoctor.kube.client import ApiClient
from meshdoctor.kube.credentials import Credentials
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.mesh import Mesh, NotYet
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.workloads import Pod
from probes import registry
from probes.registry import Draft, all_probes, fail, probe
from probes.runner import ahead, run
from tests.conftest import build

POD = "{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop}}"


async def test_a_look_that_is_judged_meanwhile_finds_the_same() -> None:
    async with ReplayServer(open_scenario("certificate-misplaced")) as server:
        credentials = Credentials(context="demo", cluster="demo", server=server.url, user="demo", namespace="default")
        async with ApiClient(credentials) as api:
            mesh = await collect(api, Options(), work=judge_ahead)
    early = {p.code for p in all_probes() if p in mesh.memo}
    assert early
    assert not any({Envoy, Prometheus} & set(p.needs) for p in all_probes() if p.code in early)
    found = run(mesh)
    mesh.memo.clear()
    assert found == run(mesh)
    assert mesh.envoys
    assert found[0]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of a test's own, in a registry of its own."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "load", lambda: None)


@pytest.mark.usefixtures("own")
def test_a_rule_that_hides_what_it_reads_is_judged_in_the_end() -> None:
    seen: list[int] = []

    @probe("MD9001", needs=[Pod], title="honest")
    def honest(mesh: Mesh) -> Iterator[Draft]:
        """Reads pods only."""
        seen.append(mesh.memo.setdefault("pods", len(mesh[Pod])))
        yield from (fail(pod, "is there") for pod in mesh[Pod])

    @probe("MD9002", needs=[Pod], title="hiding")
    def hiding(mesh: Mesh) -> Iterator[Draft]:
        """Reads proxies and does not say so."""
        known = mesh.memo["half"] = {}
        known.update(dict.fromkeys(mesh.envoys))
        yield from (fail(pod, "is there, too") for pod in mesh[Pod])

    whole = build(POD)
    mesh = whole.awaiting()
    for _ in ahead(mesh):
        pass
    assert "half" not in mesh.memo
    mesh.complete(whole)
    assert [f.code for f in run(mesh)[0]] == ["MD9001", "MD9002"]


@pytest.mark.parametrize("late", ["envoys", "prometheus", "sources", "notes"])
def test_what_is_awaited_cannot_be_read(late: str) -> None:
    whole = build(POD)
    mesh = whole.awaiting()
    with pytest.raises(NotYet):
        getattr(mesh.with_tables({}), late)
    with pytest.raises(AttributeError):
        _ = mesh.nothing_of_that_name  # type: ignore[attr-defined] # what is asserted
    mesh.complete(whole)
    assert getattr(mesh, late) is not None or late == "prometheus"
