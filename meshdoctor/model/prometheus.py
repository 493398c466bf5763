"""What Prometheus is asked, and what it answered."""

from __future__ import annotations

from meshdoctor.model.envoy import Said
from meshdoctor.model.istiod import Sample
from meshdoctor.model.subject import Subject

_PERIODS = 'container_cpu_cfs_%s_total{container=~"istio-proxy|discovery"}[5m]'
_BY_CONTAINER = "sum by (namespace,pod,container) (rate(" + _PERIODS + "))"
_SERVED = 'istio_requests_total{reporter="destination"%s}[1h]'

QUERIES = {  # by name: an instant query, or the path of another answer
    "up": "up",
    "pilot_xds": "pilot_xds",
    "rejects": "sum by (type) (increase(pilot_total_xds_rejects[5m])) > 0",
    "push_errors": (
        'label_replace(sum(increase(pilot_total_xds_internal_errors[2m])) > 0, "what", "internal errors", "", "") or '
        'label_replace(sum(increase(pilot_xds_write_timeout[2m])) > 0, "what", "write timeouts", "", "")'
    ),
    "late_pushes": (
        '1 - sum(rate(pilot_proxy_convergence_time_bucket{le=~"30|30.0"}[10m]))'
        " / sum(rate(pilot_proxy_convergence_time_count[10m])) > 0.05"
    ),
    "config_events": 'max by (type) (rate(pilot_k8s_cfg_events{event="update"}[2m])) > 1',
    "refused_objects": "sum by (group,resource,reason) (increase(galley_validation_failed[2m])) > 0",
    "throttled": f"{_BY_CONTAINER % 'throttled_periods'} / {_BY_CONTAINER % 'periods'} > 0.25"
    ' or count(container_cpu_cfs_periods_total{container="istio-proxy"})',  # without labels: whether anybody measures
    "security": f"sum by (connection_security_policy) (rate({_SERVED % ''}))",
    "plain": (
        "topk(5, sum by (source_workload_namespace,source_workload,destination_workload_namespace,destination_workload) "
        f"""(rate({_SERVED % ',connection_security_policy!="mutual_tls"'})) > 0)"""
    ),
    "series": "/api/v1/status/tsdb",
    "rules": "/api/v1/rules",
}


class Prometheus(Said, frozen=True, kw_only=True, eq=False):
    """A Prometheus that was found in the cluster, and the answers to our instant queries by their name."""

    service: Subject
    workload: Subject | None = None

    def answer(self, query: str) -> tuple[Sample, ...]:
        """The samples of a named query; raises Unseen where it was not answered."""
        value: tuple[Sample, ...] = self.part(query)
        return value
