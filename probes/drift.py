"""A proxy that does something else with a request than the configuration says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import fqdn, registered
from meshdoctor.istio.live.compare import Difference, differences
from meshdoctor.istio.live.walk import route_steps
from meshdoctor.istio.matching import Call
from meshdoctor.istio.nack import reaches
from meshdoctor.istio.protocols import HTTP, protocol_at
from meshdoctor.istio.steps import Step
from meshdoctor.istio.sync import rows_of
from meshdoctor.istio.trace import from_pod, trace_from
from meshdoctor.istio.visibility import sees
from meshdoctor.istio.workloads import asked_pods, is_gateway
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.envoy_config import EnvoyConfig, RouteConfig
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.sources import Source, SourceState, Unseen
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe

PUSHED_WITHIN = timedelta(seconds=30)
MOST_CALLS = 60  # of one proxy
READ = (VirtualService, DestinationRule, Service, ServiceEntry, Sidecar, EnvoyFilter)
NOBODY_ASKED = Source(name="/config_dump", state=SourceState.SKIPPED, reason="no proxy was asked")
NOT_ASKED = Source(name="clusters of Envoy", state=SourceState.SKIPPED, reason="not asked")
NEEDS = (Envoy, Pod, Istiod, Deployment, Gateway, PeerAuthentication, *READ)


@probe("MD5036", needs=NEEDS, title="A proxy does not do what is configured", severity="medium")
def otherwise_than_configured(mesh: Mesh) -> Iterator[Draft]:
    """A proxy in sync sends a request elsewhere, or otherwise, than the Istio objects say."""
    told = [e for e in mesh.envoys if e.has("walks") or e.has("route_configs")]
    if not told:
        for envoy in mesh.envoys:
            envoy.part("route_configs")  # raises why it is not there
        raise Unseen(NOBODY_ASKED)
    if _in_flux(mesh):
        return
    in_sync = {(r.namespace, r.name) for r in rows_of(mesh, [p for p, _ in asked_pods(mesh)]) if r.state == "SYNCED"}
    for envoy in told:
        pod = mesh[Pod].get(envoy.namespace, envoy.name)
        if pod is None or (pod.namespace, pod.name) not in in_sync:
            continue
        found = [(call, d) for call, live in _walks(mesh, envoy, pod) for d in differences(mesh, trace_from(mesh, pod, call), live)]
        if found:
            yield _otherwise(mesh, pod, found)


def _in_flux(mesh: Mesh) -> bool:
    """Whether something was changed just now: the proxies are on their way to it."""
    kinds: tuple[type[KubernetesObject], ...] = READ
    return any(t.changed is not None and mesh.now - t.changed < PUSHED_WITHIN for kind in kinds for t in mesh[kind])


def _walks(mesh: Mesh, envoy: Envoy, pod: Pod) -> Iterator[tuple[Call, tuple[Step, ...]]]:
    """Calls with the steps that Envoy takes: those that somebody traced, else what VirtualServices are for."""
    if envoy.has("walks"):
        yield from envoy.walks
        return
    if is_gateway(pod):
        return
    routes: dict[str, RouteConfig] = {r.name: r for r in envoy.route_configs}
    config = EnvoyConfig(found={}, asked=set(), whole={"routes"}, missing={"clusters": NOT_ASKED, "endpoints": NOT_ASKED})
    for call in list(_calls(mesh, pod))[:MOST_CALLS]:
        names = (str(call.port), f"{call.host}:{call.port}")
        chosen = next((routes[n] for n in names if n in routes), None)
        if chosen is not None:
            yield call, tuple(route_steps(config, chosen, chosen.name, call))


def _calls(mesh: Mesh, pod: Pod) -> Iterator[Call]:
    """A call for each path that the VirtualServices of hosts which the pod may call tell apart."""
    for each in mesh[VirtualService]:
        if MESH not in gateway_names(each) or not sees(mesh, pod.namespace, each):
            continue
        said = [m.uri for rule in each.spec.http for m in rule.match if m.uri]
        paths = dict.fromkeys(["/", *(u.exact or u.prefix or "/" for u in said)])
        for host in (fqdn(h, each.namespace, mesh.cluster.domain).lower() for h in each.spec.hosts):
            known = registered(mesh, host) if "*" not in host else ()
            for port in {p for r in known for p in r.ports if protocol_at(known, p).name in HTTP}:
                yield from (from_pod(Call(host=host, port=port, path=path), pod) for path in paths)


def _otherwise(mesh: Mesh, pod: Pod, found: Iterable[tuple[Call, Difference]]) -> Draft:
    evidence = []
    for call, each in found:
        command = f"meshdoctor trace {pod.namespace}/{pod.name} {call.host}:{call.port}{call.path}"
        evidence.append(Evidence(each.says, f"Envoy of {pod.name}", each.live, command))
    filters = [f for f in mesh[EnvoyFilter] if reaches(mesh, f, pod)]
    why = f"these may change it: {', '.join(str(f.subject) for f in filters[:3])}" if filters else ""
    return fail(mesh.owner(pod), evidence[0].says, why=why, evidence=evidence[:5], also=(pod, *filters))
