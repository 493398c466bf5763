"""AuthorizationPolicies and the protocol of the ports they are for: what HTTP has, a connection of TCP lacks."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.authorization.decide import SILENCE, decide
from meshdoctor.istio.authorization.logged import target_port
from meshdoctor.istio.authorization.request import Request
from meshdoctor.istio.authorization.rules import BuiltRule, built
from meshdoctor.istio.authorization.scope import covered
from meshdoctor.istio.protocols import HTTP, declared
from meshdoctor.istio.workloads import by_owner, is_gateway, services_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service, ServicePort
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.authorization import DECIDING
from probes.registry import Draft, fail, probe, quote


@probe("AZ-006", over=AuthorizationPolicy, needs=(AuthorizationPolicy, Service, Pod, *DECIDING))
def http_fields_on_tcp(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A policy asks for what only HTTP has, on a port that is TCP: there ALLOW never matches, and DENY matches more."""
    action = policy.spec.action or "ALLOW"
    rules = [] if policy.is_dry_run or action not in ("ALLOW", "DENY") else _asking_http(policy)
    found: list[tuple[Pod, Service, ServicePort, str, str]] = []
    sidecars = (p for p in covered(mesh, policy) if not is_gateway(p)) if rules else ()
    for pod in (pods[0] for pods in by_owner(mesh, sidecars).values()):
        for service, port in _tcp_ports(mesh, pod):
            number = target_port(pod, port.target)
            for rule, at in rules:
                says = _harm(mesh, pod, policy, rule, number)
                if says:
                    found.append((pod, service, port, at, says))
                    break
    for _, service, port, at, says in found[:1]:
        protocol = f"port {port.port} ({port.name or 'unnamed'}) of {service.namespace}/{service.name} is TCP"
        more = f"; {len(found) - 1} other ports too" if len(found) > 1 else ""
        also: list[KubernetesObject | Subject] = [service, *dict.fromkeys(mesh.owner(p) for p, *_ in found)]
        evidence = [
            quote(policy, at),
            quote(service, "spec.ports", f"{port.name or '-'} {port.port} appProtocol {port.app_protocol or '-'}"),
        ]
        yield fail(policy, f"{says}: {protocol}{more}", at=at, evidence=evidence, also=also)


def _asking_http(policy: AuthorizationPolicy) -> list[tuple[BuiltRule, str]]:
    """The rules that ask for what only HTTP has, and where."""
    found = []
    for rule in built(policy):
        tests = [t for half in (rule.operations, rule.sources) for alternative in half for t in alternative]
        at = next((t.path for t in tests if t.attribute.is_http), "")
        if at:
            found.append((rule, at))
    return found


def _tcp_ports(mesh: Mesh, pod: Pod) -> Iterator[tuple[Service, ServicePort]]:
    """The ports of a pod's Services that are declared to be something else than HTTP."""
    for service in services_of(mesh, pod):
        for port in service.spec.ports:
            name = declared(port)
            if name and name not in HTTP and name != "udp":
                yield service, port


def _harm(mesh: Mesh, pod: Pod, policy: AuthorizationPolicy, rule: BuiltRule, port: int) -> str:
    """What a rule does to connections on a TCP port; empty where it is not about that port, or something else lets them in."""
    connection = Request(port=port, is_http=False)
    on_http = rule.match(Request(port=port))
    if on_http.holds is False:
        return ""  # its ports leave this one out
    if (policy.spec.action or "ALLOW") == "DENY":
        on_tcp = built(policy, is_http=False)[rule.index].match(connection)
        return f"rule {rule.index} denies connections whatever HTTP field it names" if on_tcp.holds is not False else ""
    refused = decide(mesh, pod, connection).details == SILENCE
    return f"rule {rule.index} never matches, and no other lets a connection in" if refused else ""


@probe("AZ-008", over=AuthorizationPolicy, needs=(AuthorizationPolicy,))
def rules_split(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """One rule says only who, another only what: a stray dash makes OR of what was meant as AND."""
    who = [i for i, r in enumerate(policy.spec.rules) if r.from_ and not r.to and not r.when]
    what = [i for i, r in enumerate(policy.spec.rules) if not r.from_ and (r.to or r.when)]
    if who and what:
        says = f"rule {who[0]} says only who may, rule {what[0]} only what: either is enough, as two rules"
        evidence = [quote(policy, f"spec.rules[{who[0]}]", "from"), quote(policy, f"spec.rules[{what[0]}]", "to or when")]
        yield fail(policy, says, at=f"spec.rules[{what[0]}]", evidence=evidence)
