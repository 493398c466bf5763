"""Effective mutual TLS: which PeerAuthentication decides for a port, what a client's DestinationRule does.

Source: istio.io, PeerAuthentication reference (workload over namespace over mesh; the oldest of several wins).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec

from meshdoctor.istio.labelled import Labelled
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.workloads import Pod

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE"]
MODES: dict[str, Mode] = {mode: mode for mode in get_args(Mode)}  # UNSET leaves it to the next wider policy
EPOCH = datetime.fromtimestamp(0, UTC)


class Decision(msgspec.Struct, frozen=True):
    """The mode of a port, the policy that decides and where in it; None where Istio's default (PERMISSIVE) does."""

    mode: Mode
    policy: PeerAuthentication | None
    path: str = ""


def age(policy: PeerAuthentication) -> tuple[datetime, str, str]:
    """Sort key: the oldest first, then by name, as Istio breaks ties."""
    return policy.created or EPOCH, policy.name, policy.namespace


def scope_of(policy: PeerAuthentication, root: str) -> Literal["mesh", "namespace", "workload"]:
    """What a policy is for: a selector makes it a workload's; in the root namespace it is the mesh's."""
    if policy.spec.selector and policy.spec.selector.wanted:
        return "workload"
    return "mesh" if policy.namespace == root else "namespace"


def policies_for(mesh: Mesh, namespace: str, labels: dict[str, str]) -> tuple[PeerAuthentication, ...]:
    """The policies that can decide for a workload, strongest first: the oldest of workload, namespace, mesh.

    In the root namespace a policy with a selector has no effect.
    """
    root = mesh.mesh_config.root_namespace
    table = mesh[PeerAuthentication]
    own = sorted(table.within(namespace), key=age) if namespace != root else []
    chosen = [next((p for p in own if scope_of(p, root) == "workload" and selects(p, namespace, labels)), None)]
    chosen.append(next((p for p in own if scope_of(p, root) == "namespace"), None))
    chosen.append(next((p for p in sorted(table.within(root), key=age) if scope_of(p, root) == "mesh"), None))
    return tuple(p for p in chosen if p is not None)


def selects(policy: PeerAuthentication, namespace: str, labels: dict[str, str]) -> bool:
    """Whether a policy's selector covers what carries these labels in a namespace."""
    wanted = policy.spec.selector.wanted if policy.spec.selector else {}
    return policy.namespace == namespace and wanted.items() <= labels.items()


def server_mode(mesh: Mesh, pod: Labelled, port: int | None = None) -> Decision:
    """What a pod accepts on a workload port (any port without its own setting where None)."""
    return server_mode_of(mesh, pod.namespace, pod.labels, port)


def server_mode_of(mesh: Mesh, namespace: str, labels: dict[str, str], port: int | None = None) -> Decision:
    """The same for any workload by its labels."""
    root = mesh.mesh_config.root_namespace
    for policy in policies_for(mesh, namespace, labels):
        has_ports = port is not None and scope_of(policy, root) == "workload"
        by_port = policy.spec.port_level_mtls.get(str(port)) if has_ports else None
        for setting, path in ((by_port, f"spec.portLevelMtls[{port}].mode"), (policy.spec.mtls, "spec.mtls.mode")):
            mode = MODES.get(setting.mode) if setting else None
            if mode:
                return Decision(mode, policy, path)
    return Decision("PERMISSIVE", None)


def speaks_mtls(pod: Pod) -> bool:
    """Whether clients are told that the pod takes Istio mTLS: its injected label."""
    return pod.labels.get("security.istio.io/tlsMode") == "istio"
