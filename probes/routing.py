"""Routes that lead nowhere: hosts, subsets and rules of VirtualServices and DestinationRules."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from meshdoctor.istio import accesslog_lookup as log
from meshdoctor.istio.hosts import Registered, fqdn, long_name, registered, registry, resolve
from meshdoctor.istio.imports import is_imported
from meshdoctor.istio.routing import (
    Route,
    client_namespaces,
    delegate_of,
    destinations,
    owners_of,
    rules_of,
    rules_within,
    services_for,
    subsets,
)
from meshdoctor.istio.visibility import meant, sees
from meshdoctor.model.cluster import Namespace, Secret, Service
from meshdoctor.model.envoy import Envoy
from meshdoctor.model.findings import HINT, Severity
from meshdoctor.model.mesh import USABLE, Mesh
from meshdoctor.model.networking import (
    DestinationRule,
    Gateway,
    HTTPFaultInjection,
    ServiceEntry,
    Sidecar,
    VirtualService,
)
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

ALIKE = 0.75  # from 0 to 1: from here on two names are taken for alike
GUESSES = 50  # how many lost hosts get a likely one beside them


@probe("RT-001", over=VirtualService, needs=(VirtualService, Service, ServiceEntry, Namespace, Secret, Pod, Envoy))
def route_to_missing_host(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route names a host that no Service and no ServiceEntry has: Envoy answers 503 NC. Or a delegate that is not there.

    Short names resolve in the VirtualService's own namespace.
    """
    yield from _lost_delegates(mesh, virtual_service)
    for route in destinations(virtual_service, mesh.cluster.domain):
        if not route.host:
            yield _without_host(virtual_service, route)
            continue
        if _is_elsewhere(route.host) or meant(mesh, route.host, virtual_service.namespace):
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
            codes=_unknown_host(mesh, route),
            lacking=(Service, ServiceEntry),
        )


