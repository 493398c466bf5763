"""Nodes that cannot be given back: pods that the autoscaler may not move."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.workloads import by_owner, sidecar_pods
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.text import counted
from meshdoctor.model.workloads import Deployment, Pod
from probes.registry import Draft, fail, probe, quote

SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
LOCAL = "--skip-nodes-with-local-storage=false"


@probe("OP-004", needs=(Deployment, Pod))
def keeps_nodes_busy(mesh: Mesh) -> Iterator[Draft]:
    """The cluster autoscaler keeps nodes with local storage, which every sidecar has: nodes never go."""
    scaler = next((d for d in mesh[Deployment] if any("cluster-autoscaler" in c.image for c in d.template.spec.containers)), None)
    if scaler is None or any(LOCAL in (*c.args, *c.command) for c in scaler.template.spec.containers):
        return
    held = [p for p in sidecar_pods(mesh) if p.annotations.get(SAFE) != "true"]
    owners = by_owner(mesh, held)
    if owners:
        names = ", ".join(str(o) for o in list(owners)[:3])
        at = "spec.template.spec.containers"
        says = f"it keeps the nodes of {counted(len(held), 'pod')} with a sidecar, whose storage is local: {names}"
        yield fail(scaler, says, at=at, evidence=(quote(scaler, at, f"without {LOCAL}"),), also=list(owners)[:50])
