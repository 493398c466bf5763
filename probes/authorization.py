"""Authorization: who is refused, by which policy, and policies that do not do what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from meshdoctor.istio.authz import Request, denied_by_silence, policies_for, principal_of, refusals, wanted
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.workloads import injected_pods, services_of, workload_name
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import PROOF, STRONG, Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote

SILENCE = "rbac_access_denied_matched_policy[none]"
EXPLICIT = re.compile(
    r"rbac_access_denied_matched_policy\[ns\[(?P<ns>[^\]]+)\]-policy\[(?P<policy>[^\]]+)\]-rule\[(?P<rule>\d+)\]\]"
)


def log_command(pod: Pod) -> str:
    """How to see a proxy's access log by hand."""
    return f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=5m"


def denials(mesh: Mesh, pod: Pod, text: str) -> list[AccessLogEntry]:
    """Refused requests in a pod's access log of the last minute whose details hold this text."""
    envoy = mesh.envoy(pod)
    if envoy is None or not envoy.has("logs"):
        return []
    return [e for e in envoy.logs.access if text in e.details or text in e.connection_details]


def asked(mesh: Mesh, entry: AccessLogEntry) -> tuple[Request, Pod | None]:
    """What an access log line tells of the request, and the calling pod where its address is known."""
    caller = mesh.pods_by_ip.get(entry.downstream_remote.rpartition(":")[0])
    port = entry.downstream_local.rpartition(":")[2]
    request = Request(
        principal=principal_of(mesh, caller) if caller else None,
        namespace=caller.namespace if caller and caller.proxy else None,
        port=int(port) if port.isdigit() else None,
        method=entry.method or None,
        path=entry.path or None,
    )
    return request, caller


def _rate(mesh: Mesh, pod: Pod, entries: list[AccessLogEntry], callers: set[str]) -> Harm:
    envoy = mesh.envoy(pod)
    window = envoy.logs.window_s if envoy else 60.0
    return Harm(tuple(sorted(callers)), per_second((e.time for e in entries), mesh.now, window))


def _since(entries: list[AccessLogEntry], changed: datetime | None) -> list[AccessLogEntry]:
    """The entries after a change: older ones belong to what was there before."""
    return [e for e in entries if e.time is None or changed is None or e.time > changed]


@probe("AZ-001", needs=(AuthorizationPolicy, Pod, Envoy, Service, Deployment))
def no_allow_matches(mesh: Mesh) -> Iterator[Draft]:
    """Callers get 403: an ALLOW policy covers the workload, and none matches them."""
    for pod in injected_pods(mesh):
        entries = denials(mesh, pod, SILENCE)
        if not entries:
            continue
        allows = [p for p in policies_for(mesh, pod) if p.spec.action == "ALLOW"]
        changed = max((p.changed for p in allows if p.changed), default=None)
        told: list[tuple[AccessLogEntry, Request, Pod | None]] = []
        for entry in _since(entries, changed):
            request, caller = asked(mesh, entry)
            if denied_by_silence(mesh, pod, request):
                told.append((entry, request, caller))
        if told:
            yield _silent(mesh, pod, allows, told)


def _silent(
    mesh: Mesh, pod: Pod, allows: list[AuthorizationPolicy], told: list[tuple[AccessLogEntry, Request, Pod | None]]
) -> Draft:
    entry, request, _ = told[-1]
    nearest = min(allows, key=lambda p: (not wanted(p), not p.spec.rules, -(p.changed or mesh.now).timestamp()))
    field = refusals(nearest, request)[0][1]
    callers = {workload_name(mesh, c) for _, _, c in told if c}
    who = ", ".join(sorted(callers)) or entry.downstream_remote or "a caller"
    says = f"{who} is refused at {workload_name(mesh, pod)}: no ALLOW policy matches; nearest is {nearest.name}: {field}"
    evidence = [
        Evidence(
            f"{len(told)} requests refused",
            f"access log of {pod.name}",
            f"{entry.code} {entry.details} {entry.path}",
            log_command(pod),
        ),
        quote(nearest, f"spec.rules: {field}", says=f"{nearest.subject} does not match"),
    ]
    also: list[KubernetesObject | Subject] = [mesh.owner(pod), *services_of(mesh, pod), *(mesh.owner(c) for _, _, c in told if c)]
    harm = _rate(mesh, pod, [e for e, _, _ in told], callers)
    return fail(nearest, says, at="spec.rules", why=field, evidence=evidence, harm=harm, also=also)


