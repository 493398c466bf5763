"""Identities that principals name: service accounts of this cluster and of the others that are known.

Source: istio.io, AuthorizationPolicy reference (`source.principals`: exact, prefix*, *suffix, *) and MeshConfig
`trustDomainAliases`. `cluster.local` always means the mesh's own trust domain.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum

from meshdoctor.istio.authorization.identity import PRINCIPAL
from meshdoctor.model.cluster import ServiceAccount
from meshdoctor.model.mesh import Mesh

SPIFFE = "spiffe://"
Sides = tuple[list[str], list[str]]


class Known(Enum):
    """Where the identity that a principal names is found."""

    HERE = "here"
    REMOTE = "in another cluster"
    NOT_FOUND = "nowhere"
    FOREIGN = "not to be verified: of another trust domain"


def trust_domains(mesh: Mesh) -> tuple[str, ...]:
    """The trust domains that identities of this mesh may carry, its own first."""
    config = mesh.mesh_config
    return tuple(dict.fromkeys((config.trust_domain, *config.trust_domain_aliases, "cluster.local")))


def known(mesh: Mesh, principal: str) -> Known:
    """Where the identity is found that a principal names, or one of those that a pattern covers."""
    if principal == "*":
        return Known.HERE
    if principal.startswith("*") or principal.endswith("*"):
        return _pattern(mesh, principal)
    domain = principal.partition("/ns/")[0] if "/ns/" in principal else ""
    match = PRINCIPAL.match(principal)
    here = match is not None and mesh[ServiceAccount].get(match["namespace"], match["account"]) is not None
    if here and domain == mesh.mesh_config.trust_domain:
        return Known.HERE
    if principal in mesh.remote_accounts:  # before aliases: another cluster may be what an alias is for
        return Known.REMOTE
    if domain and domain not in trust_domains(mesh):
        return Known.FOREIGN
    return Known.HERE if here else Known.NOT_FOUND


def _pattern(mesh: Mesh, pattern: str) -> Known:
    local, remote = _accounts(mesh)
    for names, where in ((local, Known.HERE), (remote, Known.REMOTE)):
        if _covers(pattern, names):
            return where
    return Known.NOT_FOUND


def _covers(pattern: str, names: Sides) -> bool:
    """Whether `prefix*` or `*suffix` covers one of the names, which are sorted by their beginnings and by their ends."""
    by_start, by_end = names
    start, those = (pattern[:-1], by_start) if pattern.endswith("*") else (pattern[:0:-1], by_end)
    first = bisect_left(those, start)
    return first < len(those) and those[first].startswith(start)


def _accounts(mesh: Mesh) -> tuple[Sides, Sides]:
    """Local and remote identities, each sorted by beginning and by end. Built once a snapshot."""
    accounts = mesh[ServiceAccount]
    found: tuple[Sides, Sides] | None = mesh.memo.get("identities")
    if found is None:
        local = [f"{d}/ns/{a.namespace}/sa/{a.name}" for a in accounts.everywhere() for d in trust_domains(mesh)]
        remote = list(mesh.remote_accounts)
        sides = [(sorted(names), sorted(n[::-1] for n in names)) for names in (local, remote)]
        found = mesh.memo["identities"] = (sides[0], sides[1])
    return found
