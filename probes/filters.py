"""EnvoyFilters: patches of the proxies' own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import EnvoyConfigObjectPatch, EnvoyFilter
from probes.registry import Draft, fail, probe, quote

RECENT = timedelta(hours=24)
SHIPPED = re.compile(r"^(tcp-)?(stats-filter|metadata-exchange)-\d")  # Istio's own, before 1.21
RELATIVE = {"INSERT_BEFORE", "INSERT_AFTER", "REPLACE", "REMOVE"}
ROUTES = {"ROUTE_CONFIGURATION", "HTTP_ROUTE"}
REPLACEABLE = {"NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST"}


@probe("EF-001", over=EnvoyFilter, needs=(EnvoyFilter,))
def filter_hits_everything(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """An EnvoyFilter in the root namespace selects nothing: one edit of it hits every proxy of the mesh."""
    spec = envoy_filter.spec
    chosen = spec.target_refs or (spec.workload_selector and spec.workload_selector.wanted)
    if envoy_filter.namespace != mesh.mesh_config.root_namespace or chosen or SHIPPED.match(envoy_filter.name):
        return
    recent = envoy_filter.changed is not None and mesh.now - envoy_filter.changed < RECENT
    kinds = ", ".join(dict.fromkeys(p.apply_to for p in spec.config_patches))
    yield fail(
        envoy_filter,
        "it is in the root namespace without workloadSelector or targetRefs: it patches every proxy"
        + (", and it was changed in the last 24 hours" if recent else ""),
        at="spec.workloadSelector",
        evidence=(quote(envoy_filter, "spec.workloadSelector", f"none; it patches {kinds}"),),
        severity="high" if recent else None,
    )


@probe("EF-002", over=EnvoyFilter, needs=(EnvoyFilter,))
def order_left_to_chance(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """A patch places itself relative to others and has no priority: it counts only if it comes after them.

    A remark: the order by age is often the right one.
    """
    versioned: set[str] = set()
    for index, patch in enumerate(envoy_filter.spec.config_patches):
        if patch.operation in RELATIVE and not _impossible(patch) and not envoy_filter.spec.priority:
            twice = patch.filter_name != "" and patch.filter_name in versioned
            says = f"{patch.operation} depends on what came before, and there is no priority"
            if twice:
                says += f"; an earlier patch of {patch.filter_name} holds for some proxy versions only"
            code = "IST0155" if twice else "IST0151"
            yield fail(envoy_filter, says, at=f"spec.configPatches[{index}].patch.operation", codes=(code,), severity="info")
        if patch.proxy_version:
            versioned.add(patch.filter_name)


@probe("EF-003", over=EnvoyFilter, needs=(EnvoyFilter,))
def impossible_operation(mesh: Mesh, envoy_filter: EnvoyFilter) -> Iterator[Draft]:
    """A patch uses an operation that does not exist for what it applies to: it is ignored."""
    for index, patch in enumerate(envoy_filter.spec.config_patches):
        code = _impossible(patch)
        if code:
            says = f"{patch.operation} does nothing to {patch.apply_to}"
            yield fail(envoy_filter, says, at=f"spec.configPatches[{index}].patch.operation", codes=(code,))


def _impossible(patch: EnvoyConfigObjectPatch) -> str:
    """istioctl's code for an operation that its target ignores; empty where it works."""
    if patch.operation == "REPLACE":
        return "" if patch.apply_to in REPLACEABLE else "IST0152"
    if patch.apply_to not in ROUTES:
        return ""
    return {"ADD": "IST0153", "REMOVE": "IST0154"}.get(patch.operation, "")
