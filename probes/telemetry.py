"""Metrics of the mesh: whether anybody collects them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.istio.asking import the_prometheus
from meshdoctor.istio.workloads import is_live
from meshdoctor.model.cluster import EndpointSlice, Service
from meshdoctor.model.findings import STRONG, Evidence
from meshdoctor.model.istiod import Sample
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe

SETTLED = timedelta(minutes=1)


@probe("OB-001", needs=(Prometheus, Service, EndpointSlice, Pod))
def nobody_scrapes(mesh: Mesh) -> Iterator[Draft]:
    """Prometheus runs nowhere, knows no istiod, or fails to scrape istiod or proxies that are Ready."""
    prometheus = the_prometheus(mesh)
    about = prometheus.workload or prometheus.service
    service = mesh[Service].get(prometheus.service.namespace, prometheus.service.name)
    if service is not None and service.spec.selector and not _has_endpoints(mesh, service):
        command = f"kubectl -n {service.namespace} get endpointslice -l kubernetes.io/service-name={service.name}"
        says = "no endpoint of Prometheus is ready"
        yield fail(about, says, at="status", evidence=(Evidence(says, str(service.subject), "0 ready", command),), also=(service,))
        return
    samples = prometheus.answer("up")
    yield from _unscraped_istiod(mesh, prometheus, about)
    down = [(s, pod) for s in samples if s.value == 0 and (pod := _settled(mesh, s)) is not None]
    if down:
        owners = dict.fromkeys(mesh.owner(p) for _, p in down)
        yield fail(
            about,
            f"it fails to scrape {counted(len(down), 'Ready target')}: {', '.join(str(o) for o in owners)}",
            at="up",
            evidence=[_query(prometheus, "up == 0", f"up{s.labels} 0") for s, _ in down[:2]],
            also=owners,
        )


def _has_endpoints(mesh: Mesh, service: Service) -> bool:
    return any(e.is_ready and e.addresses for s in mesh.slices_of(service) for e in s.endpoints or ())


def _unscraped_istiod(mesh: Mesh, prometheus: Prometheus, about: Subject) -> Iterator[Draft]:
    runs = any(p.labels.get("app") == "istiod" and is_live(p) and _is_settled(mesh, p) for p in mesh[Pod])
    if runs and not prometheus.answer("pilot_xds"):
        says = "it has no metric of istiod (pilot_xds is absent)"
        yield fail(about, says, at="pilot_xds", evidence=(_query(prometheus, "pilot_xds", "no sample"),), confidence=STRONG)


def _settled(mesh: Mesh, sample: Sample) -> Pod | None:
    """The pod of a sample, if it is istiod's or has a proxy and has been Ready for a while."""
    namespace, name = sample.labels.get("namespace", ""), sample.labels.get("pod", "")
    pod = mesh[Pod].get(namespace, name) if namespace and name else None
    if pod is None or not is_live(pod) or not _is_settled(mesh, pod):
        return None
    return pod if pod.proxy is not None or pod.labels.get("app") == "istiod" else None


def _is_settled(mesh: Mesh, pod: Pod) -> bool:
    """Ready, and long enough to have been scraped."""
    return pod.is_ready and pod.ready_since is not None and mesh.now - pod.ready_since > SETTLED


def _query(prometheus: Prometheus, query: str, words: str) -> Evidence:
    service = prometheus.service
    path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}:9090/proxy/api/v1/query?query={query}"
    return Evidence(query, str(service), words, f"kubectl get --raw '{path.replace(' ', '%20')}'")
