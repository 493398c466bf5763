"""EnvoyFilters: patches of the proxies' own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import EnvoyFilter
from probes.registry import Draft, fail, probe, quote

RECENT = timedelta(hours=24)
SHIPPED = re.compile(r"^(tcp-)?(stats-filter|metadata-exchange)-\d")  # Istio's own, before 1.21


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
