"""Where traffic goes: past the proxy, by routes, in by gateways, out of the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.accesslog_lookup import lines
from meshdoctor.istio.gateways import bound, by_gateway, gateway_names, gateway_of, gateway_pods_of, takes
from meshdoctor.model.findings import Evidence, Finding, Status
from meshdoctor.model.networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from meshdoctor.model.text import counted
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, of_finding, remarks, skips, unknown
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import get, quote

EXCLUDE = "traffic.sidecar.istio.io/exclude"
ROUTES = ("RT-", "GW-", "GA-")
OBJECTS = ("MD51", "MD52", "MD53")  # rules of routing, gateways and fields that belong to no problem
EXPOSED = ("GW-001", "GW-002", "GW-003", "GW-004", "GW-009", "GW-010", "GW-012", "CRT-005", "CRT-006", "CRT-007")
PAST = ("PassthroughCluster", "BlackHoleCluster")


@check(
    "26",
    "Nothing goes past the proxy",
    weight="warning",
    problems=("PR-006",),
    do="Remove the annotation, or register why this traffic may not be seen or secured.",
)
def nothing_excluded(scope: Scope) -> Iterator[Outcome]:
    """No pod template excludes ports, addresses or interfaces from redirection."""
    units = [u for u in scope.units if not u.is_gateway and not u.is_done]
    if not units:
        yield skips("no workload of an application is there")
        return
    found = 0
    for unit in units:
        for key, value in sorted(unit.template.metadata.annotations.items()):
            if key.startswith(EXCLUDE) and value.strip():
                found += 1
                shown = Evidence(key, str(unit.subject), f"{key}: {value}", get(unit.subject))
                yield breaks(f"{unit.subject}: {key.removeprefix('traffic.sidecar.istio.io/')}: {value}", shown, problem="PR-006")
    if not found:
        yield holds(f"{counted(len(units), 'workload')}: nothing is excluded")


@check(
    "27",
    "Routes are valid",
    weight="blocking",
    do="See the findings: `meshdoctor check --live` names file, object and field.",
    problems=(),
)
def routes_valid(scope: Scope) -> Iterator[Outcome]:
    """No rule about routes, gateways or the fields of Istio's objects finds an error here."""
    counts = [len(scope.mesh[kind].within(scope.name)) for kind in (VirtualService, DestinationRule, Gateway, ServiceEntry)]
    found = [f for f in scope.found.everything(scope.name) if _of_routes(f) and f.severity != "info"]
    yield from (of_finding(f) for f in found)
    if any(f.status is Status.FAIL for f in found):
        return
    if not any(counts) and not found:
        yield skips("no VirtualService, DestinationRule, Gateway or ServiceEntry is here")
        return
    words = (("VirtualService", ""), ("DestinationRule", ""), ("Gateway", ""), ("ServiceEntry", "ServiceEntries"))
    yield holds(", ".join(counted(n, *w) for n, w in zip(counts, words, strict=True) if n) + ": no rule finds an error")


def _of_routes(finding: Finding) -> bool:
    return (finding.problem or "").startswith(ROUTES) or (finding.problem is None and finding.code.startswith(OBJECTS))


@check(
    "28",
    "Exposed hosts are served",
    weight="blocking",
    problems=EXPOSED[:7],
    do="Bind the host to a Gateway with a listener for it, and a certificate that names it and lasts.",
)
def hosts_served(scope: Scope) -> Iterator[Outcome]:
    """Each host that VirtualServices here give a gateway is taken by a server of it, with pods and a sound certificate."""
    mesh = scope.mesh
    mesh[Gateway].everywhere()
    exposing = [v for v in mesh[VirtualService].within(scope.name) if any(n != "mesh" for n in gateway_names(v))]
    own = mesh[Gateway].within(scope.name)
    if not exposing and not own:
        yield skips("no host of it is exposed by a Gateway")
        return
    by_gateway(mesh)
    served = []
    for virtual_service in exposing:
        gateways = [g for n in gateway_names(virtual_service) if n != "mesh" and (g := gateway_of(mesh, n)) is not None]
        for host in virtual_service.spec.hosts:
            good = [
                g for g in gateways if gateway_pods_of(mesh, g) and any(takes(g, s, virtual_service, host) for s in g.spec.servers)
            ]
            if good:
                served.append(host)
            else:
                shown = quote(virtual_service, "spec.gateways", ", ".join(virtual_service.spec.gateways))
                yield breaks(
                    f"{host} of {virtual_service.subject} is taken by no server of a running gateway", shown, problem="GW-012"
                )
    used = {g.subject for g in mesh[Gateway] if any(v.namespace == scope.name for v in bound(mesh, g))} | {g.subject for g in own}
    elsewhere = [f for f in scope.found.about(used, EXPOSED) if f.subject.namespace != scope.name]
    yield from (of_finding(f) for f in elsewhere)
    names = ", ".join(dict.fromkeys(served)) or f"{len(own)} Gateways"
    yield holds(f"served: {names} (configuration; no request was sent)")


@check(
    "29",
    "External destinations are registered",
    weight="warning",
    problems=("EG-001", "EG-006"),
    do="Write a ServiceEntry for each external host, and route it through the egress gateway where that is required.",
)
def egress_registered(scope: Scope) -> Iterator[Outcome]:
    """No proxy of the namespace sent anything past the registry, as far as its access log was read."""
    told = [p for p in scope.sidecars if (e := scope.mesh.envoy(p)) is not None and e.has("logs")]
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    if not told:
        yield unknown("no access log of its proxies was read: only proxies that look bad, or few, are asked")
        return
    past: dict[str, Evidence] = {}
    for line in lines(scope.mesh):
        if line.pod.namespace == scope.name and line.entry.upstream_cluster in PAST and not line.entry.inbound:
            host = line.entry.authority or line.entry.sni or line.entry.downstream_local
            command = f"kubectl -n {scope.name} logs {line.pod.name} -c istio-proxy --since=60s"
            past.setdefault(
                host,
                Evidence(f"{line.pod.name} called {host}", f"access log of {line.pod.name}", line.entry.upstream_cluster, command),
            )
    for host, shown in past.items():
        yield breaks(f"{host} is called and registered nowhere", shown, problem="EG-001")
    if not past:
        part = "" if len(told) == len(scope.sidecars) else f"; {len(scope.sidecars) - len(told)} proxies were not asked"
        yield holds(f"{counted(len(told), 'access log')} of the last minute show no unregistered destination{part}")
    elif len(told) < len(scope.sidecars):
        yield remarks(f"{len(scope.sidecars) - len(told)} proxies were not asked for their access log")