@probe("AZ-002", needs=(AuthorizationPolicy, Pod, Envoy, Service))
def denied_by_policy(mesh: Mesh) -> Iterator[Draft]:
    """A DENY rule refuses requests: the access log names the policy and the rule."""
    for pod in injected_pods(mesh):
        rules: dict[tuple[str, str, str], list[AccessLogEntry]] = {}
        for entry in denials(mesh, pod, "rbac_access_denied_matched_policy[ns["):
            match = EXPLICIT.search(entry.details) or EXPLICIT.search(entry.connection_details)
            if match:
                rules.setdefault((match["ns"], match["policy"], match["rule"]), []).append(entry)
        for (namespace, name, rule), entries in rules.items():
            policy = mesh[AuthorizationPolicy].get(namespace, name)
            if policy is None or policy.spec.action != "DENY" or not _since(entries, policy.changed):
                continue
            found = _since(entries, policy.changed)
            callers = {workload_name(mesh, c) for e in found if (c := asked(mesh, e)[1])}
            says = f"rule {rule} of {policy.name} denies {', '.join(sorted(callers)) or 'callers'} at {workload_name(mesh, pod)}"
            words = f"{found[-1].code} {found[-1].details} {found[-1].path}"
            evidence = [
                Evidence(f"{len(found)} requests denied", f"access log of {pod.name}", words, log_command(pod)),
                quote(policy, f"spec.rules[{rule}]"),
            ]
            harm = _rate(mesh, pod, found, callers)
            also: list[KubernetesObject | Subject] = [mesh.owner(pod), *services_of(mesh, pod)]
            yield fail(policy, says, at=f"spec.rules[{rule}]", evidence=evidence, harm=harm, also=also)


@probe("AZ-007", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Pod, Service, Envoy, Deployment, Namespace))
def allows_nothing(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy that allows nothing covers workloads for which no other policy allows anything, and they are called."""
    if policy.spec.action != "ALLOW" or policy.spec.rules or policy.is_dry_run or policy.spec.targets:
        return
    closed: dict[Subject, Pod] = {}
    refused: list[tuple[Pod, list[AccessLogEntry]]] = []
    for pod in injected_pods(mesh):
        covering = policies_for(mesh, pod)
        if policy not in covering or any(p is not policy and p.spec.action == "ALLOW" and p.spec.rules for p in covering):
            continue
        entries = _since(denials(mesh, pod, SILENCE), policy.changed)
        if entries:
            refused.append((pod, entries))
        if entries or services_of(mesh, pod):
            closed.setdefault(mesh.owner(pod), pod)
    if not closed:
        return
    says = f"allows nothing, and {len(closed)} workloads that are called have no other ALLOW policy"
    evidence = [quote(policy, "spec", "action ALLOW without rules", f"{policy.subject} allows nothing")]
    harm = None
    if refused:
        pod, entries = refused[0]
        words = f"{entries[-1].code} {entries[-1].details}"
        evidence.append(Evidence("requests are refused", f"access log of {pod.name}", words, log_command(pod)))
        callers = {workload_name(mesh, c) for _, es in refused for e in es if (c := asked(mesh, e)[1])}
        harm = _rate(mesh, pod, [e for _, es in refused for e in es], callers)
    also: list[KubernetesObject | Subject] = [*closed, *(s for p in closed.values() for s in services_of(mesh, p))]
    yield fail(policy, says, at="spec", evidence=evidence, harm=harm, also=also, confidence=PROOF if refused else STRONG)
