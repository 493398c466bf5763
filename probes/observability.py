"""Whether failures can be seen: access logs, alerts that can fire, metrics that arrive, clocks that agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from meshdoctor.istio.asking import asked, shown, the_prometheus
from meshdoctor.istio.controlplane import istiod_pods
from meshdoctor.istio.mtls import server_mode
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.workloads import by_owner, gateway_pods, injected_pods, pods_of
from meshdoctor.model.cluster import Node, Service
from meshdoctor.model.findings import Evidence
from meshdoctor.model.istiod import Istiod
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.prometheus import Prometheus
from meshdoctor.model.security import PeerAuthentication, Telemetry
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, get, probe, quote
from probes.xds import those_asked

MANY_SERIES = 1_000_000
REASONS = ("RESPONSE_FLAGS", "RESPONSE_CODE_DETAILS")
APART = timedelta(seconds=5)
SELECTOR = re.compile(r"\{[^{}]*\}")
SERVER_SIDE = re.compile(r'reporter\s*=~?\s*"destination"')
WORKLOAD = re.compile(r'destination_(?:workload|app|canonical_service|service_name)\s*=~?\s*"([^"]*)"')


@probe("OB-002", needs=(Prometheus,))
def too_many_series(mesh: Mesh) -> Iterator[Draft]:
    """Prometheus holds more than a million series of Istio's metrics."""
    counts = {s.name: s.value for s in asked(mesh, "series") if s.name.startswith("istio_")}
    total = sum(counts.values())
    if total > MANY_SERIES and mesh.prometheus:
        words = ", ".join(f"{name} {count:.0f}" for name, count in sorted(counts.items(), key=lambda x: -x[1])[:3])
        about = mesh.prometheus.workload or mesh.prometheus.service
        yield fail(about, f"it holds {total:.0f} series of Istio: {words}", evidence=(shown(mesh, "series", words),))


@probe("OB-003", needs=(Prometheus, Pod))
def alert_never_fires(mesh: Mesh) -> Iterator[Draft]:
    """An alert asks for what a gateway counted as a server, but gateways count as clients only: it is always empty."""
    gateways = {mesh.owner(p).name for p in gateway_pods(mesh)} | {"istio-ingressgateway"}
    for rule in asked(mesh, "rules"):
        query = rule.labels.get("query", "")
        wrong = next((g for s in SELECTOR.findall(query) if (g := _gateway_as_server(s, gateways))), "")
        if wrong and mesh.prometheus:
            about = mesh.prometheus.workload or mesh.prometheus.service
            says = f"rule {rule.name} of group {rule.labels.get('group', '')} can never fire: {wrong} reports as a client only"
            yield fail(about, says, at=rule.name, evidence=(shown(mesh, "rules", query),))


def _gateway_as_server(selector: str, gateways: set[str]) -> str:
    """The gateway that a selector asks for as a server; empty where it asks for none."""
    found = WORKLOAD.search(selector) if SERVER_SIDE.search(selector) else None
    if found is None:
        return ""
    try:
        return next((g for g in sorted(gateways) if re.fullmatch(found[1], g)), "")
    except re.error:
        return ""


@probe("OB-004", needs=(Telemetry, Istiod, Deployment, Pod))
def no_access_log(mesh: Mesh) -> Iterator[Draft]:
    """No access log is written, or its format leaves out why requests fail."""
    those_asked(mesh, "mesh")
    config = mesh.mesh_config
    subject = Subject(kind="ConfigMap", namespace=config.root_namespace, name="istio")
    on = config.access_log_file or config.default_providers.access_logging or any(t.spec.access_logging for t in mesh[Telemetry])
    lacking = (
        [r for r in REASONS if r not in config.access_log_format] if config.access_log_file and config.access_log_format else []
    )
    if not on:
        says = "no access log is written: accessLogFile is empty and no Telemetry asks for one"
        yield fail(subject, says, at="accessLogFile", evidence=(_said(subject, "accessLogFile: empty"),))
    for telemetry in mesh[Telemetry].within(config.root_namespace) if on else ():
        entries = telemetry.spec.access_logging
        if entries and not labels_of(telemetry) and not telemetry.spec.targets and all(_silences(e) for e in entries):
            says = "it switches the access log off for the whole mesh: nobody sees afterwards why requests failed"
            yield fail(telemetry, says, at="spec.accessLogging")
    if lacking:
        says = f"the access log's format leaves out {' and '.join(lacking)}: it does not tell why requests fail"
        yield fail(subject, says, at="accessLogFormat", evidence=(_said(subject, config.access_log_format),))


