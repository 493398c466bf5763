"""Authorization: who is refused, by which policy, and policies that do not do what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from meshdoctor.istio.authorization.decide import Nearest, Verdict, decide
from meshdoctor.istio.authorization.logged import SILENCE, Named, named, told
from meshdoctor.istio.authorization.rules import Miss
from meshdoctor.istio.authorization.scope import covered, policies_for
from meshdoctor.istio.rates import per_second
from meshdoctor.istio.workloads import asked_pods, services_of, workload_name
from meshdoctor.model import gatewayapi
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace, Service
from meshdoctor.model.envoy import AccessLogEntry, Envoy
from meshdoctor.model.findings import PROOF, STRONG, Evidence, Harm
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, ServiceEntry, Sidecar, WorkloadEntry
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication, RequestAuthentication
from meshdoctor.model.subject import Subject
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote

# What it takes to say who a caller is, and what becomes of its request
SHOWING = (PeerAuthentication, DestinationRule, Sidecar, ServiceEntry, WorkloadEntry)
DECIDING = (*SHOWING, RequestAuthentication, Namespace, gatewayapi.Gateway)


def log_command(pod: Pod) -> str:
    """How to see a proxy's access log by hand."""
    return f"kubectl -n {pod.namespace} logs {pod.name} -c istio-proxy --since=5m"


def denials(mesh: Mesh, pod: Pod, text: str) -> list[AccessLogEntry]:
    """Refused requests in a pod's access log of the last minute whose details hold this text."""
    envoy = mesh.envoy(pod)
    if envoy is None or not envoy.has("logs"):
        return []
    return [e for e in envoy.logs.access if text in e.details or text in e.connection_details]


def callers(mesh: Mesh, pod: Pod, entries: Iterable[AccessLogEntry]) -> dict[str, Pod]:
    """Who made these requests, by name, as far as their addresses are those of pods."""
    clients = (told(mesh, e, pod).client for e in entries)
    return {workload_name(mesh, c): c for c in clients if c is not None}


def _rate(mesh: Mesh, pod: Pod, entries: list[AccessLogEntry], who: Iterable[str]) -> Harm:
    envoy = mesh.envoy(pod)
    window = envoy.logs.window_s if envoy else 60.0
    return Harm(tuple(sorted(who)), per_second((e.time for e in entries), mesh.now, window))


def _since(entries: list[AccessLogEntry], changed: datetime | None) -> list[AccessLogEntry]:
    """The entries after a change: older ones belong to what was there before."""
    return [e for e in entries if e.time is None or changed is None or e.time > changed]


@probe("AZ-001", needs=(AuthorizationPolicy, Pod, Envoy, Service, Deployment, *DECIDING))
def no_allow_matches(mesh: Mesh) -> Iterator[Draft]:
    """Callers get 403: an ALLOW policy covers the workload, and none matches them."""
    for pod, _ in asked_pods(mesh):
        entries = denials(mesh, pod, SILENCE)
        if not entries:
            continue
        changed = max((p.changed for p in policies_for(mesh, pod) if p.spec.action == "ALLOW" and p.changed), default=None)
        refused: dict[Subject, list[tuple[AccessLogEntry, Nearest]]] = {}
        for entry in _since(entries, changed):
            near = silent(mesh, pod, entry)
            if near is not None:
                refused.setdefault(near.policy.subject, []).append((entry, near))
        if refused:
            yield _silent(mesh, pod, max(refused.values(), key=len))


def silent(mesh: Mesh, pod: Pod, entry: AccessLogEntry) -> Nearest | None:
    """The ALLOW rule nearest to a refused request, where it would still be refused since none matches.

    Envoy saw all of the request: where a line does not tell what a rule asks for, that is what it lacked.
    """
    what = told(mesh, entry, pod)
    decision = decide(mesh, pod, what.request, what.service)
    policy = decision.policy
    if decision.verdict is not Verdict.DEPENDS or not isinstance(policy, AuthorizationPolicy) or policy.spec.action != "ALLOW":
        return decision.nearest
    lacks = f"the request has not what it asks for ({', '.join(decision.depends)})"
    return Nearest(policy, decision.rule or 0, (Miss(decision.path, lacks),))


