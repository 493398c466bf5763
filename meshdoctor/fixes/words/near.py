"""What was meant: the existing name that is nearest to a misspelt one. Two that are equally near are none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from meshdoctor.fixes.case import Case, NoRemedy, word
from meshdoctor.istio.gateways import gateway_names, gateway_of
from meshdoctor.istio.hosts import registry, service_of
from meshdoctor.istio.routing import rule_host
from meshdoctor.istio.subsets import pods_in
from meshdoctor.istio.workloads import gateway_pods, is_live, live_pods
from meshdoctor.model.cluster import Service, ServiceAccount
from meshdoctor.model.gatewayapi import HTTPRoute
from meshdoctor.model.networking import DestinationRule, Gateway, VirtualService
from meshdoctor.model.security import AuthorizationPolicy
from meshdoctor.model.workloads import Pod

ALIKE = 0.7  # by difflib's measure: `catalogue` and `catalog` have 0.88, `cart` and `catalog` 0.55
APART = 0.05


def nearest(name: str, known: Iterable[str], what: str) -> str:
    """The one known name that is nearest. Raises NoRemedy where there is none, or more than one."""
    scored = sorted(((difflib.SequenceMatcher(None, name, k).ratio(), k) for k in set(known) - {name}), reverse=True)
    if not scored or scored[0][0] < ALIKE:
        raise NoRemedy(f"No {what} has a name like {name!r}.")
    if len(scored) > 1 and scored[0][0] - scored[1][0] < APART:
        raise NoRemedy(f"{scored[0][1]!r} and {scored[1][1]!r} are both like {name!r}: which {what} is meant is yours to say.")
    return scored[0][1]


@word
def nearest_host(case: Case) -> str:
    """The full name of the Service that a misspelt host of a route means: of the same namespace first."""
    said = str(case.at(case.finding.path) or "")
    domain = case.mesh.cluster.domain
    first, _, rest = said.partition(".")
    namespace = rest.partition(".")[0] or case.subject.namespace
    same = [h for h in registry(case.mesh) if h.endswith(f".{namespace}.svc.{domain}")]
    try:
        found = nearest(first, [h.partition(".")[0] for h in same], f"Service in {namespace}")
        return f"{found}.{namespace}.svc.{domain}"
    except NoRemedy:
        elsewhere = [h for h in registry(case.mesh) if h.partition(".")[0] == first and "*" not in h]
        if len(elsewhere) == 1:
            return elsewhere[0]
        raise


@word
def nearest_principal(case: Case) -> str:
    """The identity that a misspelt principal means."""
    said = str(case.at(case.finding.path) or "").removeprefix("spiffe://")
    domain, _, rest = said.partition("/ns/")
    namespace, _, account = rest.partition("/sa/")
    if not account or "*" in said:
        raise NoRemedy(f"{said!r} is no TRUST-DOMAIN/ns/NAMESPACE/sa/NAME.")
    trusted = case.mesh.mesh_config.trust_domain
    accounts = [a.name for a in case.mesh[ServiceAccount].within(namespace)]
    used = [p.service_account for p in case.mesh[Pod].within(namespace) if is_live(p)]
    if account in accounts:
        return f"{trusted}/ns/{namespace}/sa/{account}"
    return f"{domain if domain == trusted else trusted}/ns/{namespace}/sa/{nearest(account, [*accounts, *used], 'ServiceAccount')}"


@word
def nearest_backend(case: Case) -> str:
    """The Service of the route's namespace that a misspelt backend means."""
    route = case.the(HTTPRoute)
    return nearest(str(case.at(case.finding.path) or ""), [s.name for s in case.mesh[Service].within(route.namespace)], "Service")


