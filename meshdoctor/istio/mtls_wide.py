"""Mutual TLS as the widest objects set it: a PeerAuthentication without selector, a DestinationRule for `*.local` or
for all of a namespace. Source: istio.io, "Authentication policy" task and the reference of both kinds.
"""

from __future__ import annotations

from meshdoctor.istio.hosts import fqdn, service_host
from meshdoctor.istio.mtls import age, scope_of
from meshdoctor.istio.mtls_status import MtlsStatus, Settings, overall_status, workload_status
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.visibility import sees
from meshdoctor.model.cluster import Service
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ClientTLSSettings, DestinationRule
from meshdoctor.model.security import AuthorizationPolicy, PeerAuthentication

WHOLE_MESH = "*.local"
Label = tuple[str, str]


def tls_mode(tls: ClientTLSSettings | None) -> str:
    """The mode of a tls block; one that names none switches TLS off, as in Istio's API. Empty where there is no block."""
    return tls.mode or "DISABLE" if tls else ""


def rule_mode(rule: DestinationRule) -> str:
    """The TLS mode that a DestinationRule sets for all its ports; empty where it sets none."""
    return tls_mode(rule.spec.traffic_policy.tls) if rule.spec.traffic_policy else ""


def policy_mode(policy: PeerAuthentication | None) -> str:
    """STRICT, PERMISSIVE or DISABLE; empty where the policy leaves it to a wider one."""
    mode = policy.spec.mtls.mode if policy and policy.spec.mtls else ""
    return "" if mode == "UNSET" else mode


def namespace_host(mesh: Mesh, namespace: str) -> str:
    """The host of a DestinationRule for all Services of a namespace."""
    return f"*.{namespace}.svc.{mesh.cluster.domain}"


def rules_for(mesh: Mesh, host: str) -> tuple[DestinationRule, ...]:
    """The DestinationRules of exactly this host, written in full. Indexed once a snapshot."""
    table = mesh[DestinationRule]
    found: dict[str, tuple[DestinationRule, ...]] | None = mesh.memo.get("rules_by_host")
    if found is None:
        lists: dict[str, list[DestinationRule]] = {}
        for rule in table.everywhere():
            lists.setdefault(fqdn(rule.spec.host, rule.namespace).lower(), []).append(rule)
        found = mesh.memo["rules_by_host"] = {h: tuple(rules) for h, rules in lists.items()}
    return found.get(host.lower(), ())


def sent(mesh: Mesh, host: str, namespace: str) -> tuple[str, DestinationRule | None]:
    """The first mode that a rule of exactly this host sets for a namespace that sees it, and that rule."""
    modes = ((rule_mode(r), r) for r in rules_for(mesh, host) if sees(mesh, namespace, r))
    return next(((mode, rule) for mode, rule in modes if mode), ("", None))


def by_scope(mesh: Mesh, namespace: str) -> tuple[PeerAuthentication | None, dict[Label, list[PeerAuthentication]]]:
    """The policies of a namespace that set a mode: the oldest for all of it, those for workloads by their first label,
    the oldest first. Sorted once a snapshot."""
    table = mesh[PeerAuthentication].within(namespace)
    memo = mesh.memo.setdefault("policies_by_scope", {})
    if namespace not in memo:
        root, whole = mesh.mesh_config.root_namespace, None
        narrow: dict[Label, list[PeerAuthentication]] = {}
        for policy in sorted((p for p in table if policy_mode(p)), key=age):
            if policy.spec.selector and scope_of(policy, root) == "workload":
                narrow.setdefault(next(iter(policy.spec.selector.wanted.items())), []).append(policy)
            else:
                whole = whole or policy
        memo[namespace] = (whole, narrow)
    found: tuple[PeerAuthentication | None, dict[Label, list[PeerAuthentication]]] = memo[namespace]
    return found


def widest_policy(mesh: Mesh, namespace: str) -> PeerAuthentication | None:
    """The PeerAuthentication that sets a mode for all of a namespace (for the mesh, in the root namespace)."""
    return by_scope(mesh, namespace)[0]


def settings(mesh: Mesh, namespace: str) -> Settings:
    """What the objects for a whole namespace set; for the root namespace those of the whole mesh."""
    is_root = namespace == mesh.mesh_config.root_namespace
    host = WHOLE_MESH if is_root else namespace_host(mesh, namespace)
    return Settings(policy_mode(widest_policy(mesh, namespace)), sent(mesh, host, namespace)[0])


def strict_as_wide(mesh: Mesh, rule: DestinationRule) -> PeerAuthentication | None:
    """The STRICT policy for just what a rule switches TLS off for: the mesh, or all of its own namespace."""
    if rule_mode(rule) != "DISABLE":
        return None
    own, root = rule.namespace, mesh.mesh_config.root_namespace
    scopes = {WHOLE_MESH: (root,), namespace_host(mesh, own): (own, root)}.get(rule.spec.host, ())
    found = next((p for n in scopes if (p := widest_policy(mesh, n)) is not None), None)
    return found if policy_mode(found) == "STRICT" else None


def auto_mtls(mesh: Mesh) -> bool:
    """Whether clients choose mutual TLS by themselves where the server takes it."""
    return mesh.mesh_config.enable_auto_mtls is not False


def identity_status(mesh: Mesh, policy: AuthorizationPolicy) -> MtlsStatus:
    """Whether callers of the workloads that a policy selects show an identity, which only mutual TLS carries."""
    root = mesh.mesh_config.root_namespace
    own = _of_workload(mesh, policy)
    if own is not MtlsStatus.NOT_ENABLED:
        return own
    auto = auto_mtls(mesh)
    of_namespace = settings(mesh, policy.namespace) if policy.namespace != root else Settings()
    status = overall_status(of_namespace, settings(mesh, root), auto=auto)
    return MtlsStatus.ENABLED if auto and status is MtlsStatus.NOT_ENABLED else status


def _of_workload(mesh: Mesh, policy: AuthorizationPolicy) -> MtlsStatus:
    """The status that PeerAuthentications make whose selector covers what the policy selects."""
    labels = labels_of(policy)
    narrow = by_scope(mesh, policy.namespace)[1]
    some = (p for label in labels.items() for p in narrow.get(label, ()))
    covering = [p for p in some if p.spec.selector and p.spec.selector.wanted.items() <= labels.items()]
    oldest = min(covering, key=age, default=None)
    if oldest is None or oldest.spec.selector is None:
        return MtlsStatus.NOT_ENABLED
    return workload_status(policy_mode(oldest), _sent_to(mesh, policy.namespace, oldest.spec.selector.wanted))


def _sent_to(mesh: Mesh, namespace: str, labels: dict[str, str]) -> str:
    """The mode that a DestinationRule sets for a Service of the workloads with these labels."""
    services = [s for s in mesh[Service].within(namespace) if labels.items() <= s.spec.selector.items()]
    modes = (sent(mesh, service_host(s), namespace)[0] for s in services)
    return next((m for m in modes if m in ("DISABLE", "ISTIO_MUTUAL", "MUTUAL")), "")
