"""Patches of the proxies' own configuration."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.findings import Evidence
from meshdoctor.onboarding.outcome import Outcome, holds, of_finding, remarks, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote

RULES = ("EF-001", "EF-002", "EF-003")


@check(
    "31",
    "EnvoyFilters are reviewed",
    weight="info",
    do="Review each at every upgrade; give relative ones a priority, and narrow those of the root namespace.",
)
def filters_reviewed(scope: Scope) -> Iterator[Outcome]:
    """The EnvoyFilters that patch its proxies are listed; none places itself relative to others without a priority."""
    root = scope.mesh.mesh_config.root_namespace
    found = [f for n in dict.fromkeys((scope.name, root)) for f in scope.mesh[EnvoyFilter].within(n) if _selects(scope, f)]
    if not found:
        yield skips("no EnvoyFilter selects its proxies")
        return
    told = scope.found.about([f.subject for f in found], RULES)
    yield from (of_finding(f) for f in told)
    shown: list[Evidence] = [quote(f, "spec.workloadSelector") for f in found[:4]]
    names = ", ".join(f"{f.namespace}/{f.name}" for f in found)
    if told:
        yield remarks(f"{len(found)} select its proxies: {names}", *shown)
    else:
        yield holds(f"{len(found)} select its proxies: {names}", *shown)


def _selects(scope: Scope, envoy_filter: EnvoyFilter) -> bool:
    wanted = envoy_filter.spec.workload_selector.wanted if envoy_filter.spec.workload_selector else {}
    return any(wanted.items() <= p.labels.items() for p in scope.proxies)
