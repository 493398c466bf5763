"""Whether the alerts of a mesh can fire at all: those of the handbook, and every rule that asks for the mesh's metrics."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Literal

import msgspec

from meshdoctor.istio.asking import asked
from meshdoctor.istio.promql import Selector, comparison, seconds, selectors, share, watches_absence
from meshdoctor.istio.workloads import gateway_pods
from meshdoctor.model.alerting import Alerting, Rule
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.sources import Unseen

State = Literal["PASS", "FAIL", "WARN", "UNKNOWN"]
Verdict = Literal["can fire", "never fires", "reaches nobody", "not defined", "unknown"]
MESH_METRIC = re.compile(r"(istio|pilot|galley|citadel|envoy|sidecar_injection|ztunnel|workload_manager)_")
OUTCOME = ("response_code", "response_flags", "grpc_response_status", "type", "code", "reason", "connection_security_policy", "le")
"""Labels by which an alert waits for something: that there is no such series yet is the good case."""

ON_DEMAND = ("pilot_total_xds_rejects", "pilot_total_xds_internal_errors", "pilot_xds_write_timeout", "galley_validation_failed")
"""Counters that istiod exposes from their first count on."""

ROOT = "istio-system"
GATEWAYS = "istio-ingressgateway"


class Known(msgspec.Struct, frozen=True, kw_only=True, rename={"held": "for"}):
    """An alert of the handbook: `handbook` as it is written there, `query` as it can fire."""

    name: str
    problems: tuple[str, ...]
    severity: str
    notify: str
    held: str
    runbook: str
    handbook: str
    query: str
    why: str
    summary: str


def states(mesh: Mesh) -> Iterator[tuple[str, str]]:
    """Each alert about the mesh, and whether it fires: as Prometheus said in this look. Raises Unseen where it did not."""
    rules = [s for s in asked(mesh, "rules") if s.labels.get("type") == "alerting"]
    names = {s.name for s in rules}
    yield from ((k.name, "") for k in handbook() if k.name not in names)
    ours = {k.name for k in handbook()}
    for rule in rules:
        query = rule.labels.get("query", "")
        if rule.name in ours or any(MESH_METRIC.match(s.metric) for s in selectors(query)):
            yield rule.name, rule.labels.get("state") or "in a state that was not told"


class Point(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    state: State
    says: str


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One alert: whether it can fire, by which points, and the expression that can, where the handbook has one."""

    name: str
    verdict: Verdict
    query: str
    points: tuple[Point, ...]
    rule: Rule | None = None  # None where Prometheus has none of this name
    instead: str = ""
    runbook: str = ""


