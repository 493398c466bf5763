"""How much of the mesh its proxies are told of."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.model.findings import Evidence
from meshdoctor.model.networking import Sidecar
from meshdoctor.onboarding.outcome import Outcome, breaks, holds, skips
from meshdoctor.onboarding.registry import check
from meshdoctor.onboarding.scope import Scope
from probes.registry import quote

MOST = 1000


@check(
    "18",
    "A Sidecar limits what proxies are told",
    weight="warning",
    problems=("XDS-007", "RT-009"),
    do="Write a Sidecar for the namespace whose egress hosts are what it calls.",
)
def sidecar_scope(scope: Scope) -> Iterator[Outcome]:
    """A Sidecar without selector is there, in the namespace or in the root, and no proxy has more than 1,000 clusters."""
    if not scope.sidecars:
        yield skips("no pod of it has a sidecar")
        return
    root = scope.mesh.mesh_config.root_namespace
    table = scope.mesh[Sidecar]
    wide = [
        s for n in (scope.name, root) for s in table.within(n) if not (s.spec.workload_selector and s.spec.workload_selector.wanted)
    ]
    for pod in scope.sidecars:
        envoy = scope.mesh.envoy(pod)
        if envoy is not None and envoy.has("clusters") and len(envoy.clusters) >= MOST:
            says = f"{pod.name} has {len(envoy.clusters)} clusters"
            yield breaks(says, Evidence(says, f"/clusters of {pod.name}"), problem="XDS-007")
    if wide:
        hosts = [h for listener in wide[0].spec.egress for h in listener.hosts]
        yield holds(
            f"{wide[0].subject} is the default: {', '.join(hosts) or 'no egress hosts named'}", quote(wide[0], "spec.egress")
        )
    else:
        command = f"kubectl get sidecars.networking.istio.io -n {scope.name}"
        yield breaks("no Sidecar: each proxy is told of the whole mesh", Evidence("none", f"Sidecars of {scope.name}", "", command))
