"""Finds a Prometheus in the cluster and asks it a few instant queries."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from meshdoctor.collect.asked import Answers
from meshdoctor.istio.workloads import pods_of
from meshdoctor.kube.client import ApiClient
from meshdoctor.model.cluster import Service
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.sources import Source, SourceState
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, StatefulSet, Workload

QUERIES = {
    "up": "up",
    "pilot_xds": "pilot_xds",
    "rejects": "sum by (type) (increase(pilot_total_xds_rejects[5m])) > 0",
}
LONGEST = 2.0  # seconds: a Prometheus that is overloaded must not hold up the diagnosis
NAMES = ("prometheus", "kube-prometheus", "prometheus-server", "prometheus-operated", "thanos-query", "vmsingle")


class _Result(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] = (0.0, "0")


class _Data(msgspec.Struct, frozen=True):
    result: tuple[_Result, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    status: str = ""
    data: _Data = _Data()


def find(mesh: Mesh) -> Service | None:
    """The Service of a Prometheus: by its labels or name and a port that leads to 9090."""
    for service in sorted(mesh[Service], key=lambda s: (s.name != "prometheus", s.namespace, s.name)):
        labels = {service.labels.get("app", ""), service.labels.get("app.kubernetes.io/name", ""), service.name}
        if labels & set(NAMES) and any(9090 in (p.port, p.target) for p in service.spec.ports):
            return service
    return None


async def ask_prometheus(api: ApiClient, mesh: Mesh, queries: Mapping[str, str] = QUERIES) -> Prometheus | None:
    """The answers of the Prometheus that was found to these queries, by their names; None where there is none."""
    service = find(mesh)
    if service is None:
        return None
    workload = next((mesh.owner(p) for p in pods_of(mesh, service)), None) or _selected_workload(mesh, service)
    ready = [p for p in pods_of(mesh, service) if p.is_ready]
    if not ready:
        missing = Source(name=f"Prometheus {service.namespace}/{service.name}", state=SourceState.ERROR, reason="no pod is ready")
        return Prometheus(service=service.subject, workload=workload, missing=dict.fromkeys(queries, missing))
    answers = Answers(api, ready[0].namespace, ready[0].name, longest=LONGEST)
    for name, query in queries.items():
        if not answers.dead:
            await answers.get(name, 9090, f"/api/v1/query?query={quote(query, safe='')}", _samples, container="prometheus")
    return Prometheus(service=service.subject, workload=workload, parts=answers.parts, missing=answers.missing)


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
    return tuple(Sample(r.metric.get("__name__", ""), r.metric, float(r.value[1])) for r in answer.data.result)
