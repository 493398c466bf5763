"""Routes that lead nowhere: hosts, subsets and rules of VirtualServices and DestinationRules."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.gateways import MESH, gateway_names
from meshdoctor.istio.hosts import fqdn, registry, resolve
from meshdoctor.istio.routing import (
    Route,
    client_namespaces,
    destination_rules,
    destinations,
    owners_of,
    routes_to,
    rule_host,
    services_for,
    subsets,
)
from meshdoctor.istio.visibility import exports, meet, sees
from meshdoctor.istio.workloads import pods_of
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Secret, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import HINT, Severity
from meshdoctor.model.kinds import WORKLOADS
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import (
    DestinationRule,
    Gateway,
    HTTPFaultInjection,
    HTTPRoute,
    L4Route,
    ServiceEntry,
    Subset,
    VirtualService,
    WorkloadEntry,
)
from meshdoctor.model.workloads import Pod, Workload
from probes.registry import Draft, fail, probe, quote


@probe("RT-001", over=VirtualService, needs=(VirtualService, Service, ServiceEntry, Secret, Pod, Envoy))
def route_to_missing_host(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route names a host that no Service and no ServiceEntry has: Envoy answers 503 NC.

    Short names resolve in the VirtualService's own namespace.
    """
    for route in destinations(virtual_service):
        if not route.host or _is_elsewhere(route.host) or resolve(mesh, route.host, virtual_service.namespace):
            continue
        failed = log.flagged(log.lines_to(mesh, route.host, virtual_service.changed), "NC", "NR")
        yield fail(
            virtual_service,
            f"it routes to {route.host}, which is no Service and no ServiceEntry",
            at=f"{route.path}.host",
            why=_like(mesh, route.host),
            evidence=(
                quote(virtual_service, f"{route.path}.host", route.destination.host),
                *log.shown(mesh, failed),
            ),
            confidence=HINT if _other_clusters(mesh) else None,
            severity=_weight(route),
            harm=log.harm(mesh, failed),
            also=(*_heads(mesh, virtual_service), *log.clients(mesh, failed)),
        )


def _is_elsewhere(host: str) -> bool:
    """Hosts of a cluster set come from other clusters, which are not seen."""
    return host.endswith(".clusterset.local")


def _other_clusters(mesh: Mesh) -> bool:
    """Whether this istiod reads other clusters too: their Services are hosts as well."""
    if mesh.state(Secret) not in USABLE:
        return False
    return any(s.labels.get("istio/multiCluster") == "true" for s in mesh[Secret])


def _like(mesh: Mesh, host: str) -> str:
    near = difflib.get_close_matches(host, registry(mesh), n=1, cutoff=0.75)
    return f"there is {near[0]}" if near else ""


def _weight(route: Route) -> Severity | None:
    """How bad a broken destination is: it takes no traffic, or only copies of it."""
    if route.is_idle:
        return "low"
    return "medium" if route.is_mirror else None


def _heads(mesh: Mesh, virtual_service: VirtualService) -> tuple[Service, ...]:
    """The Services whose requests a VirtualService takes."""
    found = (s for h in virtual_service.spec.hosts for s in services_for(mesh, h, virtual_service.namespace))
    return tuple({s.subject: s for s in found}.values()) if "*" not in virtual_service.spec.hosts else ()


