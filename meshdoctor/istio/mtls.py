"""Effective mutual TLS: which PeerAuthentication decides for a port, what a client's DestinationRule does.

Source: istio.io, PeerAuthentication reference (workload over namespace over mesh; the oldest of several wins).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec

from meshdoctor.istio.labelled import Labelled
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.workloads import Pod

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE"]
EPOCH = datetime.fromtimestamp(0, UTC)


class Decision(msgspec.Struct, frozen=True):
    """The mode of a port and the policy that decides; None where Istio's default (PERMISSIVE) does."""

    mode: Mode
    policy: PeerAuthentication | None


def age(policy: PeerAuthentication) -> tuple[datetime, str, str]:
    """Sort key: the oldest first, then by name, as Istio breaks ties."""
    return policy.created or EPOCH, policy.name, policy.namespace


def scope_of(policy: PeerAuthentication, root: str) -> Literal["mesh", "namespace", "workload"]:
    """What a policy is for: a selector makes it a workload's; in the root namespace it is the mesh's."""
    if policy.spec.selector and policy.spec.selector.wanted:
        return "workload"
    return "mesh" if policy.namespace == root else "namespace"


def policies_for(mesh: Mesh, pod: Labelled) -> tuple[PeerAuthentication, ...]:
    """The policies that can decide for a pod, strongest first: the oldest of workload, namespace, mesh."""
    root = mesh.mesh_config.root_namespace
    table = mesh[PeerAuthentication]
    own = sorted(table.within(pod.namespace), key=age)
    chosen = [next((p for p in own if scope_of(p, root) == "workload" and selects(p, pod)), None)]
    chosen.append(next((p for p in own if scope_of(p, root) == "namespace"), None))
    chosen.append(next((p for p in sorted(table.within(root), key=age) if scope_of(p, root) == "mesh"), None))
    return tuple(p for p in chosen if p is not None)


def selects(policy: PeerAuthentication, pod: Labelled) -> bool:
    """Whether a policy's selector covers a pod of its namespace."""
    wanted = policy.spec.selector.wanted if policy.spec.selector else {}
    return policy.namespace == pod.namespace and wanted.items() <= pod.labels.items()


def server_mode(mesh: Mesh, pod: Labelled, port: int | None = None) -> Decision:
    """What a pod accepts on a workload port (any port without its own setting where None)."""
    for policy in policies_for(mesh, pod):
        by_port = policy.spec.port_level_mtls.get(str(port)) if port is not None and policy.spec.selector else None
        for setting in (by_port, policy.spec.mtls):
            if setting and setting.mode in ("STRICT", "PERMISSIVE", "DISABLE"):
                return Decision(setting.mode, policy)  # type: ignore[arg-type]
    return Decision("PERMISSIVE", None)


def speaks_mtls(pod: Pod) -> bool:
    """Whether clients are told that the pod takes Istio mTLS: its injected label."""
    return pod.labels.get("security.istio.io/tlsMode") == "istio"