def _silent(mesh: Mesh, pod: Pod, refused: list[tuple[AccessLogEntry, Nearest]]) -> Draft:
    entry, near = refused[-1]
    entries = [e for e, _ in refused]
    field = near.misses[0].says if near.misses else "it has no rules"
    who = callers(mesh, pod, entries)
    names = ", ".join(sorted(who)) or entry.downstream_remote or "a caller"
    policy = near.policy
    says = f"{names} is refused at {workload_name(mesh, pod)}: no ALLOW policy matches; nearest is {policy.name}: {field}"
    words = f"{entry.code} {entry.details or entry.connection_details} {entry.path}"
    evidence = [
        Evidence(f"{counted(len(refused), 'request')} refused", f"access log of {pod.name}", words, log_command(pod)),
        quote(policy, near.misses[0].path if near.misses else "spec", field, says=f"{policy.subject} does not match"),
    ]
    also: list[KubernetesObject | Subject] = [mesh.owner(pod), *services_of(mesh, pod), *(mesh.owner(c) for c in who.values())]
    at = f"spec.rules[{near.rule}]" if entry.code and near.rule >= 0 else "spec.rules"  # of connections none can match
    return fail(policy, says, at=at, why=field, evidence=evidence, harm=_rate(mesh, pod, entries, who), also=also)


@probe("AZ-002", needs=(AuthorizationPolicy, Pod, Envoy, Service, *SHOWING))
def denied_by_policy(mesh: Mesh) -> Iterator[Draft]:
    """A DENY rule refuses requests: the access log names the policy and the rule."""
    for pod, _ in asked_pods(mesh):
        rules: dict[Named, list[AccessLogEntry]] = {}
        for entry in denials(mesh, pod, "rbac_access_denied_matched_policy[ns["):
            rule = named(f"{entry.details} {entry.connection_details}")
            if rule is not None:
                rules.setdefault(rule, []).append(entry)
        for rule, entries in rules.items():
            policy = rule.object(mesh)
            if policy is None or policy.spec.action != "DENY" or not _since(entries, policy.changed):
                continue
            found = _since(entries, policy.changed)
            who = callers(mesh, pod, found)
            says = f"rule {rule.rule} of {policy.name} denies {', '.join(sorted(who)) or 'callers'} at {workload_name(mesh, pod)}"
            words = f"{found[-1].code} {found[-1].details} {found[-1].path}"
            evidence = [
                Evidence(f"{counted(len(found), 'request')} denied", f"access log of {pod.name}", words, log_command(pod)),
                quote(policy, f"spec.rules[{rule.rule}]"),
            ]
            harm = _rate(mesh, pod, found, who)
            also: list[KubernetesObject | Subject] = [mesh.owner(pod), *services_of(mesh, pod)]
            yield fail(policy, says, at=f"spec.rules[{rule.rule}]", evidence=evidence, harm=harm, also=also)


@probe("AZ-007", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Pod, Service, Envoy, Deployment, Namespace, *SHOWING))
def allows_nothing(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy that allows nothing covers workloads for which no other policy allows anything, and they are called."""
    if policy.spec.action != "ALLOW" or policy.spec.rules or policy.is_dry_run or policy.spec.targets:
        return
    closed: dict[Subject, Pod] = {}
    refused: list[tuple[Pod, list[AccessLogEntry]]] = []
    for pod in covered(mesh, policy):
        if any(p is not policy and p.spec.action == "ALLOW" and p.spec.rules for p in policies_for(mesh, pod)):
            continue
        entries = _since(denials(mesh, pod, SILENCE), policy.changed)
        if entries:
            refused.append((pod, entries))
        if entries or services_of(mesh, pod):
            closed.setdefault(mesh.owner(pod), pod)
    if not closed:
        return
    says = f"allows nothing, and is the only ALLOW policy of {counted(len(closed), 'workload')} with callers"
    evidence = [quote(policy, "spec", "action ALLOW without rules", f"{policy.subject} allows nothing")]
    harm = None
    if refused:
        pod, entries = refused[0]
        words = f"{entries[-1].code} {entries[-1].details}"
        evidence.append(Evidence("requests are refused", f"access log of {pod.name}", words, log_command(pod)))
        who = {name for p, es in refused for name in callers(mesh, p, es)}
        harm = _rate(mesh, pod, [e for _, es in refused for e in es], who)
    also: list[KubernetesObject | Subject] = [*closed, *(s for p in closed.values() for s in services_of(mesh, p))]
    yield fail(policy, says, at="spec", evidence=evidence, harm=harm, also=also, confidence=PROOF if refused else STRONG)
