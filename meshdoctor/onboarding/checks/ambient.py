"""Ambient mode: pods captured by ztunnel, on every node, and waypoints where policies speak of HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.ambient import is_for_ambient
from meshdoctor.istio.selecting import REDIRECTION
from meshdoctor.istio.workloads import is_gateway
from meshdoctor.model.findings import Evidence
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import DaemonSet, Pod
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get, quote

NOT_AMBIENT = "not in ambient mode"
ZTUNNEL = {"app": "ztunnel"}


@check(
    "AM1",
    "Ambient: pods are captured",
    weight="blocking",
    problems=("AM-002",),
    do="See the istio-cni agent of the node; restart the pod where the annotation is missing.",
)
def captured(scope: Scope) -> Iterator[Outcome]:
    """Every eligible pod carries the annotation that istio-cni sets once its traffic is redirected."""
    if not scope.is_ambient:
        yield skips(NOT_AMBIENT)
        return
    pods = [p for p in scope.pods if not p.spec.host_network and p.proxy is None and not is_gateway(p)]
    if not pods:
        yield skips("no pod runs that ztunnel could capture")
        return
    left = [p for p in pods if p.annotations.get(REDIRECTION) != "enabled"]
    for pod in left[:4]:
        yield breaks(
            f"{pod.name} is not captured", Evidence(f"no {REDIRECTION}", str(pod.subject), REDIRECTION, get(pod)), problem="AM-002"
        )
    if not left:
        shown = Evidence("a pod is captured", str(pods[0].subject), f"{REDIRECTION}: enabled", get(pods[0]))
        yield holds(f"{len(pods)} of {len(pods)} pods are captured", shown)


@check(
    "AM2",
    "Ambient: ztunnel is ready on all its nodes",
    weight="blocking",
    problems=("AM-001",),
    do="See the pods of the DaemonSet ztunnel on these nodes.",
)
def ztunnel_ready(scope: Scope) -> Iterator[Outcome]:
    """A ready ztunnel runs on every node that has pods of the namespace."""
    if not scope.is_ambient:
        yield skips(NOT_AMBIENT)
        return
    sets = [d for d in scope.mesh[DaemonSet] if d.name == "ztunnel" or ZTUNNEL.items() <= d.template.metadata.labels.items()]
    if not sets:
        yield breaks("no DaemonSet ztunnel is there", problem="AM-001")
        return
    nodes = {p.spec.node_name for p in scope.pods if p.spec.node_name}
    ready = {
        p.spec.node_name
        for d in sets
        for p in scope.mesh[Pod].matching(d.namespace, d.spec.selector.match_labels or ZTUNNEL)
        if p.is_ready
    }
    missing = sorted(nodes - ready)
    status = sets[0].status
    shown = quote(sets[0], "status", f"{status.number_ready} of {status.desired_number_scheduled} ready")
    if missing:
        yield breaks(f"no ready ztunnel on {', '.join(missing)}", shown, problem="AM-001")
    else:
        yield holds(f"ztunnel is ready on {counted(len(nodes), 'node')} of its pods", shown)


@check(
    "AM3",
    "Ambient: policies that speak of HTTP have a waypoint",
    weight="blocking",
    problems=("AM-003", "AM-004", "AM-005"),
    codes=("MD5020", "MD5023", "MD5030"),
    do="Give the policy targetRefs to a waypoint, and enrol the namespace with istio.io/use-waypoint.",
)
def waypoint_for_http(scope: Scope) -> Iterator[Outcome]:
    """Every policy with HTTP fields is attached by targetRefs and was taken by its waypoint."""
    if not scope.is_ambient:
        yield skips(NOT_AMBIENT)
        return
    policies = [p for p in scope.mesh[AuthorizationPolicy].within(scope.name) if is_for_ambient(scope.mesh, p)]
    if not policies:
        yield skips("no policy speaks of HTTP")
        return
    for policy in policies:
        taken = [c for c in policy.status.conditions if c.type == "WaypointAccepted"]
        if not policy.spec.targets:
            yield breaks(f"{policy.subject} speaks of HTTP and has no targetRefs", quote(policy, "spec"), problem="AM-004")
        elif any(c.status != "True" for c in taken):
            yield breaks(
                f"{policy.subject}: the waypoint did not take it: {taken[0].message}", quote(policy, "status"), problem="AM-003"
            )
        else:
            yield holds(f"{policy.subject} is attached to {policy.spec.targets[0].kind} {policy.spec.targets[0].name}")
