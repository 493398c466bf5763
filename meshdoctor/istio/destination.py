"""From a destination to the pods that may answer: DestinationRule, subset, what it sets, endpoints, mutual TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.istio.hosts import Registered
from meshdoctor.istio.matching import Call
from meshdoctor.istio.mtls import server_mode, speaks_mtls
from meshdoctor.istio.mtls_wide import tls_mode
from meshdoctor.istio.mutual.client_rules import client_tls
from meshdoctor.istio.routing import destination_rules, owners_of, rules_of
from meshdoctor.istio.steps import Lost, Step
from meshdoctor.istio.visibility import sees
from meshdoctor.istio.workloads import pods_of
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Destination, DestinationRule, PortTrafficPolicy, Subset, TrafficPolicy
from meshdoctor.model.workloads import Pod

Policy = TrafficPolicy | PortTrafficPolicy
PARTS = {"load_balancer": "loadBalancer", "connection_pool": "connectionPool", "outlier_detection": "outlierDetection"}


def destination_steps(mesh: Mesh, call: Call, target: Destination, found: list[Registered], *, weight: str) -> Iterator[Step]:
    """What is decided between a chosen destination and its pods."""
    port = target.port.number if target.port and target.port.number else call.port
    known = {p for r in found for p in r.ports}
    if not target.port and port not in known and len(known) == 1:
        (port,) = known  # the only port of a Service need not be named
    if known and port not in known:
        says = f"{target.host} has no port {port} (it has {', '.join(map(str, sorted(known)))}): 503 NC"
        yield Step("cluster", says, subject=found[0].origin.subject, path="spec.ports", is_end=True)
        return
    name = f"outbound|{port}|{target.subset}|{target.host}"
    for step in _cluster(mesh, call, target, found, port, weight):
        yield msgspec.structs.replace(step, cluster=name)


def _cluster(mesh: Mesh, call: Call, target: Destination, found: list[Registered], port: int, weight: str) -> Iterator[Step]:
    """What is decided of one cluster of Envoy."""
    share = weight.partition(" ")[0]
    part = "" if share in ("", "100") else f", {weight}"
    yield Step("cluster", f"outbound|{port}|{target.subset}|{target.host}{part}", decides=share or "100")
    rules = destination_rules(mesh, target.host, call.namespace, owners_of(tuple(found)))
    lost = tuple(
        Lost(r.subject, _why_not(mesh, call, r), "spec.host") for r in rules_of(mesh).covering(target.host) if r not in rules
    )
    subset = next(((r, s, i) for r in rules for i, s in enumerate(r.spec.subsets) if s.name == target.subset), None)
    if rules:
        first = rules[0].subject
        told = str(first) if len(rules) == 1 else ""  # of several that are merged, Envoy names one
        yield Step("destination rule", f"{first} decides", first, "spec.host", lost=lost, decides=told)
    else:
        yield Step("destination rule", "there is none: the defaults of the mesh", lost=lost, decides="none")
    if target.subset and subset is None:
        says = f"subset {target.subset!r} is not defined there: 503 NC"
        yield Step("subset", says, subject=rules[0].subject if rules else None, is_end=True)
        return
    chosen = subset[1] if subset else None
    if subset:
        labels = ", ".join(f"{k}={v}" for k, v in subset[1].labels.items())
        yield Step("subset", f"{target.subset}: pods with {labels}", subject=subset[0].subject, path=f"spec.subsets[{subset[2]}]")
    for rule in rules:
        for at, policy in policies_at(rule, chosen, port):
            yield from (Step("policy", says, subject=rule.subject, path=f"{at}.{part}") for says, part in _sets(policy))
    yield from _pods(mesh, rules, chosen, found, port)


def _why_not(mesh: Mesh, call: Call, rule: DestinationRule) -> str:
    if not sees(mesh, call.namespace, rule):
        return f"it is not exported to {call.namespace}"
    return "a rule nearer to the client, or with a more specific host, comes first"


def policies_at(rule: DestinationRule, subset: Subset | None, port: int) -> Iterator[tuple[str, Policy]]:
    """The policies that hold, the most specific first: what one sets hides the same part of the next."""
    named = []
    if subset is not None and subset.traffic_policy is not None:
        index = rule.spec.subsets.index(subset)
        named.append((f"spec.subsets[{index}].trafficPolicy", subset.traffic_policy))
    if rule.spec.traffic_policy is not None:
        named.append(("spec.trafficPolicy", rule.spec.traffic_policy))
    for at, policy in named:
        for number, each in enumerate(policy.port_level_settings):
            if each.port and each.port.number == port:
                yield f"{at}.portLevelSettings[{number}]", each
                return  # settings of a port replace all others
    yield from named


def _sets(policy: Policy) -> Iterator[tuple[str, str]]:
    if policy.tls:
        yield f"client TLS mode {policy.tls.mode or 'unset'}", "tls"
    for name, field in PARTS.items():
        value: Any = getattr(policy, name)
        if value:
            yield f"{field} is set", field


def _pods(
    mesh: Mesh, rules: tuple[DestinationRule, ...], subset: Subset | None, found: list[Registered], port: int
) -> Iterator[Step]:
    for each in found:
        service = each.origin
        if not isinstance(service, Service):
            hosts = ", ".join(service.spec.hosts)
            yield Step(
                "endpoints", f"{service.spec.resolution or 'NONE'} resolution of {hosts}", service.subject, "spec.resolution"
            )
            continue
        if not service.spec.selector:
            continue
        wanted = subset.labels if subset else {}
        pods = [p for p in pods_of(mesh, service) if wanted.items() <= p.labels.items()]
        ready = sum(p.is_ready for p in pods)
        flag = "" if ready else ": 503 UH"
        says = f"{ready} of {len(pods)} pods are ready{flag}"
        ips = " ".join(sorted(p.status.pod_ip for p in pods if p.is_ready))
        yield Step("endpoints", says, service.subject, "spec.selector", is_end=not ready, decides=ips)
        if pods:
            step = _security(mesh, rules, subset, service, pods[0], port)
            alike = len({speaks_mtls(p) for p in pods}) == 1
            yield step if alike else msgspec.structs.replace(step, decides="")


def _security(mesh: Mesh, rules: tuple[DestinationRule, ...], subset: Subset | None, service: Service, pod: Pod, port: int) -> Step:
    """What the client sends against what the server takes."""
    target = next((p.target for p in service.spec.ports if p.port == port), port)
    decision = server_mode(mesh, pod, target if isinstance(target, int) else None)
    settings = client_tls(rules, subset.name if subset else "", port).tls
    automatic = mesh.mesh_config.enable_auto_mtls is not False
    offered = automatic and speaks_mtls(pod) and decision.mode != "DISABLE"
    sends = tls_mode(settings) if settings else "ISTIO_MUTUAL (auto mTLS)" if offered else "plain text"
    policy = decision.policy
    who = str(policy.subject) if policy else "the default"
    plain = sends in ("plain text", "DISABLE", "SIMPLE")
    broken = plain and decision.mode == "STRICT"
    end = ": refused, 503 UC" if broken else ""
    says = f"the client sends {sends}, the server takes {decision.mode} ({who}){end}"
    spoken = "plain text" if sends in ("plain text", "DISABLE") else "TLS" if sends == "SIMPLE" else "mTLS"
    return Step("mutual TLS", says, policy.subject if policy else None, "spec.mtls" if policy else "", broken, decides=spoken)
