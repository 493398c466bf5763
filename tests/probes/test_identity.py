"""PS-003: workloads that run as `default`."""

from __future__ import annotations

from meshdoctor.model.workloads import Pod
from tests.conftest import build, judge, subjects
from tests.probes.things import all_of, pod


def test_one_finding_a_workload() -> None:
    text = all_of(
        pod("shop/web-1", account="default"),
        pod("shop/web-2", account="default"),
        pod("shop/cart-1"),
        pod("shop/old-1", account="default", proxy=False),
        pod("edge/ingress-1", account="default", gateway=True),
    )
    assert subjects(judge(build(text), "PS-003")) == ["Deployment shop/web"]
    assert {f.status for f in judge(build(text, unseen=[Pod]), "PS-003")} == {"UNKNOWN"}
