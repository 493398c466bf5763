"""Routes and what they lead to: order of rules, weights, visibility, limits."""

from __future__ import annotations

import re
from typing import Any

from meshdoctor.fixes import paths
from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.routing import routes_to, rule_host
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.subject import Subject

ROOMY = 1024  # Envoy's own default of waiting requests and connections


@word
def specific_first(case: Case) -> list[Any]:
    """The rules of a VirtualService with the one that is never reached before the one that takes everything."""
    kind, index = _rule(case)
    rules: list[Any] = list(case.at(f"spec.{kind}") or [])
    for place in range(index):
        if not rules[place].get("match"):
            return [*rules[:place], rules[index], *rules[place:index], *rules[index + 1 :]]
    raise NoRemedy("The rule that hides it has matches of its own: their order is yours to say.")


@word
def rules_path(case: Case) -> str:
    """Where the rules stand: `spec.http`, `spec.tls` or `spec.tcp`."""
    return f"spec.{_rule(case)[0]}"


def _rule(case: Case) -> tuple[str, int]:
    way = paths.steps(case.finding.path)
    if len(way) < 3 or way[1] not in ("http", "tls", "tcp") or not isinstance(way[2], int):
        raise NoRemedy("The finding names no rule.")
    return str(way[1]), way[2]


@word
def routes_of_subset(case: Case) -> Subject:
    """The one VirtualService that routes to the subset without pods and to another one beside it."""
    rule = case.the(DestinationRule)
    name = _subset_name(case)
    host = rule_host(rule, case.mesh.cluster.domain)
    users = {r.virtual_service.subject for r in routes_to(case.mesh, host) if r.subset == name}
    if len(users) != 1:
        raise NoRemedy(f"{len(users)} VirtualServices route to subset {name}.")
    return next(iter(users))


def _subset_name(case: Case) -> str:
    rule = case.the(DestinationRule)
    way = paths.steps(case.finding.path)
    if len(way) < 3 or way[1] != "subsets" or not isinstance(way[2], int):
        raise NoRemedy("The finding names no subset.")
    return rule.spec.subsets[way[2]].name


@word
def shifted_rules(case: Case) -> list[Any]:
    """The http rules with the weight of the subset without pods given to the one beside it."""
    name = _subset_name(case)
    made, found = [], False
    for rule in case.at("spec.http") or []:
        routes = rule.get("route", [])
        lost = [r for r in routes if r.get("destination", {}).get("subset") == name]
        kept = [r for r in routes if r not in lost]
        if not lost:
            made.append(rule)
            continue
        if len(kept) != 1:
            raise NoRemedy("There is not just one other destination to take the weight.")
        found = True
        made.append({**rule, "route": [{k: v for k, v in kept[0].items() if k != "weight"}]})
    if not found:
        raise NoRemedy(f"No http rule routes to subset {name}.")
    return made


@word
def export_with_clients(case: Case) -> str:
    """The exportTo annotation of a Service with the namespaces of those who use it."""
    spaces = {s.name if s.kind == "Namespace" else s.namespace for s in case.finding.also} - {case.subject.namespace, ""}
    if not spaces:
        raise NoRemedy("Who uses it is not known.")
    old = str(case.at("metadata.annotations[networking.istio.io/exportTo]") or ".")
    return ",".join(dict.fromkeys([*(n for n in old.split(",") if n != "~"), *sorted(spaces)]))


@word
def roomy_pool(case: Case) -> dict[str, Any]:
    """The connection pool with no limit below Envoy's own defaults."""
    pool = case.at(case.finding.path)
    if not isinstance(pool, dict):
        raise NoRemedy("The finding names no connection pool.")
    tcp, http = dict(pool.get("tcp") or {}), dict(pool.get("http") or {})
    for limits, names in ((tcp, ("maxConnections",)), (http, ("http1MaxPendingRequests", "http2MaxRequests"))):
        limits.update({n: max(ROOMY, int(limits[n])) for n in names if limits.get(n)})
    http.pop("maxRequestsPerConnection", None)
    return {**pool, **({"tcp": tcp} if tcp else {}), **({"http": http} if http else {})}


@word
def half_ejected(case: Case) -> int:
    """The share of endpoints that may be ejected at once."""
    if int(case.at("spec.trafficPolicy.outlierDetection.maxEjectionPercent") or 100) <= 50:
        raise NoRemedy("At most half may be ejected already.")
    return 50


@word
def egress_hosts(case: Case) -> list[str]:
    """The hosts of a Sidecar's first egress listener, with the Services that its workloads called in vain."""
    domain = case.mesh.cluster.domain
    called = sorted({f"{s.namespace}/{s.name}.{s.namespace}.svc.{domain}" for s in case.finding.also if s.kind == "Service"})
    if not called:
        raise NoRemedy("Which Service was called in vain is not known.")
    return list(dict.fromkeys([*(case.at("spec.egress[0].hosts") or []), *called]))


@word
def called_host(case: Case) -> str:
    """The external host that was called, where the finding names it."""
    host = case.finding.path
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host) or host.replace(".", "").isdigit():
        raise NoRemedy("Which host was called is not known by name.")
    return host


@word
def called_name(case: Case) -> str:
    """That host as a name of an object."""
    return called_host(case).replace(".", "-")
