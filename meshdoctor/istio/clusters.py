"""Clusters of one mesh: the names under which istiod reads them."""

from __future__ import annotations

from meshdoctor.model.cluster import Secret
from meshdoctor.model.mesh import Mesh

REMOTE = "istio/multiCluster"  # the label of Secrets that hold the access to another cluster
CLUSTER = "networking.istio.io/cluster"
PREFIX = "istio-remote-secret-"
OWN = frozenset({"Kubernetes", "Mock", "External"})


def registries(mesh: Mesh) -> frozenset[str]:
    """The names of the registries that istiod reads: its own cluster's, and those of its remote Secrets.

    A Secret's keys are not read: `istioctl create-remote-secret` writes the same name in an annotation and in its name.
    """
    remote = (s for s in mesh[Secret].everywhere() if s.labels.get(REMOTE) == "true")
    named = {s.annotations.get(CLUSTER) or s.name.removeprefix(PREFIX) for s in remote}
    own = {p.cluster_id for i in mesh.istiods if i.has("syncz") for p in i.syncz if p.cluster_id}
    return OWN | named | own