def _silences(entry: dict[str, Any]) -> bool:
    """Whether an entry of accessLogging switches it off for both directions, whatever the provider."""
    mode = (entry.get("match") or {}).get("mode", "CLIENT_AND_SERVER")
    return entry.get("disabled") is True and mode in ("", "CLIENT_AND_SERVER") and not entry.get("providers")


def _said(config_map: Subject, words: str) -> Evidence:
    return Evidence("the mesh's configuration", "/debug/mesh", words, get(config_map))


@probe("OB-006", needs=(Pod, PeerAuthentication, Prometheus, Service))
def metrics_refused(mesh: Mesh) -> Iterator[Draft]:
    """Pods ask to be scraped on a port of the application that takes mutual TLS only, and Prometheus has no certificate."""
    prometheus = the_prometheus(mesh)
    service = mesh[Service].get(*prometheus.service.key)
    if any(p.proxy is not None for p in (pods_of(mesh, service) if service else ())):
        return  # it has a proxy, whose certificate it can use
    refused = [p for p in injected_pods(mesh) if _asks_where_strict(mesh, p)]
    for owner, pods in by_owner(mesh, refused).items():
        port = pods[0].annotations["prometheus.io/port"]
        at = "metadata.annotations[prometheus.io/port]"
        policy = server_mode(mesh, pods[0], int(port)).policy
        evidence = [quote(pods[0], at, port), *([quote(policy, "spec.mtls.mode", "STRICT")] if policy else [])]
        says = f"Prometheus is to scrape port {port}, which takes mutual TLS only"
        yield fail(owner, says, at=at, evidence=evidence, also=(*pods, *((policy,) if policy else ())))


def _asks_where_strict(mesh: Mesh, pod: Pod) -> bool:
    """Whether it is to be scraped in plain text on a port that its proxy keeps STRICT; where metrics are merged it is 15020."""
    if pod.metadata.annotations.get("prometheus.io/scrape") != "true":
        return False
    port = pod.annotations.get("prometheus.io/port", "")
    if not port.isdigit() or port in ("15020", "15090"):
        return False
    left_out = pod.annotations.get("traffic.sidecar.istio.io/excludeInboundPorts", "").replace(" ", "").split(",")
    return port not in left_out and server_mode(mesh, pod, int(port)).mode == "STRICT"


@probe("OB-007", over=Node, needs=(Node,))
def clock_differs(mesh: Mesh, node: Node) -> Iterator[Draft]:
    """The clock of a node differs from that of the API server by more than five seconds."""
    beats = [c.last_heartbeat_time for c in node.status.conditions if c.last_heartbeat_time is not None]
    written = [m.time for m in node.metadata.managed_fields if m.manager == "kubelet" and m.subresource == "status" and m.time]
    if not beats or not written:
        return  # nobody wrote down when the API server took the heartbeat
    apart = max(beats) - max(written)
    if abs(apart) > APART:
        ahead = "ahead of" if apart > timedelta() else "behind"
        says = f"its clock is {abs(apart).total_seconds():.0f} s {ahead} that of the API server"
        words = f"lastHeartbeatTime {max(beats):%H:%M:%S} was written at {max(written):%H:%M:%S}"
        yield fail(node, says, at="status.conditions", evidence=(Evidence(says, str(node.subject), words, get(node)),))


@probe("OB-009", needs=(Istiod, Pod, Deployment))
def debug_refused(mesh: Mesh) -> Iterator[Draft]:
    """istiod refuses its debug pages: what the proxies hold cannot be told."""
    replicas = {p.name: p for p in istiod_pods(mesh)}
    for istiod in mesh.istiods:
        source = istiod.missing.get("syncz")
        refused = source is not None and re.search(r"answered 40[13]\b", source.reason or "")
        if source is not None and refused and istiod.name in replicas:
            pod = replicas[istiod.name]
            command = f"kubectl -n {pod.namespace} port-forward pod/{pod.name} 15014:15014"
            evidence = Evidence("it refuses", source.name, source.reason or "", command)
            yield fail(mesh.owner(pod), f"istiod refuses /debug/syncz: {source.reason}", evidence=(evidence,), severity="info")
            return
    those_asked(mesh, "syncz")
