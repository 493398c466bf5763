"""What DestinationRules would say otherwise of a host: subsets, client TLS and the other settings of clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshdoctor.istio.changes.clients import proxy_namespaces, said_of
from meshdoctor.istio.changes.objects import changed
from meshdoctor.istio.hosts import matches, registry
from meshdoctor.istio.meshroutes import known_to
from meshdoctor.istio.routewords import short_host
from meshdoctor.istio.routing import destination_rules, owners_of, routes_to, rule_host
from meshdoctor.model.changes import DestinationChange, Effect
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, PortTrafficPolicy, Subset, TrafficPolicy
from meshdoctor.model.subject import Subject

PARTS = {
    "tls": "tls",
    "load_balancer": "loadBalancer",
    "connection_pool": "connectionPool",
    "outlier_detection": "outlierDetection",
}
Settings = dict[str, str]


def destination_changes(before: Mesh, after: Mesh) -> Iterator[DestinationChange]:
    """Each setting of each host that a changed DestinationRule may speak of; clients are told of together where they agree."""
    pairs = changed(before, after, DestinationRule)
    patterns = {rule_host(r, after.cluster.domain) for pair in pairs for r in pair if r is not None}
    hosts = sorted({*registry(before), *registry(after)}) if patterns else ()
    everybody = proxy_namespaces(before, after)
    for host in (h for h in hosts if any(matches(p, h) for p in patterns)):
        alike: dict[tuple[str, str | None, str | None], list[str]] = {}
        deciding: dict[str, Subject] = {}
        for client in everybody:
            known = known_to(before, host, client), known_to(after, host, client)
            if not all(known):
                continue  # told of as a host that they see, or do not see any more
            was, now = (
                _settings(m, host, client, owners_of(tuple(k)), deciding) for m, k in zip((before, after), known, strict=True)
            )
            for name in dict.fromkeys((*was, *now)):
                if was.get(name) != now.get(name):
                    alike.setdefault((name, was.get(name), now.get(name)), []).append(client)
        for (name, one, other), some in alike.items():
            about = f"{short_host(after, host)} ({said_of('proxies', some, everybody)})"
            yield _change(after, about, host, name, one, other, tuple(some), deciding)


def _settings(mesh: Mesh, host: str, client: str, owners: tuple[str, ...], deciding: dict[str, Subject]) -> Settings:
    """What the rules that a client uses for a host set, in words; `deciding` takes up which rule does."""
    found: Settings = {}
    for rule in destination_rules(mesh, host, client, owners):
        own: Settings = {f"subset {s.name}": _labels(s) for s in rule.spec.subsets}
        own |= _policy(rule.spec.traffic_policy, "")
        for subset in rule.spec.subsets:
            own |= _policy(subset.traffic_policy, f" of subset {subset.name}")
        found = own | found  # of several rules for one host the first that sets something wins
        deciding |= dict.fromkeys(own, rule.subject)
    return found


def _labels(subset: Subset) -> str:
    return ", ".join(f"{k}={v}" for k, v in subset.labels.items()) or "all pods"


def _policy(policy: TrafficPolicy | PortTrafficPolicy | None, where: str) -> Settings:
    if policy is None:
        return {}
    found = {f"{name}{where}": _words(getattr(policy, part)) for part, name in PARTS.items() if getattr(policy, part) is not None}
    for each in policy.port_level_settings if isinstance(policy, TrafficPolicy) else ():
        found |= _policy(each, f" of port {each.port.number if each.port else '?'}{where}")
    return found


def _words(part: Any) -> str:
    """`mode DISABLE, sni x`: the fields that are set."""
    said = part if isinstance(part, dict) else msgspec.to_builtins(part)
    found = [f"{k} {_words(v) if isinstance(v, dict) else v}" for k, v in said.items() if v not in (None, "", 0, [], {}, ())]
    return ", ".join(found) or "set"


def _change(
    mesh: Mesh,
    about: str,
    host: str,
    name: str,
    was: str | None,
    now: str | None,
    some: tuple[str, ...],
    deciding: dict[str, Subject],
) -> DestinationChange:
    by = (deciding[name],) if name in deciding else ()
    effect: Effect = "changes"
    who = f" ({by[0]})" if by else ""
    if now is None:
        says = f"{name} is gone: {was}"
        users = _users(mesh, host, name)
        effect = "loses" if name.startswith("subset ") else "changes"
        says += f"; {', '.join(users)} still routes to it: 503 NC" if users else ""
    elif was is None:
        effect, says = ("gains" if name.startswith("subset ") else "changes"), f"{name} is new: {now}{who}"
    else:
        says = f"{name}: {was} -> {now}{who}"
    if name.startswith("tls") and now is not None and now.startswith("mode DISABLE"):
        effect = "loses"
    return DestinationChange(
        effect=effect, about=about, says=says, by=by, host=host, setting=name, clients=some, before=was, after=now
    )


def _users(mesh: Mesh, host: str, name: str) -> tuple[str, ...]:
    """The VirtualServices that route to a subset."""
    found = (str(r.virtual_service.subject) for r in routes_to(mesh, host) if f"subset {r.subset}" == name)
    return tuple(dict.fromkeys(found))