@word
def selected_labels(case: Case) -> dict[str, str]:
    """The selector of a policy with each value that no pod carries replaced by the one it is like."""
    policy = case.the(AuthorizationPolicy)
    wanted = policy.spec.selector.wanted if policy.spec.selector else {}
    pods = [p for p in case.mesh[Pod].within(policy.namespace) if is_live(p)]
    made = dict(wanted)
    for key, value in wanted.items():
        if not any(p.labels.get(key) == value for p in pods):
            made[key] = nearest(value, [p.labels[key] for p in pods if key in p.labels], f"label {key}")
    if not live_pods(case.mesh, policy.namespace, made):
        raise NoRemedy("No pod would be selected by the corrected labels either.")
    return made


@word
def gateway_labels(case: Case) -> dict[str, str]:
    """The selector of a Gateway with the values that running gateway pods carry."""
    wanted = case.the(Gateway).spec.selector
    pods = gateway_pods(case.mesh)
    made = {
        k: v if any(p.labels.get(k) == v for p in pods) else nearest(v, [p.labels[k] for p in pods if k in p.labels], f"label {k}")
        for k, v in wanted.items()
    }
    if not any(made.items() <= p.labels.items() for p in pods):
        raise NoRemedy("No gateway pod carries the corrected labels either.")
    return made


@word
def subset_labels(case: Case) -> dict[str, str]:
    """The labels of a subset with each value that no pod of the host carries replaced by the one it is like."""
    rule = case.the(DestinationRule)
    service = service_of(case.mesh, rule_host(rule, case.mesh.cluster.domain), rule.namespace)
    said = case.at(case.finding.path)
    if service is None or not isinstance(said, dict):
        raise NoRemedy("The host's Service is not known.")
    wanted: dict[str, str] = dict(said.get("labels", {}))
    pods = pods_in(case.mesh, service, {})
    made = {
        k: v if any(p.labels.get(k) == v for p in pods) else nearest(v, [p.labels[k] for p in pods if k in p.labels], f"label {k}")
        for k, v in wanted.items()
    }
    if not pods_in(case.mesh, service, made):
        raise NoRemedy("No pod carries the corrected labels either.")
    return made


@word
def served_hosts(case: Case) -> list[str]:
    """The hosts of a VirtualService, with one that no Gateway takes replaced by the host of its Gateway that it is like."""
    service = case.the(VirtualService)
    gateways = [g for n in gateway_names(service) if (g := gateway_of(case.mesh, n)) is not None]
    offered = {h.rpartition("/")[2] for g in gateways for s in g.spec.servers for h in s.hosts} - {"*"}
    taken = [h for h in service.spec.hosts if any(h == o or (o.startswith("*.") and h.endswith(o[1:])) for o in offered)]
    lost = [h for h in service.spec.hosts if h not in taken]
    return [*taken, *(nearest(h, offered, "host of its Gateways") for h in lost)]


@word
def existing_account(case: Case) -> str:
    """The ServiceAccount that bears the name of the workload's app: one that was made for it."""
    labels: dict[str, str] = case.at("spec.template.metadata.labels") or {}
    names = {a.name for a in case.mesh[ServiceAccount].within(case.subject.namespace)}
    candidates = [labels.get(k, "") for k in ("app.kubernetes.io/name", "app", "k8s-app")] + [case.subject.name]
    found = next((c for c in candidates if c in names and c != "default"), None)
    if found is None:
        raise NoRemedy("No ServiceAccount bears the workload's name: make one first.")
    return found


@word
def gateway_name(case: Case) -> str:
    """The Gateway that a misspelt or incomplete name of a VirtualService means, with its namespace."""
    said = str(case.at(case.finding.path) or "")
    if not case.finding.path.startswith("spec.gateways["):
        raise NoRemedy("The finding is not about the name of a Gateway.")
    _, slash, name = said.rpartition("/")
    known = [f"{g.namespace}/{g.name}" for g in case.mesh[Gateway]]
    same = [k for k in known if k.rpartition("/")[2] == name]
    if len(same) == 1:
        return same[0]
    return nearest(said if slash else f"{case.subject.namespace}/{said}", known, "Gateway")
