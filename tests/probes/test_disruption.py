"""GW-015 and OP-001: gateways that would not survive a node, and drains that hang."""

from __future__ import annotations

from typing import Any

import pytest

from meshdoctor.model.workloads import Pod, PodDisruptionBudget
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, deployment, pod, thing

LABELS = {"app": "ingress"}


def budget(where: str, status: dict[str, Any], **spec: Any) -> str:
    return thing(
        "policy/v1",
        "PodDisruptionBudget",
        where,
        {"minAvailable": 1, "selector": {"matchLabels": {"app": where.rpartition("/")[2]}}} | spec,
        status=status,
    )


def pods(nodes: list[str]) -> str:
    made = (pod(f"edge/ingress-{i}", gateway=True, spec={"nodeName": n}) for i, n in enumerate(nodes))
    return all_of(made)


def node(name: str, **spec: Any) -> str:
    return thing("v1", "Node", name, spec, status={"conditions": [{"type": "Ready", "status": "True"}]})


OPEN = {"disruptionsAllowed": 1, "currentHealthy": 2, "expectedPods": 2}
SHUT = {"disruptionsAllowed": 0, "currentHealthy": 1, "expectedPods": 1}
READY = {"readyReplicas": 2}
TWO = deployment("edge/ingress", LABELS, 2, status=READY)
TAINT = [{"key": "gpu", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (all_of(TWO, pods(["a", "a"]), budget("edge/ingress", OPEN), node("a")), ""),
        (all_of(TWO, pods(["a", "b"]), budget("edge/ingress", OPEN), node("a"), node("b")), ""),
        (all_of(TWO, pods(["a", "a"]), budget("edge/ingress", OPEN), node("a"), node("b")), "on node a"),
        (all_of(TWO, pods(["a", "a"]), budget("edge/ingress", OPEN), node("a"), node("b", taints=TAINT)), ""),
        (all_of(TWO, pods(["a", "a"]), budget("edge/ingress", OPEN), node("a"), node("b", unschedulable=True)), ""),
        (all_of(TWO, pods(["a", "b"])), "no PodDisruptionBudget"),
        (all_of(deployment("edge/ingress", LABELS, 1), pods(["a"]), budget("edge/ingress", SHUT)), "1 replica"),
        (all_of(deployment("shop/web", {"app": "web"}, 1), pod("shop/web-1")), ""),  # not a gateway
    ],
)
def test_gateways_that_stand_alone(text: str, words: str) -> None:
    findings = judge(build(text), "GW-015")
    assert subjects(findings) == (["Deployment edge/ingress"] if words else [])
    assert all(words in f.summary for f in findings)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (all_of(pods(["a"]), budget("edge/ingress", SHUT)), True),
        (all_of(pods(["a", "b"]), budget("edge/ingress", OPEN)), False),
        (all_of(pods(["a"]), budget("edge/ingress", SHUT | {"currentHealthy": 0})), False),  # a pod is down: rightly
        (all_of(pods(["a"]), budget("edge/ingress", SHUT | {"expectedPods": 0, "currentHealthy": 0})), False),
        (all_of(pod("shop/db-1", proxy=False), budget("shop/db", SHUT)), False),  # not in the mesh
        (all_of(pod("shop/web-1"), budget("shop/web", SHUT)), True),
        (all_of(pod("sys/istiod-1", proxy=False), budget("sys/istiod", SHUT)), True),
    ],
)
def test_drains_that_hang(text: str, found: bool) -> None:
    findings = judge(build(text), "OP-001")
    assert [f.subject.kind for f in findings] == (["PodDisruptionBudget"] if found else [])
    assert all("Deployment" in str(f.also[0]) for f in findings)


def test_what_was_not_seen_is_unknown() -> None:
    text = all_of(TWO, pods(["a", "b"]), budget("edge/ingress", SHUT))
    assert {f.status for f in judge(build(text, unseen=[PodDisruptionBudget]), "GW-015")} == {"UNKNOWN"}
    assert {f.status for f in judge(build(text, unseen=[Pod]), "OP-001")} == {"UNKNOWN"}