@probe(
    "RT-002",
    over=VirtualService,
    needs=(VirtualService, DestinationRule, Service, ServiceEntry, Gateway, Pod, Envoy),
)
def subset_not_defined(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route names a subset that no DestinationRule of its clients' lookup path defines: Envoy answers 503 NC.

    The path is the client's namespace, the service's, the root namespace: the first that has a rule, wins.
    """
    for route in destinations(virtual_service):
        found = resolve(mesh, route.host, virtual_service.namespace) if route.subset else ()
        owners = owners_of(found)
        blind = [
            client
            for client in (client_namespaces(mesh, route) if found else ())
            if route.subset not in subsets(mesh, route.host, client, owners)
            and not _is_hidden(mesh, route, (client, *owners), client)
        ]
        if not blind:
            continue
        rules = [r for r in mesh[DestinationRule] if rule_host(r) == route.host]
        failed = _of_subset(log.lines_to(mesh, route.host, virtual_service.changed), route.subset, "NC", "NR")
        yield fail(
            virtual_service,
            f"subset {route.subset!r} of {route.host} is not defined for clients in {', '.join(blind)}",
            at=f"{route.path}.subset",
            why=_strays(rules, route.subset),
            evidence=(
                quote(virtual_service, f"{route.path}.subset", route.subset),
                *(quote(r, "spec.subsets", [s.name for s in r.spec.subsets]) for r in rules[:2]),
                *log.shown(mesh, failed),
            ),
            severity=_weight(route),
            harm=log.harm(mesh, failed),
            also=(*(r.origin for r in found), *rules, *log.clients(mesh, failed)),
        )


def _is_hidden(mesh: Mesh, route: Route, namespaces: tuple[str, ...], client: str) -> bool:
    """Whether a rule on the path defines the subset but is hidden from the client: RT-010 says so."""
    return any(
        rule_host(r) == route.host and not sees(mesh, client, r) and any(s.name == route.subset for s in r.spec.subsets)
        for ns in namespaces
        for r in mesh[DestinationRule].within(ns)
    )


def _strays(rules: list[DestinationRule], subset: str) -> str:
    """Rules that define the subset where its clients do not look."""
    found = [r for r in rules if any(s.name == subset for s in r.spec.subsets)]
    return f"{found[0].subject} defines it, but these clients do not use that rule" if found else ""


def _of_subset(found: tuple[log.Line, ...], subset: str, *flags: str) -> tuple[log.Line, ...]:
    return log.chosen(log.flagged(found, *flags), lambda x: x.upstream.subset in ("", subset))


@probe(
    "RT-003",
    over=DestinationRule,
    needs=(DestinationRule, Service, ServiceEntry, Pod, WorkloadEntry, VirtualService, Gateway, *WORKLOADS, Envoy),
)
def subset_selects_no_pods(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """The labels of a subset, with the selector of its Service, match no ready pod: Envoy answers 503 UH."""
    if "*" in rule.spec.host:
        return
    for service in services_for(mesh, rule.spec.host, rule.namespace):
        for i, subset in enumerate(rule.spec.subsets):
            if service.spec.selector and subset.labels and not _has_ready(mesh, service, subset):
                yield _empty(mesh, rule, service, subset, f"spec.subsets[{i}].labels")


def _has_ready(mesh: Mesh, service: Service, subset: Subset) -> bool:
    if any(p.is_ready for p in pods_of(mesh, service) if subset.labels.items() <= p.labels.items()):
        return True
    wanted = {**service.spec.selector, **subset.labels}
    return any(wanted.items() <= e.spec.labels.items() for e in mesh[WorkloadEntry].within(service.namespace))


def _empty(mesh: Mesh, rule: DestinationRule, service: Service, subset: Subset, at: str) -> Draft:
    host = rule_host(rule)
    pods = [p for p in pods_of(mesh, service) if subset.labels.items() <= p.labels.items()]
    makers = _makers(mesh, service, subset)
    users = [
        r for r in routes_to(mesh, host) if r.subset == subset.name and not r.is_idle and _uses(mesh, r, rule, service.namespace)
    ]
    # where pods are there or wanted, the workload is at fault rather than the labels
    expected = bool(pods) or any(m.desired > 0 for m in makers)
    failed = _of_subset(log.lines_to(mesh, host, rule.changed), subset.name, "UH")
    labels = ",".join(f"{k}={v}" for k, v in {**service.spec.selector, **subset.labels}.items())
    what = f"none of its {len(pods)} pods is ready" if pods else f"no pod of {service.namespace} has {labels}"
    others: tuple[KubernetesObject, ...] = (
        service,
        *makers,
        *{r.virtual_service.subject: r.virtual_service for r in users}.values(),
    )
    return fail(
        rule,
        f"subset {subset.name!r} of {host} is empty: {what}",
        at=at,
        evidence=(
            quote(rule, at, dict(subset.labels)),
            *(quote(r.virtual_service, f"{r.path}.subset", r.subset) for r in users[:1]),
            *log.shown(mesh, failed),
        ),
        confidence=HINT if expected else None,
        severity=None if any(not r.is_mirror for r in users) else "low" if users else "info",
        harm=log.harm(mesh, failed),
        also=(*others, *(mesh.owner(p) for p in pods), *log.clients(mesh, failed)),
    )


def _uses(mesh: Mesh, route: Route, rule: DestinationRule, owner: str) -> bool:
    """Whether the clients of a route get their subset from this rule."""
    clients = client_namespaces(mesh, route)
    return any(rule in destination_rules(mesh, route.host, c, (owner,)) for c in clients)


def _makers(mesh: Mesh, service: Service, subset: Subset) -> tuple[Workload, ...]:
    """The controllers whose pods would be in the subset."""
    wanted = {**service.spec.selector, **subset.labels}.items()
    every = (w for kind in WORKLOADS for w in mesh[kind].within(service.namespace))
    return tuple(w for w in every if wanted <= w.template.metadata.labels.items())


@probe("RT-004", needs=(VirtualService,))
def two_rules_for_a_host(mesh: Mesh) -> Iterator[Draft]:
    """Two VirtualServices define one host for sidecars that see both: these do not merge, the younger one is ignored."""
    for host, found in _by_host(mesh).items():
        ordered = sorted(found, key=_age)
        for i, younger in enumerate(ordered):
            older = next((o for o in ordered[:i] if _collide(mesh, o, younger)), None)
            if older is not None:
                yield fail(
                    younger,
                    f"{older.subject} already defines {host} for the mesh; sidecars keep one and ignore the other",
                    at="spec.hosts",
                    evidence=(
                        quote(younger, "spec.hosts", list(younger.spec.hosts)),
                        quote(older, "spec.hosts", list(older.spec.hosts)),
                    ),
                    also=(older,),
                    since=younger.created,
                )


def _by_host(mesh: Mesh) -> dict[str, list[VirtualService]]:
    """The VirtualServices whose rules sidecars follow, by full host."""
    hosts: dict[str, list[VirtualService]] = {}
    for each in mesh[VirtualService].everywhere():
        if MESH in gateway_names(each) and _kinds(each):
            for host in {fqdn(h, each.namespace).lower() for h in each.spec.hosts}:
                hosts.setdefault(host, []).append(each)
    return hosts


def _age(thing: KubernetesObject) -> tuple[float, str, str]:
    return thing.created.timestamp() if thing.created else 0.0, thing.namespace, thing.name


def _collide(mesh: Mesh, one: VirtualService, other: VirtualService) -> bool:
    """Both visible to some namespace, both with rules of one protocol, and neither a private override of a namespace."""
    private = one.namespace != other.namespace and any(exports(mesh, v) == (v.namespace,) for v in (one, other))
    return bool(_kinds(one) & _kinds(other)) and meet(mesh, one, other) and not private


def _kinds(virtual_service: VirtualService) -> set[str]:
    """The protocols for which sidecars find rules in it."""
    spec = virtual_service.spec
    named: dict[str, tuple[HTTPRoute | L4Route, ...]] = {"http": spec.http, "tls": spec.tls, "tcp": spec.tcp}
    return {kind for kind, rules in named.items() if any(_on_mesh(virtual_service, r) for r in rules)}


def _on_mesh(virtual_service: VirtualService, rule: HTTPRoute | L4Route) -> bool:
    return not rule.match or any(MESH in gateway_names(virtual_service, m.gateways or None) for m in rule.match)


@probe("RT-019", over=VirtualService, needs=(VirtualService, Service, ServiceEntry, Pod, Envoy))
def fault_injection_left_on(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route injects faults: a share of its requests is delayed or refused on purpose (flags FI, DI)."""
    for i, rule in enumerate(virtual_service.spec.http):
        effect = _effect(rule.fault) if rule.fault else ""
        if not effect:
            continue
        hosts = virtual_service.spec.hosts or tuple(r.destination.host for r in rule.route)
        names = {fqdn(h, virtual_service.namespace).lower() for h in (*hosts, *(r.destination.host for r in rule.route))}
        seen = tuple(x for h in names for x in log.lines_to(mesh, h, virtual_service.changed))
        hit = log.chosen(seen, lambda x: bool(x.flags & {"FI", "DI"}) or x.entry.details == "fault_filter_abort")
        hurt = log.chosen(hit, lambda x: "FI" in x.flags or x.entry.details == "fault_filter_abort")
        narrow = bool(rule.match) and all(m.headers or m.source_labels or m.query_params for m in rule.match)
        yield fail(
            virtual_service,
            f"its rule {i} {effect}",
            at=f"spec.http[{i}].fault",
            evidence=(quote(virtual_service, f"spec.http[{i}].fault", effect), *log.shown(mesh, hit)),
            severity="medium" if narrow and not hurt else None,
            harm=log.harm(mesh, hurt),
            also=(*_heads(mesh, virtual_service), *log.clients(mesh, hit)),
        )


def _effect(fault: HTTPFaultInjection) -> str:
    """What a fault does, in words; empty where its share is zero."""
    parts = []
    if fault.abort:
        share = 100.0 if fault.abort.percentage is None else fault.abort.percentage.value
        if share > 0:
            parts.append(f"answers {share:g}% of requests with {fault.abort.http_status or fault.abort.grpc_status}")
    if fault.delay:
        share = fault.delay.percentage.value if fault.delay.percentage else float(fault.delay.percent or 100)
        if share > 0:
            parts.append(f"delays {share:g}% of requests by {fault.delay.fixed_delay}")
    return " and ".join(parts)
