"""Objects hidden by `exportTo` from a namespace that uses them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import MESH, gateway_names, gateway_of, gateway_pods_of
from meshdoctor.istio.hosts import resolve, service_host
from meshdoctor.istio.routing import client_namespaces, owners_of, roots, routes_to, rule_host, subsets
from meshdoctor.istio.visibility import Exported, export_path, exports, is_limited, sees
from meshdoctor.istio.workloads import injected_pods, pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import PROOF, STRONG, Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote


class Use(msgspec.Struct, frozen=True):
    """Proof that a namespace uses an object that it cannot see."""

    namespace: str
    evidence: tuple[Evidence, ...]
    by: tuple[KubernetesObject | Subject, ...]
    confidence: float = PROOF
    lines: tuple[log.Line, ...] = ()


@probe(
    "RT-010",
    needs=(Service, ServiceEntry, VirtualService, DestinationRule, Gateway, AuthorizationPolicy, Pod, Envoy),
)
def hidden_by_export_to(mesh: Mesh) -> Iterator[Draft]:
    """A Service, ServiceEntry, VirtualService or DestinationRule is not exported to a namespace that uses it."""
    for service in mesh[Service]:
        if is_limited(mesh, service):
            host = service_host(service, mesh.cluster.domain)
            yield from _hidden(mesh, service, (*_routes(mesh, host), *_calls(mesh, service), *_allowed(mesh, service)))
    for entry in mesh[ServiceEntry]:
        if is_limited(mesh, entry):
            yield from _hidden(mesh, entry, tuple(u for h in entry.spec.hosts for u in _routes(mesh, h.lower())))
    for rule in mesh[DestinationRule]:
        if is_limited(mesh, rule):
            yield from _hidden(mesh, rule, (*_subset_users(mesh, rule), *_no_caller_sees(mesh, rule)))
    for virtual_service in mesh[VirtualService]:
        if is_limited(mesh, virtual_service):
            uses = (*_at_gateways(mesh, virtual_service), *_delegated(mesh, virtual_service))
            yield from _hidden(mesh, virtual_service, (*uses, *_no_caller_sees(mesh, virtual_service)))


def _hidden(mesh: Mesh, thing: Exported, uses: tuple[Use, ...]) -> Iterator[Draft]:
    """One finding for the hiding object, with every use that was proved."""
    if not uses:
        return
    who = ", ".join(dict.fromkeys(u.namespace for u in uses))
    seen = ", ".join(exports(mesh, thing))
    lines = tuple(line for u in uses for line in u.lines)
    failed = log.chosen(lines, lambda x: x.entry.code >= 500 or bool(x.flags))
    shown = tuple(e for u in sorted(uses, key=lambda u: not u.lines)[:2] for e in u.evidence[:1])
    yield fail(
        thing,
        f"it is exported to {seen} only, but {who} uses it",
        at=export_path(thing),
        evidence=(quote(thing, export_path(thing), seen), *shown),
        confidence=max(u.confidence for u in uses),
        harm=log.harm(mesh, failed),
        also=tuple(b for u in uses for b in u.by),
    )


def _routes(mesh: Mesh, host: str) -> Iterator[Use]:
    """Routes to the host, followed in a namespace that sees nothing of that name."""
    for route in routes_to(mesh, host):
        found = resolve(mesh, route.host, route.virtual_service.namespace)
        for client in client_namespaces(mesh, route):
            if not any(sees(mesh, client, r.origin) for r in found):
                at = f"{route.path}.host"
                yield Use(client, (quote(route.virtual_service, at, route.host),), (route.virtual_service,))


def _calls(mesh: Mesh, service: Service) -> Iterator[Use]:
    """Requests in the access logs of a namespace that does not see the Service."""
    lines = {id(x): x for x in log.lines_to(mesh, service_host(service, mesh.cluster.domain), service.changed)}
    if service.spec.cluster_ip not in ("", "None"):
        to_address = (x for x in log.newer(log.lines(mesh), service.changed) if x.entry.upstream_cluster in log.NO_CLUSTER)
        lines |= {id(x): x for x in to_address if x.entry.downstream_local.startswith(f"{service.spec.cluster_ip}:")}
    blind = [x for x in lines.values() if not sees(mesh, x.pod.namespace, service)]
    for namespace in dict.fromkeys(x.pod.namespace for x in blind):
        own = tuple(x for x in blind if x.pod.namespace == namespace)
        yield Use(namespace, log.shown(mesh, own), log.clients(mesh, own), lines=own)


def _allowed(mesh: Mesh, service: Service) -> Iterator[Use]:
    """Callers that the policies of its pods let in by name, from a namespace that sees no Service of these pods."""
    pods = pods_of(mesh, service)
    twins = [s for s in mesh[Service].within(service.namespace) if set(pods_of(mesh, s)) & set(pods)]
    for namespace, policy in _named_callers(mesh, pods):
        if namespace != service.namespace and not any(sees(mesh, namespace, s) for s in twins):
            says = f"{policy.subject} lets callers of {namespace} in"
            yield Use(namespace, (quote(policy, "spec.rules", says=says),), (policy,), STRONG)


def _named_callers(mesh: Mesh, pods: tuple[Pod, ...]) -> Iterator[tuple[str, AuthorizationPolicy]]:
    """The namespaces with running callers that ALLOW policies of these pods name."""
    accounts = _accounts(mesh) if pods else set()
    namespaces = {ns for ns, _ in accounts}
    for policy in mesh[AuthorizationPolicy].within(pods[0].namespace) if pods else ():
        wanted = policy.spec.selector.wanted if policy.spec.selector else {}
        if policy.spec.action != "ALLOW" or not wanted or not any(wanted.items() <= p.labels.items() for p in pods):
            continue
        for source in (f.source for r in policy.spec.rules for f in r.from_):
            for principal in source.principals:
                parts = principal.split("/")
                if len(parts) == 5 and (parts[2], parts[4]) in accounts:
                    yield parts[2], policy
            for namespace in source.namespaces:
                if namespace in namespaces:
                    yield namespace, policy


def _accounts(mesh: Mesh) -> set[tuple[str, str]]:
    """The identities that run with a proxy."""
    known: set[tuple[str, str]] | None = mesh.memo.get("accounts of proxies")
    if known is None:
        known = mesh.memo["accounts of proxies"] = {(p.namespace, p.service_account) for p in injected_pods(mesh)}
    return known


def _subset_users(mesh: Mesh, rule: DestinationRule) -> Iterator[Use]:
    """Routes to a subset that only this rule would define for their clients."""
    for route in routes_to(mesh, rule_host(rule, mesh.cluster.domain)):
        if not any(s.name == route.subset for s in rule.spec.subsets):
            continue
        owners = owners_of(resolve(mesh, route.host, route.virtual_service.namespace))
        for client in client_namespaces(mesh, route):
            on_path = rule.namespace in (client, *owners, mesh.mesh_config.root_namespace)
            if on_path and not sees(mesh, client, rule) and route.subset not in subsets(mesh, route.host, client, owners):
                at = f"{route.path}.subset"
                yield Use(client, (quote(route.virtual_service, at, route.subset),), (route.virtual_service,))


def _at_gateways(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Use]:
    """Gateways it names whose pods run where it is not visible."""
    for name in gateway_names(virtual_service) if virtual_service.spec.hosts else ():
        gateway = gateway_of(mesh, name) if name != MESH else None
        pods = gateway_pods_of(mesh, gateway) if gateway else ()
        where = {p.namespace for p in pods}
        if gateway and where and not any(sees(mesh, ns, virtual_service) for ns in where):
            says = f"{gateway.subject}, which it names, runs in {', '.join(sorted(where))}"
            yield Use(sorted(where)[0], (quote(gateway, "spec.selector", gateway.spec.selector, says),), (gateway,))


def _delegated(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Use]:
    """VirtualServices that delegate to it from where it is not visible."""
    for root in roots(mesh, virtual_service):
        if not sees(mesh, root.namespace, virtual_service):
            yield Use(root.namespace, (quote(root, "spec.http", says=f"{root.subject} delegates to it"),), (root,))


def _no_caller_sees(mesh: Mesh, thing: VirtualService | DestinationRule) -> Iterator[Use]:
    """A rule beside its Service whose every caller, as policies name them or as they call, is where the rule is not visible."""
    if isinstance(thing, VirtualService):
        hosts = thing.spec.hosts if gateway_names(thing) == (MESH,) else ()
    else:
        hosts = (rule_host(thing, mesh.cluster.domain),)
    origins = [r.origin for h in hosts if "*" not in h for r in resolve(mesh, h, thing.namespace)]
    for service in (o for o in origins if isinstance(o, Service) and o.namespace == thing.namespace):
        callers = list(_named_callers(mesh, pods_of(mesh, service)))
        lines = log.lines_to(mesh, service_host(service, mesh.cluster.domain), thing.changed)
        if any(sees(mesh, ns, thing) for ns in (*(ns for ns, _ in callers), *(x.pod.namespace for x in lines))):
            continue
        if lines:
            yield Use(lines[0].pod.namespace, log.shown(mesh, lines), (service, *log.clients(mesh, lines)), STRONG, lines)
        elif callers:
            namespace, policy = callers[0]
            says = f"{policy.subject} lets in callers of {namespace} only, which do not see {thing.subject}"
            yield Use(namespace, (quote(policy, "spec.rules", says=says),), (service, policy), STRONG)
