"""Mutual TLS by the widest objects: what clients are told to send, against what servers are told to take."""

from __future__ import annotations

from collections.abc import Iterator

from meshdoctor.istio.hosts import fqdn, matches
from meshdoctor.istio.mtls import scope_of
from meshdoctor.istio.mtls_status import MUTUAL
from meshdoctor.istio.mtls_wide import (
    WHOLE_MESH,
    auto_mtls,
    namespace_host,
    policy_mode,
    rule_mode,
    rules_for,
    sent,
    tls_mode,
    widest_policy,
)
from meshdoctor.istio.visibility import meet
from meshdoctor.model.findings import Evidence
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import DestinationRule
from meshdoctor.model.security import PeerAuthentication
from meshdoctor.model.subject import Subject
from probes.registry import Draft, fail, get, probe, quote

MODE = "spec.trafficPolicy.tls.mode"


@probe("MTL-007", needs=(PeerAuthentication, DestinationRule))
def strict_without_clients(mesh: Mesh) -> Iterator[Draft]:
    """Automatic mutual TLS is off, and no DestinationRule makes clients send it, where servers take nothing else.

    Where istiod says so itself its ConfigMap is what to change, whatever servers take, and the policies are remarks.
    """
    read = mesh[PeerAuthentication]
    if auto_mtls(mesh):
        return
    policies = [(p, hosts) for p in read if (hosts := _unmet(mesh, p))]
    told = any(i.has("mesh") for i in mesh.istiods) and sent(mesh, WHOLE_MESH, "")[0] != "ISTIO_MUTUAL"
    for policy, hosts in policies:
        says = f"is STRICT, automatic mutual TLS is off, and no DestinationRule for {' or '.join(hosts)} sets ISTIO_MUTUAL"
        code = "KIA0401" if len(hosts) == 1 else "KIA0501"
        yield fail(policy, says, at="spec.mtls", codes=(code,), severity="info" if told else None, lacking=(DestinationRule,))
    if told:
        config = Subject(kind="ConfigMap", namespace=mesh.mesh_config.root_namespace, name="istio")
        says = "automatic mutual TLS is off, and no DestinationRule for the whole mesh sets ISTIO_MUTUAL: clients send plain text"
        proof = Evidence("the mesh's configuration", "/debug/mesh", "enableAutoMtls: false", get(config))
        yield fail(config, says, at="enableAutoMtls", evidence=(proof,), also=[p for p, _ in policies], codes=())


def _unmet(mesh: Mesh, policy: PeerAuthentication) -> tuple[str, ...]:
    """The hosts of which one would need a rule for a STRICT policy to be met; none where it is, or is narrower."""
    scope = scope_of(policy, mesh.mesh_config.root_namespace)
    if scope == "workload" or policy_mode(policy) != "STRICT":
        return ()
    hosts = (WHOLE_MESH,) if scope == "mesh" else (namespace_host(mesh, policy.namespace), WHOLE_MESH)
    return () if any(sent(mesh, host, policy.namespace)[0] == "ISTIO_MUTUAL" for host in hosts) else hosts


@probe(
    "MD5016",
    over=PeerAuthentication,
    needs=(PeerAuthentication, DestinationRule),
    title="Servers refuse the mutual TLS that clients are told to use",
    severity="high",
    codes=("KIA0505", "KIA0506"),
)
def disabled_towards_mutual(mesh: Mesh, policy: PeerAuthentication) -> Iterator[Draft]:
    """A PeerAuthentication switches mutual TLS off, and a DestinationRule as wide makes clients use it."""
    scope = scope_of(policy, mesh.mesh_config.root_namespace)
    if scope == "workload" or policy_mode(policy) != "DISABLE":
        return
    mode, rule = "", None
    if scope == "namespace":
        mode, rule = sent(mesh, namespace_host(mesh, policy.namespace), policy.namespace)
    if mode != "DISABLE" and mode not in MUTUAL:
        mode, rule = sent(mesh, WHOLE_MESH, policy.namespace)
    if rule is not None and mode in MUTUAL:
        says = f"is DISABLE, and DestinationRule {rule.namespace}/{rule.name} sets {mode} for {rule.spec.host}"
        code = "KIA0506" if scope == "mesh" else "KIA0505"
        yield fail(policy, says, at="spec.mtls", evidence=[quote(policy, "spec.mtls"), quote(rule, MODE, mode)], codes=(code,))


@probe(
    "MD5017",
    over=DestinationRule,
    needs=(DestinationRule, PeerAuthentication),
    title="Clients are told to use mutual TLS that no policy asks for",
    severity="low",
    codes=("KIA0205", "KIA0206"),
)
def mutual_without_policy(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule for the mesh or its namespace sets ISTIO_MUTUAL, automatic mutual TLS is off, and no
    PeerAuthentication as wide is STRICT or PERMISSIVE: servers take it only by Istio's default."""
    if rule_mode(rule) != "ISTIO_MUTUAL" or auto_mtls(mesh):
        return
    root = mesh.mesh_config.root_namespace
    scopes = {WHOLE_MESH: (root,), namespace_host(mesh, rule.namespace): (rule.namespace, root)}.get(rule.spec.host, ())
    if not scopes or any(policy_mode(widest_policy(mesh, n)) in ("STRICT", "PERMISSIVE") for n in scopes):
        return
    code = "KIA0205" if rule.spec.host == WHOLE_MESH else "KIA0206"
    says = f"sets ISTIO_MUTUAL for {rule.spec.host}, and no PeerAuthentication there is STRICT or PERMISSIVE"
    yield fail(rule, says, at=MODE, codes=(code,), lacking=(PeerAuthentication,))


@probe(
    "MD5018",
    over=DestinationRule,
    needs=(DestinationRule,),
    title="Narrower DestinationRule drops the TLS settings of a wider one",
    codes=("KIA0204",),
    severity="medium",
)
def wider_tls_overridden(mesh: Mesh, rule: DestinationRule) -> Iterator[Draft]:
    """A DestinationRule says nothing of TLS and overrides one that sets ISTIO_MUTUAL for its host: rules are not merged."""
    policy = rule.spec.traffic_policy
    if policy and (tls_mode(policy.tls) or any(s.tls for s in policy.port_level_settings)):
        return
    wider = next((w for w in _covering(mesh, rule) if rule_mode(w) == "ISTIO_MUTUAL" and meet(mesh, w, rule)), None)
    if wider is not None:
        says = f"says nothing of TLS, and overrides {wider.name}, which sets ISTIO_MUTUAL for {wider.spec.host}"
        at = "spec.trafficPolicy"
        # Automatic mutual TLS takes the place of what is lost
        yield fail(rule, says, at=at, evidence=[quote(rule, at), quote(wider, MODE)], severity="info" if auto_mtls(mesh) else None)


def _covering(mesh: Mesh, rule: DestinationRule) -> Iterator[DestinationRule]:
    """The rules for the same host, its namespace or the mesh."""
    host = fqdn(rule.spec.host, rule.namespace)
    parts = host.split(".")
    wide = [namespace_host(mesh, parts[1])] if len(parts) > 2 and parts[2] == "svc" else []
    for each in dict.fromkeys((host, *wide, WHOLE_MESH)):
        yield from (w for w in rules_for(mesh, each) if w is not rule and matches(each, host))
