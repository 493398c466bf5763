"""Finds a Prometheus in the cluster and asks it a few instant queries."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from meshdoctor.collect.asked import Answers
from meshdoctor.istio.asking import query_path
from meshdoctor.istio.workloads import pods_of
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.cluster import Service
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import QUERIES, Prometheus
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, StatefulSet, Workload

HISTORY = {
    "measured": 'count by (destination_workload_namespace, destination_workload) (istio_requests_total{reporter="destination"})',
    "plain_text": "sum by (destination_workload_namespace, destination_workload, source_workload_namespace, source_workload) "
    '(increase(istio_requests_total{reporter="destination",connection_security_policy="none"}[7d])) > 0',
}
"""What a scan asks besides: which workloads have metrics, and who sent plain text within 7 days."""

LONGEST_HISTORY = 10.0  # seconds: days of many series take their time
LONGEST = 2.0  # seconds: a Prometheus that is overloaded must not hold up the diagnosis
NAMES = ("prometheus", "kube-prometheus", "prometheus-server", "prometheus-operated", "thanos-query", "vmsingle")


class _Result(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] = (0.0, "0")


class _Data(msgspec.Struct, frozen=True):
    result: tuple[_Result, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    status: str = ""
    warnings: tuple[str, ...] = ()
    data: _Data = _Data()


def find(mesh: Mesh) -> Service | None:
    """The Service of a Prometheus: by its labels or name and a port that leads to 9090."""
    for service in sorted(mesh[Service], key=lambda s: (s.name != "prometheus", s.namespace, s.name)):
        labels = {service.labels.get("app", ""), service.labels.get("app.kubernetes.io/name", ""), service.name}
        if labels & set(NAMES) and any(9090 in (p.port, p.target) for p in service.spec.ports):
            return service
    return None


async def ask_prometheus(
    api: ApiClient, mesh: Mesh, queries: Mapping[str, str] = QUERIES, *, longest: float = LONGEST
) -> Prometheus | None:
    """The answers of the Prometheus that was found, each within so many seconds; None where there is none."""
    service = find(mesh)
    if service is None:
        return None
    workload = next((mesh.owner(p) for p in pods_of(mesh, service)), None) or _selected_workload(mesh, service)
    ready = [p for p in pods_of(mesh, service) if p.is_ready]
    if not ready:
        missing = Source(name=f"Prometheus {service.namespace}/{service.name}", state=SourceState.ERROR, reason="no pod is ready")
        return Prometheus(service=service.subject, workload=workload, missing=dict.fromkeys(queries, missing))
    answers = Answers(api, ready[0].namespace, ready[0].name, longest=longest)
    for name, query in queries.items():
        late = next((s for s in answers.missing.values() if s.reason == "timed out"), None)
        if late is not None:  # one that is overloaded is not asked for more
            answers.missing[name] = late
        elif answers.dead:  # nobody answers: the others would only wait as long
            answers.missing[name] = next(iter(answers.missing.values()))
        else:
            await answers.get(name, 9090, query_path(query), DECODERS.get(name, _samples), container="prometheus")
            _not_offered(answers, name)
    return Prometheus(service=service.subject, workload=workload, parts=answers.parts, missing=answers.missing)


def _not_offered(answers: Answers, name: str) -> None:
    """A 404 means that this kind of Prometheus, or a recording of one, has no such answer: then there is nothing to judge."""
    source = answers.missing.get(name)
    if source is not None and " answered 404" in (source.reason or ""):
        answers.missing[name] = msgspec.structs.replace(
            source, state=SourceState.ABSENT, reason="this Prometheus has no such answer"
        )


def _selected_workload(mesh: Mesh, service: Service) -> Subject | None:
    kinds: tuple[type[Workload], ...] = (Deployment, StatefulSet)
    for kind in kinds:
        for workload in mesh[kind].within(service.namespace):
            if service.spec.selector.items() <= workload.template.metadata.labels.items():
                return workload.subject
    return None


def _samples(body: bytes) -> tuple[Sample, ...]:
    answer = msgspec.json.decode(body, type=_Answer, strict=False)
    if answer.status != "success":
        raise ValueError(f"the query did not succeed: {answer.status or 'no status'}")
    if answer.warnings:  # some of the stores behind it did not answer: a sum over the others would be too small
        raise ValueError(f"the answer is partial: {answer.warnings[0][:200]}")
    return tuple(Sample(r.metric.get("__name__", ""), r.metric, float(r.value[1])) for r in answer.data.result)


class _Count(msgspec.Struct, frozen=True):
    name: str = ""
    value: int = 0


class _Series(msgspec.Struct, frozen=True, rename="camel"):
    series_count_by_metric_name: tuple[_Count, ...] = ()


class _SeriesAnswer(msgspec.Struct, frozen=True):
    data: _Series = _Series()


def _series(body: bytes) -> tuple[Sample, ...]:
    """`/api/v1/status/tsdb`: the metrics with most series, and how many each has."""
    answer = msgspec.json.decode(body, type=_SeriesAnswer, strict=False)
    return tuple(Sample(c.name, {}, float(c.value)) for c in answer.data.series_count_by_metric_name)


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    query: str = ""
    type: str = ""
    duration: float = 0.0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    state: str = ""
    last_error: str = ""

    def told(self) -> dict[str, str]:
        """What is there of it, as labels of a sample: only what the rule has."""
        runbook = next((v for k, v in self.annotations.items() if k.startswith("runbook")), "")
        fields = {"type": self.type, "query": self.query, "for": f"{self.duration:g}" if self.duration else ""}
        fields |= {"severity": self.labels.get("severity", ""), "runbook": runbook, "state": self.state, "error": self.last_error}
        return {k: v for k, v in fields.items() if v}


class _Group(msgspec.Struct, frozen=True):
    name: str = ""
    interval: float = 0.0
    rules: tuple[_Rule, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...] = ()


class _RulesAnswer(msgspec.Struct, frozen=True):
    data: _Groups = _Groups()


def _rules(body: bytes) -> tuple[Sample, ...]:
    """`/api/v1/rules`: each alert and recording rule with its group, type and expression, and what more it says of itself."""
    answer = msgspec.json.decode(body, type=_RulesAnswer)
    return tuple(
        Sample(r.name, {"group": g.name, "interval": f"{g.interval:g}", **r.told()}, 1.0)
        for g in answer.data.groups
        for r in g.rules
    )


class _Receivers(msgspec.Struct, frozen=True, rename="camel"):
    active_alertmanagers: tuple[dict[str, str], ...] = ()


class _ReceiversAnswer(msgspec.Struct, frozen=True):
    data: _Receivers = _Receivers()


def _receivers(body: bytes) -> tuple[Sample, ...]:
    """`/api/v1/alertmanagers`: the Alertmanagers that alerts are sent to."""
    answer = msgspec.json.decode(body, type=_ReceiversAnswer)
    return tuple(Sample("alertmanager", each, 1.0) for each in answer.data.active_alertmanagers)


DECODERS = {"series": _series, "rules": _rules, "receivers": _receivers}
