"""Whether istiod keeps up, by autoscalers, by what the replicas say, and by Prometheus."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml

from meshdoctor.model.istiod import Istiod, ProxySync, Sample
from meshdoctor.model.prometheus import QUERIES, Prometheus
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.subject import Subject
from tests.conftest import NOW, build, judge, subjects
from tests.probes.things import all_of, deployment, pod, thing

ISTIOD = all_of(
    deployment("istio-system/istiod", {"app": "istiod"}),
    *(pod(f"istio-system/istiod-{i}", {"app": "istiod"}, proxy=False, ip=f"10.1.0.{i}") for i in (1, 2)),
)
SERVICE = Subject(kind="Service", namespace="monitoring", name="prometheus")


def prometheus(**answers: tuple[Sample, ...]) -> Prometheus:
    return Prometheus(service=SERVICE, parts=dict.fromkeys(QUERIES, ()) | answers)


def scaler(name: str, current: int, reason: str, where: str = "istio-system") -> str:
    status = {"currentReplicas": current, "conditions": [{"type": "ScalingLimited", "status": "True", "reason": reason}]}
    spec = {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": name}}
    return thing("autoscaling/v2", "HorizontalPodAutoscaler", f"{where}/{name}", spec, status=status)


@pytest.mark.parametrize(
    ("current", "reason", "is_fault"),
    [(5, "TooManyReplicas", True), (3, "TooManyReplicas", False), (5, "DesiredWithinRange", False)],
)
def test_istiod_may_not_grow(current: int, reason: str, is_fault: bool) -> None:
    mesh = build(all_of(ISTIOD, scaler("istiod", current, reason)), prometheus=prometheus())
    assert subjects(judge(mesh, "CP-004")) == ["HorizontalPodAutoscaler istio-system/istiod"] * is_fault


def test_a_gateway_may_not_grow() -> None:
    door = pod("edge/door-1", {"istio": "ingress"}, gateway=True)
    mesh = build(all_of(door, scaler("door", 5, "TooManyReplicas", "edge")), prometheus=prometheus())
    assert subjects(judge(mesh, "GW-016")) == ["HorizontalPodAutoscaler edge/door"]
    assert judge(build(door, prometheus=prometheus()), "GW-016") == []


@pytest.mark.parametrize(("container", "share", "problem", "subject"), [
    ("discovery", 0.5, "CP-004", "Deployment istio-system/istiod"),
    ("istio-proxy", 0.5, "PRX-006", "Deployment shop/cart"),
    ("istio-proxy", 0.1, "PRX-006", ""),
])  # fmt: skip
def test_held_back_at_the_cpu_limit(container: str, share: float, problem: str, subject: str) -> None:
    where = {"namespace": "istio-system", "pod": "istiod-1"} if container == "discovery" else {"namespace": "shop", "pod": "cart-1"}
    slow = prometheus(throttled=(Sample("", where | {"container": container}, share),))
    assert subjects(judge(build(all_of(ISTIOD, pod("shop/cart-1")), prometheus=slow), problem)) == [subject] * bool(subject)


COUNTED: list[tuple[str, str, dict[str, str], float]] = [
    ("CP-005", "late_pushes", {}, 0.2),
    ("CP-009", "push_errors", {"what": "write timeouts"}, 3.0),
    ("WH-003", "refused_objects", {"resource": "virtualservices", "reason": "invalid_resource"}, 2.0),
]


@pytest.mark.parametrize(("problem", "query", "labels", "value"), COUNTED)
def test_what_prometheus_counts(problem: str, query: str, labels: dict[str, str], value: float) -> None:
    counted: dict[str, Any] = {query: (Sample("", labels, value),)}
    assert subjects(judge(build(ISTIOD, prometheus=prometheus(**counted)), problem)) == ["Deployment istio-system/istiod"]
    assert judge(build(ISTIOD, prometheus=prometheus()), problem) == []
    refused = Source(name="/api/v1/query", state=SourceState.ERROR, reason="timed out")
    silent = Prometheus(service=SERVICE, missing={query: refused})
    assert {f.status for f in judge(build(ISTIOD, prometheus=silent), problem)} == {"UNKNOWN"}
    assert judge(build(ISTIOD), problem) == []  # no Prometheus: nothing to judge by


@pytest.mark.parametrize(("first", "second", "is_fault"), [(60, 10, True), (40, 20, False), (30, 0, False)])
def test_replicas_with_uneven_load(first: int, second: int, is_fault: bool) -> None:
    def replica(name: str, count: int) -> Istiod:
        those = tuple(ProxySync(namespace="shop", name=f"{name}-{i}", istiod=name) for i in range(count))
        return Istiod(namespace="istio-system", name=name, parts={"syncz": those})

    mesh = build(ISTIOD, istiods=[replica("istiod-1", first), replica("istiod-2", second)])
    assert bool(judge(mesh, "CP-006")) == is_fault


@pytest.mark.parametrize(
    ("generation", "created", "is_fault"),
    [(90, "2026-08-01T11:50:00Z", True), (90, "2026-07-01T11:50:00Z", False), (3, "2026-08-01T11:59:50Z", False)],
)
def test_an_object_that_is_written_over_and_over(generation: int, created: str, is_fault: bool) -> None:
    body = thing("networking.istio.io/v1", "VirtualService", "shop/v", {"hosts": ["a"]}, created=created, generation=generation)
    body = body.replace(
        "metadata:\n", f"metadata:\n  managedFields: [{{manager: looper, operation: Update, time: '{NOW:%Y-%m-%dT%H:%M:%SZ}'}}]\n"
    )
    assert subjects(judge(build(body, prometheus=prometheus()), "CP-007")) == ["VirtualService shop/v"] * is_fault


@pytest.mark.parametrize(("reason", "code", "is_fault"), [
    ("OOMKilled", 137, True),
    ("Error", 1, True),
    ("Completed", 0, False),
    ("Unknown", 255, False),
    ("ContainerStatusUnknown", 137, False),
])  # fmt: skip
def test_istiod_crashes_but_for_a_node_that_restarted(reason: str, code: int, is_fault: bool) -> None:
    ended = {"terminated": {"reason": reason, "exitCode": code, "finishedAt": (NOW - timedelta(minutes=1)).isoformat()}}
    crashed = [{"name": "discovery", "ready": True, "restartCount": 1, "lastState": ended}]
    body = yaml.safe_load(pod("istio-system/istiod-1", {"app": "istiod"}, proxy=False))
    body["status"]["containerStatuses"] = crashed
    mesh = build(all_of(deployment("istio-system/istiod", {"app": "istiod"}), "---\n" + yaml.safe_dump(body)))
    assert subjects(judge(mesh, "CP-002")) == ["Deployment istio-system/istiod"] * is_fault
