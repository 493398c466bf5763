"""Objects of which only one can count: Sidecars of one scope, DestinationRules of one host."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import msgspec

from meshdoctor.istio.competing import by_age, codes_of, competing
from meshdoctor.istio.routing import rule_host
from meshdoctor.istio.selecting import SELECTABLE, is_ambient_namespace
from meshdoctor.istio.visibility import meet
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.findings import Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule, Sidecar
from meshdoctor.model.sources import Unseen
from probes.registry import Draft, fail, probe, quote

AT = "spec.workloadSelector"


@probe("RT-012", needs=(Sidecar, DestinationRule, Namespace, *SELECTABLE), codes=("KIA0002", "KIA0003"))
def only_one_counts(mesh: Mesh) -> Iterator[Draft]:
    """Two Sidecars hold for the same workload, or two DestinationRules of a namespace set the same of one host differently."""
    unseen = None
    for rule in (_sidecars, _destination_rules):
        try:
            yield from rule(mesh)
        except Unseen as why:  # what is told of the other kind stays told
            unseen = why
    if unseen is not None:
        raise unseen


def _sidecars(mesh: Mesh) -> Iterator[Draft]:
    table = mesh[Sidecar]
    for namespace in sorted(table.namespaces):
        sidecars = table.within(namespace)
        if len(sidecars) < 2 or is_ambient_namespace(mesh, namespace):
            continue
        for found in competing(mesh, namespace, sidecars):
            which = "it is the oldest and counts" if found.is_oldest else f"{found.rest[0].name} is older and counts"
            says = f"holds for {found.scope} together with {found.others}: {which}"
            severity: Severity | None = "info" if found.is_oldest else None
            codes = codes_of(mesh, found, ("IST0111", "KIA0002"), ("IST0110", "KIA0003"))
            yield fail(found.one, says, at=AT, evidence=[quote(found.one, AT)], also=found.rest, codes=codes, severity=severity)


def _destination_rules(mesh: Mesh) -> Iterator[Draft]:
    by_host: dict[tuple[str, str], list[DestinationRule]] = {}
    for rule in sorted(mesh[DestinationRule], key=by_age):
        by_host.setdefault((rule.namespace, rule_host(rule, mesh.cluster.domain)), []).append(rule)
    for (_, host), rules in by_host.items():
        for older, younger in combinations(rules, 2):
            found = _difference(older, younger) if meet(mesh, older, younger) else None
            if found:
                at, what = found
                says = f"{older.subject} sets {what} of {host} otherwise, is older and counts"
                yield fail(younger, says, at=at, evidence=[quote(r, at) for r in (younger, older)], also=(older,), codes=())
                break


def _difference(older: DestinationRule, younger: DestinationRule) -> tuple[str, str] | None:
    """What both set and set differently: its path and its name. istiod merges rules of one host; the older one's parts stay."""
    one, other = older.spec.traffic_policy, younger.spec.traffic_policy
    if one is not None and other is not None and msgspec.to_builtins(one) != msgspec.to_builtins(other):
        return "spec.trafficPolicy", "the traffic policy"
    known = {s.name: msgspec.to_builtins(s) for s in older.spec.subsets}
    for i, subset in enumerate(younger.spec.subsets):
        if subset.name in known and known[subset.name] != msgspec.to_builtins(subset):
            return f"spec.subsets[{i}]", f"subset {subset.name!r}"
    return None
