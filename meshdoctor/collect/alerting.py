"""Asks the Prometheus of a mesh about its alerts: rules, receivers, scrape intervals, and whether series exist."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.collect.metrics import ask_prometheus
from meshdoctor.istio.promql import Selector
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.alerting import Alerting, Rule
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState, narrowed

MOST = 60  # selectors that are asked for
LONGEST = 5.0
INTERVALS = "300 / max by (job) (count_over_time(up[5m]))"
FIRST = {"rules": "/api/v1/rules", "receivers": "/api/v1/alertmanagers", "intervals": INTERVALS}


async def ask_rules(api: ApiClient, mesh: Mesh) -> Alerting:
    """Rules, receivers and intervals. Without a Prometheus all of it is missing, and says so."""
    told = await ask_prometheus(api, mesh, FIRST, longest=LONGEST)
    if told is None:
        only = narrowed(mesh.sources)
        reason = f"no Prometheus was found in the cluster{f', but {only}' if only else ''}"
        none = Source(name="prometheus", state=SourceState.ABSENT, reason=reason)
        return Alerting(missing=(none,))
    return Alerting(
        rules=tuple(_rule(s) for s in told.answer("rules") if s.labels.get("type") == "alerting") if told.has("rules") else None,
        receivers=len(told.answer("receivers")) if told.has("receivers") else None,
        intervals={s.labels.get("job", ""): s.value for s in told.answer("intervals")} if told.has("intervals") else {},
        missing=tuple(dict.fromkeys(told.missing.values())),
    )


async def count_series(api: ApiClient, mesh: Mesh, wanted: Iterable[Selector]) -> dict[str, float | None]:
    """How many series each selector had within the last hour; None where that was not answered."""
    asked = list(dict.fromkeys(map(str, wanted)))[:MOST]
    queries = {text: f"count(last_over_time({text}[1h]))" for text in asked}
    told = await ask_prometheus(api, mesh, queries, longest=LONGEST) if queries else None
    return {text: _count(told, text) for text in asked}


def _count(told: Prometheus | None, text: str) -> float | None:
    if told is None or not told.has(text):
        return None
    return sum(s.value for s in told.answer(text))


def _rule(sample: Sample) -> Rule:
    told = sample.labels
    return Rule(
        name=sample.name,
        query=told.get("query", ""),
        group=told.get("group", ""),
        held=float(told.get("for") or 0),
        interval=float(told.get("interval") or 0),
        severity=told.get("severity", ""),
        runbook=told.get("runbook", ""),
        state=told.get("state", ""),
        error=told.get("error", ""),
    )
