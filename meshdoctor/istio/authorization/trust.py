"""Trust domains: which others a principal in a policy stands for as well.

Source: istio, pilot/pkg/security/trustdomain/bundle.go. `cluster.local` always means the mesh's own trust domain.
"""

from __future__ import annotations

from meshdoctor.istio.authorization.patterns import matches
from meshdoctor.model.istiod import MeshConfig

OWN = "cluster.local"
PARTS = 5  # TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT


def of_mesh(config: MeshConfig) -> tuple[str, ...]:
    """The mesh's trust domain, then its aliases."""
    return (config.trust_domain, *config.trust_domain_aliases)


def principals(written: tuple[str, ...], domains: tuple[str, ...]) -> tuple[str, ...]:
    """What principals stand for: those of a trust domain of the mesh, for the same of each of them."""
    return tuple(dict.fromkeys(p for one in written for p in _principal(one, domains)))


def _principal(one: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    domain, *rest = one.split("/")
    if len(rest) != PARTS - 1 or domain == "*" or not (domain == OWN or any(_meet(domain, d) for d in domains)):
        return (one,)
    return tuple(one if domain.startswith("*") and d.endswith(domain[1:]) else "/".join((d, *rest)) for d in domains)


def _meet(one: str, other: str) -> bool:
    return "*" in (one, other) or matches(one, other) or matches(other, one)


def trust_domains(written: tuple[str, ...], domains: tuple[str, ...]) -> tuple[str, ...]:
    """What entries of `trustDomains` stand for: one of the mesh, for all of them."""
    return tuple(dict.fromkeys(d for one in written for d in (domains if one in domains else (one,))))
