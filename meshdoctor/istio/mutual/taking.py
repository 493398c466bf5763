"""What a server takes: its PeerAuthentication where a sidecar stands before the port, plain text where none does.

Source: istio.io, PeerAuthentication reference.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshdoctor.istio.mtls import server_mode_of
from meshdoctor.istio.mutual.interception import is_redirected, past_inbound
from meshdoctor.istio.mutual.targets import Endpoint
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.subject import Subject

Mode = Literal["STRICT", "PERMISSIVE", "DISABLE", "NONE"]


class Takes(msgspec.Struct, frozen=True):
    """The mode of a port (NONE: no proxy stands before it), why, and the object that decides (None: Istio's default)."""

    mode: Mode
    why: str
    by: Subject | None = None
    path: str = ""


def takes(mesh: Mesh, end: Endpoint) -> Takes:
    """What an endpoint accepts on its port."""
    if end.is_ambient:
        return _by_policy(mesh, end, "ztunnel")
    if not end.has_proxy:
        reason = "is on the host's network, which has no sidecar" if end.pod and end.pod.spec.host_network else "has no sidecar"
        return Takes("NONE", f"{end.owner.name} {reason}", end.owner)
    if end.pod is not None:
        if not is_redirected(end.pod):
            return Takes("NONE", f"{end.owner.name} has interception mode NONE: nothing is redirected to its sidecar", end.owner)
        past = past_inbound(end.pod, end.port)
        if past is not None:
            return Takes("NONE", f"{past.setting} leaves port {end.port} to the application", end.owner, past.path)
    return _by_policy(mesh, end, "its sidecar")


def _by_policy(mesh: Mesh, end: Endpoint, who: str) -> Takes:
    decision = server_mode_of(mesh, end.namespace, end.labels, end.port)
    if decision.policy is None:
        return Takes(decision.mode, f"{who} takes {decision.mode}, Istio's default")
    return Takes(decision.mode, f"{decision.policy.subject} decides {decision.mode}", decision.policy.subject, decision.path)
