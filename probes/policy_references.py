"""What an AuthorizationPolicy names: identities, namespaces, methods and hosts that exist, or do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshdoctor.istio.authorization.patterns import matches
from meshdoctor.istio.hosts import fqdn, resolve
from meshdoctor.istio.hosts import matches as host_matches
from meshdoctor.istio.identities import SPIFFE, Known, known, trust_domains
from meshdoctor.istio.selecting import labels_of
from meshdoctor.istio.visibility import sees
from meshdoctor.istio.workloads import live_pods
from meshdoctor.model.cluster import Namespace, Service, ServiceAccount
from meshdoctor.model.findings import HINT, Severity
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import ServiceEntry, VirtualService
from meshdoctor.model.security import AuthorizationPolicy, Operation, Source
from meshdoctor.model.workloads import Pod
from probes.registry import Draft, fail, probe, quote

METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
BOTH = ("IST0101", "KIA0101")
SAYS = {Known.REMOTE: "KIA0107", Known.FOREIGN: "KIA0108", Known.NOT_FOUND: "KIA0106"}


def sources(policy: AuthorizationPolicy, field: Callable[[Source], tuple[str, ...]], name: str) -> Iterator[tuple[str, str]]:
    """(path, value) of every value of a field of `source`."""
    for i, rule in enumerate(policy.spec.rules):
        for j, each in enumerate(rule.from_):
            for k, value in enumerate(field(each.source)):
                yield f"spec.rules[{i}].from[{j}].source.{name}[{k}]", value


def operations(policy: AuthorizationPolicy, field: Callable[[Operation], tuple[str, ...]], name: str) -> Iterator[tuple[str, str]]:
    """(path, value) of every value of a field of `operation`."""
    for i, rule in enumerate(policy.spec.rules):
        for j, each in enumerate(rule.to):
            for k, value in enumerate(field(each.operation)):
                yield f"spec.rules[{i}].to[{j}].operation.{name}[{k}]", value


@probe(
    "AZ-004",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy, ServiceAccount, Pod, Namespace),
    codes=(*SAYS.values(), *BOTH),
)
def caller_unknown(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """A principal is malformed, of another trust domain, or names a ServiceAccount or a namespace that does not exist."""
    for at, principal in sources(policy, lambda s: s.principals, "principals"):
        yield from _principal(mesh, policy, at, principal, codes=True)
    for at, principal in sources(policy, lambda s: s.not_principals, "notPrincipals"):
        yield from _principal(mesh, policy, at, principal, codes=False)
    for at, account in sources(policy, lambda s: s.service_accounts, "serviceAccounts"):
        yield from _account(mesh, policy, at, account)
    for at, account in sources(policy, lambda s: s.not_service_accounts, "notServiceAccounts"):
        yield from _account(mesh, policy, at, account)
    for at, pattern in sources(policy, lambda s: s.namespaces, "namespaces"):
        yield from _namespace(mesh, policy, at, pattern, BOTH)
    for at, pattern in sources(policy, lambda s: s.not_namespaces, "notNamespaces"):
        yield from _namespace(mesh, policy, at, pattern, BOTH[:1])


def _principal(mesh: Mesh, policy: AuthorizationPolicy, at: str, principal: str, *, codes: bool) -> Iterator[Draft]:
    where = known(mesh, principal)
    if where is Known.HERE:
        return
    also = [mesh.owner(p) for p in live_pods(mesh, policy.namespace, labels_of(policy))]
    # A pattern may be for what is yet to come, an alias for a cluster that is not read
    maybe = "*" in principal or principal.partition("/")[0] in mesh.mesh_config.trust_domain_aliases
    yield fail(
        policy,
        f"principal {principal}: {_wrong(mesh, principal, where)}",
        at=at,
        evidence=[quote(policy, at, principal)],
        also=also,
        severity="info" if where is Known.REMOTE else None,
        confidence=HINT if maybe else None,
        codes=(SAYS[where],) if codes and principal.count("*") < 2 else (),
        lacking=(ServiceAccount,) if where is Known.NOT_FOUND else (),
    )


def _wrong(mesh: Mesh, principal: str, where: Known) -> str:
    """What is wrong with a principal."""
    if principal.startswith(SPIFFE):
        return "principals are written without spiffe://"
    if where is Known.REMOTE:
        return "its ServiceAccount is in another cluster"
    domain, _, rest = principal.partition("/ns/")
    if where is Known.FOREIGN:
        return f"{domain} is no trust domain of this mesh ({', '.join(trust_domains(mesh))})"
    if "*" in principal:
        several = principal.count("*") > 1
        return "a * counts at one end only" if several else "no ServiceAccount of the mesh matches it"
    namespace, _, account = rest.partition("/sa/")
    if not account:
        return "is not of the form TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT"
    return f"there is no ServiceAccount {account} in namespace {namespace}"


def _account(mesh: Mesh, policy: AuthorizationPolicy, at: str, value: str) -> Iterator[Draft]:
    """`serviceAccounts`: NAMESPACE/NAME, or a NAME of the policy's own namespace."""
    namespace, _, name = value.rpartition("/")
    if mesh[ServiceAccount].get(namespace or policy.namespace, name) is None:
        says = f"names ServiceAccount {value}, and there is none"
        yield fail(policy, says, at=at, evidence=[quote(policy, at, value)], codes=(), lacking=(ServiceAccount,))


