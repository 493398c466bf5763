"""Whether alerts can fire: PromQL read as far as that takes, and each way of being silent told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from meshdoctor.diagnosis import judge
from meshdoctor.istio.promql import comparison, seconds, selectors, share, watches_absence
from meshdoctor.model.alerting import Alerting, Rule
from meshdoctor.model.findings import Cluster
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.reports.story import markdown
from meshdoctor.triage import freeze
from meshdoctor.triage.alerts import Audited, audit, filled, handbook, prometheus_rule, wanted
from meshdoctor.triage.incident import create
from meshdoctor.triage.postmortem import postmortem
from tests.conftest import build
from tests.probes.test_control_plane_load import prometheus
from tests.probes.things import pod


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("up", ["up"]),
        ('sum by (type) (increase(pilot_total_xds_rejects{type="a}b"}[5m])) > 0', ['pilot_total_xds_rejects{type="a}b"}']),
        ("sum(rate(a[5m])) / on (x) group_left (y) sum without (z) (rate(b[1h30m]))", ["a", "b"]),
        ('label_replace(a{b=~"c|d"}, "to", "$1", "from", "(.*)") or vector(0)', ['a{b=~"c|d"}']),
        ('{__name__="istio_requests_total",x!="y"} offset 5m', ['istio_requests_total{x!="y"}']),
        ("histogram_quantile(0.99, sum(rate(h_bucket[5m])) by (le)) > 1e3", ["h_bucket"]),
        ("", []),
        ('"only text"', []),
    ],
)
def test_the_series_that_a_query_asks_for(query: str, asked: list[str]) -> None:
    assert [str(s) for s in selectors(query)] == asked


def test_windows_thresholds_and_shares() -> None:
    assert [s.window for s in selectors("rate(a[5m]) / rate(b[1h30m:1m])")] == [300, 5400]
    assert seconds("250ms") == 0.25
    assert comparison("(sum(a) > bool 0.02)") == (">", 0.02)
    assert comparison("a unless b") is None
    assert watches_absence("x < 1 or absent(x)")
    assert not watches_absence("x < 1")
    assert share('sum(a{c="5"}) / sum(a) > 2')
    assert not share("sum(a) / sum(b) > 2")


NAME = "IstiodDown"
GOOD = 'kube_up{a="b"} < 1 or absent(kube_up)'


def judged(query: str, *, counts: dict[str, float | None] | None = None, receivers: int | None = 1, **more: Any) -> Audited:
    """One loaded rule, judged; every series that it asks for exists unless `counts` says otherwise."""
    fields: dict[str, Any] = {"severity": "page", "runbook": "x", "held": 60.0} | more
    rule = Rule(name=NAME, query=query, **fields)
    told = Alerting(rules=(rule,), receivers=receivers, intervals={"istiod": 15.0})
    there: dict[str, float | None] = dict.fromkeys(map(str, wanted(build(), told)), 1.0)
    there.update(counts or {})
    return audit(build(), Alerting(rules=(rule,), receivers=receivers, intervals=told.intervals, counts=there))[0]


def says(one: Audited, state: str) -> str:
    return " ".join(p.says for p in one.points if p.state == state)


@pytest.mark.parametrize(
    ("query", "more", "verdict", "words"),
    [
        (GOOD, {}, "can fire", ""),
        ("kube_up < 1", {}, "can fire", "absent() would speak"),
        ("kube_up < 1", {"counts": {"kube_up": 0.0}}, "never fires", "is not measured"),
        ('a{b="c"} > 1', {"counts": {'a{b="c"}': 0.0}}, "never fires", "none with these labels"),
        (GOOD, {"counts": {'kube_up{a="b"}': 0.0}}, "can fire", "none with these labels"),
        ("kube_up < 1", {"counts": {"kube_up": None}}, "unknown", "could not be asked"),
        ("rate(pilot_total_xds_rejects[5m]) > 0", {"counts": {"pilot_total_xds_rejects": 0.0}}, "can fire", ""),
        ('sum(rate(a{response_code="500"}[5m])) > 0', {}, "can fire", ""),
        ("rate(a[20s]) > 0", {}, "never fires", "less than two scrapes"),
        ("rate(a[40s]) > 0", {}, "can fire", "less than four scrapes"),
        ('sum(a{b="c"}) / sum(a) > 1', {}, "never fires", "a share is 1 at most"),
        ("a < 0", {}, "never fires", "never < 0"),
        ("a > 1", {"receivers": 0}, "reaches nobody", "no Alertmanager"),
        ("a > 1", {"receivers": None}, "unknown", "could not be read"),
        ("a > 1", {"error": "parse error"}, "never fires", "parse error"),
        ("a > 1", {"held": 5.0}, "can fire", "one sample decides"),
        ("a > 1", {"severity": "", "runbook": ""}, "can fire", "no severity"),
    ],
)
def test_what_keeps_an_alert_from_firing(query: str, more: dict[str, Any], verdict: str, words: str) -> None:
    one = judged(query, **more)
    assert one.verdict == verdict, one.points
    assert words in " ".join(says(one, state) for state in ("FAIL", "WARN", "UNKNOWN"))


def test_without_rules_nothing_is_said_to_be_silent() -> None:
    missing = Source(name="prometheus", state=SourceState.DENIED, reason="create pods/portforward")
    assert {a.verdict for a in audit(build(), Alerting(missing=(missing,)))} == {"unknown"}
    assert {a.verdict for a in audit(build(), Alerting(rules=(), receivers=1))} == {"not defined"}


def test_rules_about_the_mesh_are_judged_and_others_left_alone() -> None:
    rules = (Rule(name="Mine", query="istio_requests_total > 1"), Rule(name="Disk", query="node_disk > 1"))
    assert [a.name for a in audit(build(), Alerting(rules=rules))] == [*(k.name for k in handbook()), "Mine"]


@pytest.fixture
def mesh() -> Mesh:
    made = build(pod("gw/ingress-7b9d8c6f5-aaaaa", gateway=True))
    made.cluster = Cluster(context="x", user="x", istio=(), root_namespace="istio-d")
    return made


def test_the_handbooks_alerts_as_they_can_fire(mesh: Mesh) -> None:
    rules = prometheus_rule(mesh)["spec"]["groups"][0]["rules"]
    assert yaml.safe_load(yaml.safe_dump(rules)) == rules
    assert [r["alert"] for r in rules] == ["IstiodDown", "IstioIngressHigh5xx", "IstioConfigRejected"]
    assert 'namespace="istio-d"' in rules[0]["expr"]
    assert 'reporter="source",source_workload=~"ingress"' in rules[1]["expr"]
    assert not any("${" in r["expr"] for r in rules)
    assert all(selectors(filled(k.query, mesh)) for k in handbook())


def test_which_alerts_fired_is_kept_with_an_incident_and_told_in_its_postmortem(tmp_path: Path) -> None:
    told = {"type": "alerting", "group": "mesh", "query": "istio_requests_total > 1"}
    rules = (Sample("Ingress5xx", told | {"state": "firing"}, 1.0), Sample("Slow", told | {"state": "inactive"}, 1.0))
    mesh = build(prometheus=prometheus(rules=rules))
    one = freeze.opened(create(tmp_path, "5xx"), mesh, judge(mesh))
    text = markdown(postmortem(one))
    assert "Ingress5xx was firing" in text
    assert "Slow was inactive" in text
    assert "No rule named IstiodDown" in text
    silent = freeze.opened(create(tmp_path, "5xx"), build(), judge(build()))
    assert "Which alerts fired is not known" in markdown(postmortem(silent))
