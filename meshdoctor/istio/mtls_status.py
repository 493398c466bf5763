"""Mutual TLS of a mesh, a namespace or a workload in one word, from the widest policies and rules alone.

Kiali's words, so that both tools say the same of one mesh (its util/mtls). What one port of one pod really accepts is
`meshdoctor.istio.mtls.server_mode`: no port, subset or single host is looked at here.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

MUTUAL = ("ISTIO_MUTUAL", "MUTUAL")


class MtlsStatus(StrEnum):
    """How much of the traffic is mutual TLS."""

    ENABLED = "MTLS_ENABLED"
    PARTIALLY_ENABLED = "MTLS_PARTIALLY_ENABLED"
    NOT_ENABLED = "MTLS_NOT_ENABLED"
    DISABLED = "MTLS_DISABLED"


class Settings(msgspec.Struct, frozen=True):
    """The mode of the widest PeerAuthentication and that of the widest DestinationRule; empty where there is none."""

    policy: str = ""
    rule: str = ""


def namespace_status(own: Settings, *, auto: bool, permissive: bool = False) -> MtlsStatus:
    """The status that a namespace's own objects make. `permissive`: whether PERMISSIVE is enough."""
    sent = own.rule in MUTUAL or (own.rule == "" and auto)
    plain = own.rule == "DISABLE" or (own.rule == "" and auto)
    accepted = own.policy == "STRICT" or (own.policy == "PERMISSIVE" and permissive)
    if accepted and sent:
        return MtlsStatus.ENABLED
    if own.policy == "DISABLE" and plain:
        return MtlsStatus.DISABLED
    if own == Settings():
        return MtlsStatus.NOT_ENABLED
    return MtlsStatus.PARTIALLY_ENABLED


def mesh_status(mesh: Settings, *, auto: bool, permissive: bool = False) -> MtlsStatus:
    """The status that the objects for the whole mesh make: where only one side is set, the other follows it."""
    status = namespace_status(mesh, auto=auto, permissive=permissive)
    if status is not MtlsStatus.PARTIALLY_ENABLED:
        return status
    if mesh in (Settings(policy="DISABLE"), Settings(rule="DISABLE")):
        return MtlsStatus.DISABLED
    if auto and mesh.policy == "" and mesh.rule in MUTUAL:
        return MtlsStatus.ENABLED
    return MtlsStatus.PARTIALLY_ENABLED


def overall_status(own: Settings, mesh: Settings, *, auto: bool) -> MtlsStatus:
    """What holds for a namespace: its own settings, each side that is missing taken from the mesh.

    A namespace's or the mesh's PERMISSIVE is enough here: an identity is known as soon as mutual TLS is accepted.
    """
    status = namespace_status(own, auto=auto, permissive=True)
    if status is MtlsStatus.PARTIALLY_ENABLED:
        return mesh_status(Settings(own.policy or mesh.policy, own.rule or mesh.rule), auto=auto)
    return mesh_status(mesh, auto=auto, permissive=True) if status is MtlsStatus.NOT_ENABLED else status


def workload_status(policy: str, rule: str) -> MtlsStatus:
    """What a workload's own policy makes, with the rule of its Service; NOT_ENABLED where both say nothing."""
    if policy == "STRICT":
        return MtlsStatus.ENABLED
    if policy == "DISABLE" or (policy == "PERMISSIVE" and rule == "DISABLE"):
        return MtlsStatus.DISABLED
    return MtlsStatus.ENABLED if policy == "PERMISSIVE" and rule in MUTUAL else MtlsStatus.NOT_ENABLED