@functools.cache
def handbook() -> tuple[Known, ...]:
    """The handbook's alerts, from alerts.toml."""
    text = files("meshdoctor.triage").joinpath("alerts.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["alert"], tuple[Known, ...])


def filled(query: str, mesh: Mesh) -> str:
    """An expression with this mesh's root namespace and gateways."""
    try:
        names = sorted({mesh.owner(p).name for p in gateway_pods(mesh)})
    except Unseen:
        names = []
    gateways = "|".join(n.replace(".", r"\\.") for n in names) or GATEWAYS
    return query.replace("${root}", mesh.cluster.root_namespace or ROOT).replace("${gateways}", gateways)


def wanted(mesh: Mesh, told: Alerting) -> Iterator[Selector]:
    """The series to ask for: as alerts name them, without what they wait for, and each metric alone."""
    for _, query in _queries(mesh, told):
        for each in selectors(query):
            yield from (each.but(*OUTCOME), each.only())


def _queries(mesh: Mesh, told: Alerting) -> Iterator[tuple[str, str]]:
    """Alerts with their expressions: the handbook's (as loaded, where one of the name is), then others about the mesh."""
    loaded = {r.name: r for r in told.rules or ()}
    for known in handbook():
        rule = loaded.get(known.name)
        yield known.name, rule.query if rule is not None else filled(known.handbook, mesh)
    for rule in told.rules or ():
        if all(rule.name != k.name for k in handbook()) and any(MESH_METRIC.match(s.metric) for s in selectors(rule.query)):
            yield rule.name, rule.query


def audit(mesh: Mesh, told: Alerting) -> tuple[Audited, ...]:
    """Each alert judged, those of the handbook first."""
    return tuple(_audited(mesh, told, name, query) for name, query in _queries(mesh, told))


def _audited(mesh: Mesh, told: Alerting, name: str, query: str) -> Audited:
    rule = next((r for r in told.rules or () if r.name == name and r.query == query), None)
    known = next((k for k in handbook() if k.name == name), None)
    fires = (*_series(told, query), *_reach(query), *_times(told, rule, query))
    points = (*_defined(told, rule, query), *fires, *_routed(told, rule))
    good = filled(known.query, mesh) if known is not None else ""
    return Audited(
        name=name,
        verdict=_verdict(told, rule, {p.state for p in (*_defined(told, rule, query), *fires)}),
        query=query,
        points=points,
        rule=rule,
        instead=good if good != query else "",
        runbook=known.runbook if known is not None else "",
    )


def _verdict(told: Alerting, rule: Rule | None, states: set[State]) -> Verdict:
    if rule is None and told.rules is not None:
        return "not defined"
    if "FAIL" in states:
        return "never fires"
    if "UNKNOWN" in states:
        return "unknown"
    return "can fire" if told.receivers else "reaches nobody" if told.receivers == 0 else "unknown"


def _defined(told: Alerting, rule: Rule | None, query: str) -> Iterator[Point]:
    if told.rules is None:
        why = told.missing[0].reason or "not readable" if told.missing else "not readable"
        yield Point("UNKNOWN", f"whether Prometheus has it is not known: {why}")
    elif rule is None:
        yield Point("FAIL", "Prometheus has no rule of this name; the handbook's expression is judged below")
    elif rule.error:
        yield Point("FAIL", f"its last evaluation failed: {rule.error}")
    else:
        yield Point("PASS", f"loaded in group {rule.group}, {rule.state or 'state not told'}")


def _series(told: Alerting, query: str) -> Iterator[Point]:
    """Whether what it asks for is measured."""
    guarded = watches_absence(query)
    for each in dict.fromkeys(s.but(*OUTCOME) for s in selectors(query)):
        there, any_ = told.counts.get(str(each)), told.counts.get(str(each.only()))
        if there is None or (not there and any_ is None):
            yield Point("UNKNOWN", f"whether {each} is measured could not be asked")
        elif there:
            yield Point("PASS", f"{each} has {there:.0f} series")
        elif any_:
            yield Point("WARN" if guarded else "FAIL", f"{each.metric} has {any_:.0f} series, none with these labels: {each}")
        elif each.metric in ON_DEMAND:
            yield Point("PASS", f"{each.metric} has no series yet: istiod exposes it from the first count on")
        else:
            yield Point("WARN" if guarded else "FAIL", f"{each.metric} is not measured: it had no series within the last hour")


def _reach(query: str) -> Iterator[Point]:
    """Whether the threshold can be reached, and whether silence is noticed."""
    compared = comparison(query)
    if compared is None:
        return
    sign, number = compared
    if share(query) and ((sign == ">" and number >= 1) or (sign == ">=" and number > 1)):
        yield Point("FAIL", f"a share is 1 at most: {sign} {number:g} is never reached")
    if (sign == "<" and number <= 0) or (sign == "<=" and number < 0):
        yield Point("FAIL", f"a count is never {sign} {number:g}")
    elif sign in ("<", "<=", "==") and not watches_absence(query):
        yield Point("WARN", "where the series are gone it stays silent: absent() would speak")


def _times(told: Alerting, rule: Rule | None, query: str) -> Iterator[Point]:
    """Windows and `for`, against how often Prometheus scrapes and evaluates."""
    scrape = told.scrape_interval
    shortest = min((s.window for s in selectors(query) if s.window), default=0.0)
    if shortest and not scrape:
        yield Point("UNKNOWN", "how often Prometheus scrapes is not known")
    elif shortest and shortest < 2 * scrape:
        yield Point("FAIL", f"its window of {shortest:g} s holds less than two scrapes, {scrape:.0f} s apart: it has no value")
    elif shortest and shortest < 4 * scrape:
        yield Point("WARN", f"its window of {shortest:g} s holds less than four scrapes: one that is missed makes it silent")
    if rule is not None and rule.held and scrape and rule.held < scrape:
        yield Point("WARN", f"it fires after {rule.held:g} s, scrapes are {scrape:.0f} s apart: one sample decides")
    if rule is not None and rule.held and rule.interval > rule.held:
        yield Point("WARN", f"it is evaluated each {rule.interval:g} s and held for {rule.held:g} s: one evaluation decides")


def _routed(told: Alerting, rule: Rule | None) -> Iterator[Point]:
    """Who is told, as far as Prometheus shows it; what Alertmanager does with it is not visible from here."""
    if told.receivers is None:
        yield Point("UNKNOWN", "whether an Alertmanager is told could not be read")
    elif not told.receivers:
        yield Point("FAIL", "Prometheus knows no Alertmanager: whatever fires reaches nobody")
    else:
        yield Point("PASS", f"{told.receivers} Alertmanager is told; its routes are not visible from here")
    if rule is not None and not rule.severity:
        yield Point("WARN", "it has no severity: routes by severity pass it over")
    if rule is not None and not rule.runbook:
        yield Point("WARN", "it names no runbook")


def prometheus_rule(mesh: Mesh) -> dict[str, Any]:
    """The handbook's alerts as they can fire in this mesh, as a PrometheusRule."""
    rules = []
    for known in handbook():
        rule: dict[str, object] = {"alert": known.name, "expr": filled(known.query, mesh)}
        rule |= {"for": known.held} if seconds(known.held) else {}
        rule |= {"labels": {"severity": known.severity, "notify": known.notify}}
        rule |= {"annotations": {"summary": known.summary, "runbook": f"meshdoctor runbook {known.runbook}"}}
        rules.append(rule)
    where = mesh.cluster.root_namespace or ROOT
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "meshdoctor-handbook", "namespace": where},
        "spec": {"groups": [{"name": "istio-handbook", "rules": rules}]},
    }
