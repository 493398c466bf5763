"""Which identity a client shows to a server: its own where mutual TLS is between them, none in plain text."""

from __future__ import annotations

from meshdoctor.istio.mutual.sending import sends
from meshdoctor.istio.mutual.targets import REDIRECTION, Target, targets
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject
from meshdoctor.model.workloads import Pod


def principal_of(mesh: Mesh, pod: Pod) -> str:
    """The identity of a pod in the mesh: `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; empty where it has no proxy nor ztunnel."""
    if pod.proxy is None and pod.annotations.get(REDIRECTION) != "enabled":
        return ""
    return f"{mesh.mesh_config.trust_domain}/ns/{pod.namespace}/sa/{pod.service_account}"


def shown(mesh: Mesh, client: Pod, server: Pod, service: Service | None, port: int) -> str | None:
    """The identity that a client shows to a server that it calls by a port of a Service; empty in plain text.

    None where that cannot be told. Without a Service it is the client's own, as far as mutual TLS is between them.
    """
    own = principal_of(mesh, client)
    if own == "" or service is None:
        return own
    target = _targets(mesh).get((service.subject, port))
    end = next((e for e in target.endpoints if e.pod is server), None) if target else None
    if target is None or end is None:
        return own
    how = sends(mesh, client, target, end).how
    return None if how == "unknown" else own if how == "mTLS" else ""


def _targets(mesh: Mesh) -> dict[tuple[Subject, int], Target]:
    """The ports of Services, by Service and port. Built once a snapshot."""
    all_of_them = targets(mesh)
    known: dict[tuple[Subject, int], Target] | None = mesh.memo.get("targets of Services")
    if known is None:
        named = ((t.origin, t) for t in all_of_them)
        known = mesh.memo["targets of Services"] = {(o.subject, t.port): t for o, t in named if isinstance(o, Service)}
    return known