def _lost_delegates(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """Rules that are left to a VirtualService that does not exist: istiod drops them."""
    for i, rule in enumerate(virtual_service.spec.http):
        if rule.delegate is not None and rule.delegate.name and delegate_of(mesh, virtual_service, rule) is None:
            at, name = f"spec.http[{i}].delegate", f"{rule.delegate.namespace or virtual_service.namespace}/{rule.delegate.name}"
            says = f"its rule {i} is left to VirtualService {name}, which does not exist: the rule is dropped"
            yield fail(virtual_service, says, at=at, evidence=(quote(virtual_service, at, name),), codes=())


def _without_host(virtual_service: VirtualService, route: Route) -> Draft:
    at = route.path.removesuffix(".destination")
    return fail(virtual_service, "it routes to a destination without a host", at=at, codes=("IST0101",))


def _unknown_host(mesh: Mesh, route: Route) -> list[str]:
    """Who else says so: istioctl where it read any Service; Kiali, but for mirrors and for `NAME.NAMESPACE`."""
    virtual_service = route.virtual_service
    known = registered(mesh, long_name(mesh, route.destination.host, virtual_service.namespace))
    kiali = not route.is_mirror and not any(sees(mesh, virtual_service.namespace, r.origin) for r in known)
    return [code for code, says in (("IST0101", registry(mesh)), ("KIA1101", kiali)) if says]


def _is_elsewhere(host: str) -> bool:
    """Hosts of a cluster set come from other clusters, which are not seen."""
    return host.endswith(".clusterset.local")


def _other_clusters(mesh: Mesh) -> bool:
    """Whether this istiod reads other clusters too: their Services are hosts as well."""
    if mesh.state(Secret) not in USABLE:
        return False
    return any(s.labels.get("istio/multiCluster") == "true" for s in mesh[Secret])


def _like(mesh: Mesh, host: str) -> str:
    """The host that is most like it, of those that agree in name or in place; not for each of a hundred lost ones."""
    guesses: set[str] = mesh.memo.setdefault("guesses", set())
    if host not in guesses and len(guesses) >= GUESSES:
        return ""
    guesses.add(host)
    first, _, rest = host.partition(".")
    near = _nearest(host, _alike(mesh).get(first, []) + _alike(mesh).get(rest, []))
    return f"there is {near}" if near else ""


def _nearest(host: str, others: list[str]) -> str:
    """The most similar one, if it is similar enough: what `difflib.get_close_matches` gives. Hundreds may share a name or a place,
    so that they are compared in the order of what they can reach at most, until none can be nearer."""
    matcher = difflib.SequenceMatcher(b=host)
    reach = []
    for other in others:
        matcher.set_seq1(other)
        reach.append((matcher.quick_ratio(), other))
    nearest = (ALIKE, "")
    for most, other in sorted(reach, reverse=True):
        if most < nearest[0]:
            break
        matcher.set_seq1(other)
        nearest = max(nearest, (matcher.ratio(), other))
    return nearest[1]


def _alike(mesh: Mesh) -> dict[str, list[str]]:
    """The hosts of the registry by their first label, and by the rest."""
    known: dict[str, list[str]] | None = mesh.memo.get("hosts alike")
    if known is None:
        known = mesh.memo["hosts alike"] = {}
        for host in registry(mesh):
            first, _, rest = host.partition(".")
            known.setdefault(first, []).append(host)
            known.setdefault(rest, []).append(host)
    return known


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
    needs=(VirtualService, DestinationRule, Service, ServiceEntry, Gateway, Namespace, Sidecar, Pod, Envoy),
)
def subset_not_defined(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route names a subset that no DestinationRule of its clients' lookup path defines: Envoy answers 503 NC.

    The path is the client's namespace, the service's, the root namespace: the first that has a rule, wins.
    """
    for route in destinations(virtual_service, mesh.cluster.domain):
        if not route.subset:
            continue
        found = resolve(mesh, route.host, virtual_service.namespace)
        owners = owners_of(found)
        blind = [
            client
            for client in (client_namespaces(mesh, route) if found else ())
            if route.subset not in subsets(mesh, route.host, client, owners)
            and not _is_hidden(mesh, route, (client, *owners), client)
        ]
        codes = _undefined(mesh, route)
        if blind or codes:
            yield _without_subset(mesh, route, found, blind, codes)


def _undefined(mesh: Mesh, route: Route) -> list[str]:
    """Who else says so: istioctl where no rule it read defines the subset; Kiali where no rule visible there does."""
    namespace = route.virtual_service.namespace
    rules = rules_of(mesh).covering(long_name(mesh, route.destination.host, namespace))
    defining = [r for r in rules if any(s.name == route.subset for s in r.spec.subsets)]
    seen = (sees(mesh, namespace, r) and is_imported(mesh, namespace, (r.spec.host,), r.namespace) for r in defining)
    said = {"IST0101": len(mesh[DestinationRule]) > 0 and not defining, "KIA1107": not route.is_mirror and not any(seen)}
    return [code for code, says in said.items() if says]


def _without_subset(mesh: Mesh, route: Route, found: tuple[Registered, ...], blind: list[str], codes: list[str]) -> Draft:
    rules = rules_of(mesh).equal(route.host)
    failed = _of_subset(log.lines_to(mesh, route.host, route.virtual_service.changed), route.subset, "NC", "NR")
    whose = f"for clients in {', '.join(blind)}" if blind else "by any DestinationRule that is visible there"
    return fail(
        route.virtual_service,
        f"subset {route.subset!r} of {route.host} is not defined {whose}",
        at=route.path,
        why=_strays(rules, route.subset),
        evidence=(
            quote(route.virtual_service, f"{route.path}.subset", route.subset),
            *(quote(r, "spec.subsets", [s.name for s in r.spec.subsets]) for r in rules[:2]),
            *log.shown(mesh, failed),
        ),
        # where nobody is known to follow the route, or RT-001 says that its host is not there, it is a remark
        severity=_weight(route) if blind else "info",
        harm=log.harm(mesh, failed),
        also=(*(r.origin for r in found), *rules, *log.clients(mesh, failed)),
        codes=codes,
        lacking=(DestinationRule,),
    )


def _is_hidden(mesh: Mesh, route: Route, namespaces: tuple[str, ...], client: str) -> bool:
    """Whether a rule on the path defines the subset but is hidden from the client: RT-010 says so."""
    return any(
        not sees(mesh, client, r) and any(s.name == route.subset for s in r.spec.subsets)
        for ns in namespaces
        for r in rules_within(mesh, ns).equal(route.host)
    )


def _strays(rules: list[DestinationRule], subset: str) -> str:
    """Rules that define the subset where its clients do not look."""
    found = [r for r in rules if any(s.name == subset for s in r.spec.subsets)]
    return f"{found[0].subject} defines it, but these clients do not use that rule" if found else ""


def _of_subset(found: tuple[log.Line, ...], subset: str, *flags: str) -> tuple[log.Line, ...]:
    return log.chosen(log.flagged(found, *flags), lambda x: x.upstream.subset in ("", subset))


@probe("RT-019", over=VirtualService, needs=(VirtualService, Service, ServiceEntry, Pod, Envoy))
def fault_injection_left_on(mesh: Mesh, virtual_service: VirtualService) -> Iterator[Draft]:
    """A route injects faults: a share of its requests is delayed or refused on purpose (flags FI, DI)."""
    for i, rule in enumerate(virtual_service.spec.http):
        effect = _effect(rule.fault) if rule.fault else ""
        if not effect:
            continue
        hosts = virtual_service.spec.hosts or tuple(r.destination.host for r in rule.route)
        all_hosts = (*hosts, *(r.destination.host for r in rule.route))
        names = {fqdn(h, virtual_service.namespace, mesh.cluster.domain).lower() for h in all_hosts}
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
