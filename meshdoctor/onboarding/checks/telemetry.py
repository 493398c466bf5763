"""Whether its traffic can be seen."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.findings import Evidence
from meshdoctor.model.security import Telemetry
from meshdoctor.model.text import counted
from meshdoctor.onboarding.checks.mutual_tls import MEASURED
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips, unknown
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote


@check(
    "30",
    "Telemetry is there",
    weight="warning",
    problems=("OB-001", "OB-004", "OB-006"),
    do="Switch access logs on (accessLogFile or a Telemetry), and let Prometheus scrape the proxies.",
)
def telemetry(scope: Scope) -> Iterator[Outcome]:
    """Access logs are on, and Prometheus has istio_requests_total of the namespace."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    config = scope.mesh.mesh_config
    asking = [t for n in (scope.name, config.root_namespace) for t in scope.mesh[Telemetry].within(n) if t.spec.access_logging]
    providers = config.default_providers.access_logging
    if config.access_log_file or providers:
        yield holds(
            "access logs are on", Evidence("mesh config", "MeshConfig", f"accessLogFile: {config.access_log_file or providers}")
        )
    elif asking:
        yield holds(f"{asking[0].subject} asks for access logs", quote(asking[0], "spec.accessLogging"))
    else:
        yield breaks("no access log: neither accessLogFile nor a Telemetry asks for one", problem="OB-004")
    prometheus = scope.mesh.prometheus
    if prometheus is None:
        yield unknown("no Prometheus was found: whether its metrics are collected is not known")
    elif prometheus.has(MEASURED):
        mine = [s for s in prometheus.answer(MEASURED) if s.labels.get("destination_workload_namespace") == scope.name]
        shown = Evidence("istio_requests_total", str(prometheus.service), f"{len(mine)} workloads")
        if mine:
            yield holds(f"istio_requests_total of {counted(len(mine), 'workload')}", shown)
        else:
            yield breaks("Prometheus has no istio_requests_total of it", shown, problem="OB-006")
    else:
        prometheus.answer(MEASURED)