def _namespace(mesh: Mesh, policy: AuthorizationPolicy, at: str, pattern: str, codes: tuple[str, ...]) -> Iterator[Draft]:
    table = mesh[Namespace]
    exists = any(matches(pattern, n.name) for n in table) if "*" in pattern else table.get("", pattern) is not None
    if not exists:
        says = f"names namespace {pattern}, and there is none"
        proof = [quote(policy, at, pattern)]
        certain = HINT if "*" in pattern else None
        yield fail(policy, says, at=at, evidence=proof, codes=codes, severity="medium", confidence=certain, lacking=(Namespace,))


@probe(
    "MD5014",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy,),
    title="Policy names a method that HTTP does not have",
    codes=("KIA0102",),
    severity="medium",
)
def method_unknown(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """An entry of `methods` matches no HTTP method: the rule never matches (a gRPC method belongs in `paths`)."""
    for at, pattern in operations(policy, lambda o: o.methods, "methods"):
        if not is_method(pattern.strip().upper()):
            yield fail(policy, f"names method {pattern!r}, which HTTP does not have", at=at, evidence=[quote(policy, at, pattern)])


def is_method(pattern: str) -> bool:
    """Whether an exact name, `prefix*`, `*suffix` or `*` can match an HTTP method."""
    return pattern == "*" or (pattern.strip("*") != "" and any(matches(pattern, m) for m in METHODS))


@probe(
    "MD5015",
    over=AuthorizationPolicy,
    needs=(AuthorizationPolicy, Service, ServiceEntry, VirtualService, Namespace),
    title="Policy names a host of the mesh that does not exist",
    codes=("KIA0104",),
    severity="medium",
)
def host_unknown(mesh: Mesh, policy: AuthorizationPolicy) -> Iterator[Draft]:
    """An entry of `hosts` looks like a Service, and no Service, ServiceEntry or VirtualService has that host."""
    for at, host in operations(policy, lambda o: o.hosts, "hosts"):
        name = host.strip().partition(":")[0]
        if _is_of_the_mesh(mesh, name, policy.namespace) and not _has_host(mesh, name, policy.namespace):
            says = f"names host {host}, which no Service, ServiceEntry or VirtualService has"
            severity: Severity | None = None if mesh.mesh_config.registry_only else "low"
            proof = [quote(policy, at, host)]
            yield fail(policy, says, at=at, evidence=proof, severity=severity, lacking=(Service, ServiceEntry))


def _is_of_the_mesh(mesh: Mesh, host: str, namespace: str) -> bool:
    """Whether a host is a Service's short name or `name.namespace`; any other is what callers write in the Host header."""
    if not host or "*" in host:
        return False
    _, dot, rest = host.partition(".")
    return not dot or rest == namespace or ("." not in rest and mesh[Namespace].get("", rest) is not None)


def _has_host(mesh: Mesh, host: str, namespace: str) -> bool:
    name, _, space = host.partition(".")
    full = fqdn(name, space or namespace)
    if any(sees(mesh, namespace, r.origin) for r in resolve(mesh, full, namespace)):
        return True
    exact, wild = virtual_hosts(mesh)
    return full.lower() in exact or any(host_matches(w, full) for w in wild)


def virtual_hosts(mesh: Mesh) -> tuple[frozenset[str], tuple[str, ...]]:
    """The hosts of all VirtualServices, in full: exact ones and wildcards. Found once a snapshot."""
    table = mesh[VirtualService]
    found: tuple[frozenset[str], tuple[str, ...]] | None = mesh.memo.get("virtual_hosts")
    if found is None:
        hosts = frozenset(fqdn(h, v.namespace).lower() for v in table.everywhere() for h in v.spec.hosts)
        found = mesh.memo["virtual_hosts"] = (hosts, tuple(h for h in hosts if "*" in h))
    return found
