"""A mesh that may be read in part only: what was not seen is UNKNOWN with the reason, never PASS, never called absent."""

from __future__ import annotations

import pytest

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh, Table
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.workloads import Deployment, Pod
from tests.conftest import build, judge
from tests.probes.things import all_of, pod, service

REFUSED = Source(name="/server_info of shop/cart-1", state=SourceState.DENIED, reason="create pods/portforward is forbidden")


def narrowed(text: str) -> Mesh:
    """A mesh of which only namespace shop was read."""
    mesh = build(text)
    tables: dict[type[KubernetesObject], Table[KubernetesObject]] = {}
    for kind in (Pod, Deployment, Service):
        source = Source(name=kind.resource(), reason="only namespace shop may be read", namespaces=("shop",))
        tables[kind] = Table([thing for thing in mesh[kind] if thing.namespace == "shop"], source)
    return mesh.with_tables(tables)


@pytest.mark.parametrize("problem", ["CP-001", "CP-002", "CP-003", "CP-006", "WH-002", "CRT-001", "CRT-002", "UP-002", "OB-009"])
def test_a_control_plane_that_may_not_be_read_is_not_judged(problem: str) -> None:
    mesh = narrowed(all_of(pod("shop/cart-1"), service("shop/cart")))
    assert {(f.status, f.summary.rpartition(": ")[2]) for f in judge(mesh, problem)} == {
        ("UNKNOWN", "only namespace shop may be read")
    }


@pytest.mark.parametrize("problem", ["CP-005", "PRX-006", "OB-001", "OB-006", "PS-002"])
def test_prometheus_is_not_absent_where_it_may_not_be_looked_for(problem: str) -> None:
    text = all_of(pod("shop/cart-1"), POLICY)
    assert judge(build(text), problem) == []
    assert {f.status for f in judge(narrowed(text), problem)} == {"UNKNOWN"}
    assert {f.status for f in judge(build(text, unseen=[Service]), problem)} == {"UNKNOWN"}


@pytest.mark.parametrize("problem", ["CRT-003", "CRT-004", "CRT-010", "RT-015", "XDS-007"])
def test_a_proxy_that_refused_the_first_question_is_unknown_in_all_others(problem: str) -> None:
    silent = Envoy(namespace="shop", name="cart-1", missing={"state": REFUSED})
    found = judge(build(all_of(pod("shop/cart-1"), service("shop/cart")), envoys=[silent]), problem)
    assert [(f.status, f.summary) for f in found] == [("UNKNOWN", f"cannot judge: {REFUSED.name}: {REFUSED.reason}")]


@pytest.mark.parametrize("problem", ["XDS-001", "CRT-002", "OB-004", "OB-009"])
def test_an_istiod_that_refused_the_first_question_is_unknown_in_all_others(problem: str) -> None:
    silent = Istiod(namespace="istio-d", name="istiod-1", missing={"syncz": REFUSED})
    text = all_of(pod("istio-d/istiod-1", {"app": "istiod"}, proxy=False), TELEMETRY)
    assert {f.status for f in judge(build(text, istiods=[silent]), problem)} == {"UNKNOWN"}


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}}
"""
TELEMETRY = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: default, namespace: shop}
spec: {}
"""
