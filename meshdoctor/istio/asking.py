"""What Prometheus answered, and how to ask it again."""

from __future__ import annotations

from urllib.parse import quote

from meshdoctor.model.cluster import Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import QUERIES, Prometheus
from meshdoctor.model.sources import Source, SourceState, Unseen


def the_prometheus(mesh: Mesh) -> Prometheus:
    """The mesh's Prometheus; Unseen where there is none, or the Services that it is looked for among were not all read."""
    if mesh.prometheus is None:
        mesh[Service].everywhere()
        raise Unseen(Source(name="prometheus", state=SourceState.SKIPPED, reason="no Prometheus was found"))
    return mesh.prometheus


def asked(mesh: Mesh, name: str) -> tuple[Sample, ...]:
    """The answer to a named query; Unseen where there is no Prometheus, or it did not answer."""
    return the_prometheus(mesh).answer(name)


def shown(mesh: Mesh, name: str, words: str) -> Evidence:
    """An answer as evidence, with the command that asks again."""
    prometheus = mesh.prometheus
    if prometheus is None:
        return Evidence(words, "prometheus", words)
    service = prometheus.service
    path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}:9090/proxy{query_path(QUERIES[name])}"
    return Evidence(words, str(service), words, f"kubectl get --raw '{path}'")


def query_path(query: str) -> str:
    """The path and query that ask Prometheus for one of QUERIES."""
    return query if query.startswith("/") else f"/api/v1/query?query={quote(query, safe='')}"
