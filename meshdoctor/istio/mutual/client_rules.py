"""The client TLS settings that a pod's DestinationRules give it for a host, port and subset.

Sources: istio.io, DestinationRule reference (`portLevelSettings` inherit nothing; a subset's settings override those of the
host; `workloadSelector` counts in the client's own namespace); istio, pilot/pkg/model/destination_rule.go (of several rules
for one host the first that has a trafficPolicy gives it).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshdoctor.istio.mtls_wide import tls_mode
from meshdoctor.istio.routing import destination_rules
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ClientTLSSettings, DestinationRule, TrafficPolicy
from meshdoctor.model.workloads import Pod


class ClientTLS(msgspec.Struct, frozen=True, eq=False):
    """The tls block that holds for a port and where it stands; `tls` is None where automatic mutual TLS decides.

    `endpoint_mode` is what istiod marks the endpoints by: it looks at the host's block too where a port's settings have
    none of their own. `passes_through` tells that the load balancer keeps the address that the client chose.
    """

    rule: DestinationRule | None = None
    tls: ClientTLSSettings | None = None
    path: str = ""
    endpoint_mode: str = ""
    passes_through: bool = False


class Part(msgspec.Struct, frozen=True, eq=False):
    """One trafficPolicy reduced to a port: its tls block, whether the port has settings of its own, the load balancer."""

    tls: ClientTLSSettings | None
    path: str
    is_of_port: bool
    balancer: dict[str, Any] | None


def rules_for(mesh: Mesh, pod: Pod, host: str, owners: tuple[str, ...]) -> tuple[DestinationRule, ...]:
    """The rules that a pod uses for a host, the oldest first: those that select it, else those that select nobody."""
    key = ("client rules", pod.namespace, host)
    found: tuple[DestinationRule, ...] | None = mesh.memo.get(key)
    if found is None:
        found = mesh.memo[key] = tuple(sorted(destination_rules(mesh, host, pod.namespace, owners), key=_age))
    if not any(_wanted(r) for r in found):
        return found
    own = tuple(r for r in found if _wanted(r) and r.namespace == pod.namespace and _wanted(r).items() <= pod.labels.items())
    return own[:1] or tuple(r for r in found if not _wanted(r))


def _wanted(rule: DestinationRule) -> dict[str, str]:
    return rule.spec.workload_selector.wanted if rule.spec.workload_selector else {}


def _age(rule: DestinationRule) -> tuple[float, str, str]:
    return rule.created.timestamp() if rule.created else 0.0, rule.name, rule.namespace


def client_tls(rules: Iterable[DestinationRule], subset: str, port: int) -> ClientTLS:
    """What these rules set for a subset (empty: the host itself) and a port of the Service."""
    rules = tuple(rules)
    top = next((r for r in rules if r.spec.traffic_policy is not None), None)
    named = next(((r, i) for r in rules for i, s in enumerate(r.spec.subsets) if s.name == subset), None) if subset else None
    wide = _part(top.spec.traffic_policy if top else None, "spec.trafficPolicy", port)
    if named is None:
        return _made(top, wide, wide, _endpoint_mode(top.spec.traffic_policy if top else None, port))
    rule, index = named
    policy = rule.spec.subsets[index].traffic_policy
    narrow = _part(policy, f"spec.subsets[{index}].trafficPolicy", port)
    marked = _endpoint_mode(policy, port) or _endpoint_mode(top.spec.traffic_policy if top else None, port)
    if narrow.is_of_port or narrow.tls is not None:
        return _made(rule, narrow, narrow if narrow.balancer or narrow.is_of_port else wide, marked)
    return _made(top, wide, narrow if narrow.balancer else wide, marked)


def _part(policy: TrafficPolicy | None, at: str, port: int) -> Part:
    if policy is None:
        return Part(None, at, is_of_port=False, balancer=None)
    for index, each in enumerate(policy.port_level_settings):
        if each.port and each.port.number == port:
            return Part(each.tls, f"{at}.portLevelSettings[{index}].tls.mode", is_of_port=True, balancer=each.load_balancer)
    return Part(policy.tls, f"{at}.tls.mode", is_of_port=False, balancer=policy.load_balancer)


def _made(rule: DestinationRule | None, part: Part, balanced: Part, marked: str) -> ClientTLS:
    passes = (balanced.balancer or {}).get("simple") == "PASSTHROUGH"
    return ClientTLS(rule, part.tls, part.path, marked, passes)


def _endpoint_mode(policy: TrafficPolicy | None, port: int) -> str:
    """The mode that istiod marks endpoints by: the port's where it sets one, else the policy's."""
    if policy is None:
        return ""
    of_port = (p.tls for p in policy.port_level_settings if p.port and p.port.number == port and p.tls)
    return tls_mode(next(of_port, policy.tls))
