"""AuthorizationPolicy: which policies cover a pod, and whether one matches a caller.

Source: istio.io, AuthorizationPolicy reference (DENY before ALLOW; an ALLOW anywhere makes silence a denial).
"""

from __future__ import annotations

import re

import msgspec

from meshdoctor.istio.labelled import Labelled
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.security import AuthorizationPolicy, Operation, Rule, Source
from meshdoctor.model.workloads import Pod

PRINCIPAL = re.compile(r"^[^/]+/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)$")
OF_IDENTITY = ("source.namespace", "source.principal", "connection.sni")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request: None where it is not known."""

    principal: str | None = None  # TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT; "" for a caller without an identity
    namespace: str | None = None
    port: int | None = None
    method: str | None = None
    path: str | None = None
    host: str | None = None


def policies_for(mesh: Mesh, pod: Labelled) -> tuple[AuthorizationPolicy, ...]:
    """The policies enforced at a pod's sidecar: of its namespace and of the root, by selector. Dry-run ones are left out."""
    found = []
    for namespace in dict.fromkeys((pod.namespace, mesh.mesh_config.root_namespace)):
        for policy in mesh[AuthorizationPolicy].within(namespace):
            if not policy.is_dry_run and not policy.spec.targets and wanted(policy).items() <= pod.labels.items():
                found.append(policy)
    return tuple(found)


def wanted(policy: AuthorizationPolicy) -> dict[str, str]:
    """The labels that a policy selects; none means all pods of its scope."""
    return policy.spec.selector.wanted if policy.spec.selector else {}


def principal_of(mesh: Mesh, pod: Pod) -> str:
    """The identity of a pod's proxy: `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; empty where it has no proxy."""
    if pod.proxy is None:
        return ""
    return f"{mesh.mesh_config.trust_domain}/ns/{pod.namespace}/sa/{pod.service_account}"


def refusals(policy: AuthorizationPolicy, request: Request) -> list[tuple[int, str]]:
    """Why no rule of a policy matches, as (rule index, the field that fails); empty where some rule does or may."""
    if not policy.spec.rules:
        return [(-1, "it has no rules")]
    failing = []
    for index, rule in enumerate(policy.spec.rules):
        field = _first_mismatch(rule, request)
        if field is None:
            return []
        failing.append((index, field))
    return failing


def _first_mismatch(rule: Rule, request: Request) -> str | None:
    sources = [_source_mismatch(f.source, request) for f in rule.from_]
    if sources and None not in sources:
        return f"from: {sources[0]}"
    operations = [_operation_mismatch(t.operation, request) for t in rule.to]
    if operations and None not in operations:
        return f"to: {operations[0]}"
    return None  # conditions in `when` are not known from a log line: they may hold


def _source_mismatch(source: Source, request: Request) -> str | None:
    principals = (
        *source.principals,
        *(f"*/ns/{a.replace('/', '/sa/')}" if "/" in a else f"*/sa/{a}" for a in source.service_accounts),
    )
    checks = (
        ("source.principals", principals, source.not_principals, request.principal),
        ("source.namespaces", source.namespaces, source.not_namespaces, request.namespace),
        ("source.requestPrincipals", source.request_principals, source.not_request_principals, None),
    )
    return next((m for name, yes, no, value in checks if (m := _mismatch(name, yes, no, value))), None)


def _operation_mismatch(operation: Operation, request: Request) -> str | None:
    port = None if request.port is None else str(request.port)
    checks = (
        ("operation.ports", operation.ports, operation.not_ports, port),
        ("operation.methods", operation.methods, operation.not_methods, request.method),
        ("operation.paths", operation.paths, operation.not_paths, request.path),
        ("operation.hosts", operation.hosts, operation.not_hosts, request.host),
    )
    return next((m for name, yes, no, value in checks if (m := _mismatch(name, yes, no, value))), None)


def _mismatch(name: str, positive: tuple[str, ...], negative: tuple[str, ...], value: str | None) -> str | None:
    if value is None:
        return None
    if positive and not any(matches(p, value) for p in positive):
        return f"{name} {list(positive)} does not match {value or 'a caller without identity'}"
    if negative and any(matches(n, value) for n in negative):
        return f"{name.replace('.', '.not', 1)} {list(negative)} matches {value}"
    return None


def matches(pattern: str, value: str) -> bool:
    """Exact, `*` (anything but nothing), `prefix*` and `*suffix`."""
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return pattern == value


def denied_by_silence(mesh: Mesh, pod: Labelled, request: Request) -> bool:
    """Whether an ALLOW policy covers the pod and none of them can match the request."""
    allows = [p for p in policies_for(mesh, pod) if p.spec.action == "ALLOW"]
    return bool(allows) and all(refusals(p, request) for p in allows)


def identity_fields(policy: AuthorizationPolicy) -> tuple[str, ...]:
    """The paths in a policy that only a caller's identity can match, which mutual TLS carries."""
    paths = []
    for i, rule in enumerate(policy.spec.rules):
        for j, each in enumerate(rule.from_):
            source = each.source
            named = (
                ("principals", source.principals),
                ("notPrincipals", source.not_principals),
                ("namespaces", source.namespaces),
                ("notNamespaces", source.not_namespaces),
            )
            paths += [f"spec.rules[{i}].from[{j}].source.{name}" for name, values in named if values]
        paths += [f"spec.rules[{i}].when[{k}]" for k, condition in enumerate(rule.when) if condition.key in OF_IDENTITY]
    return tuple(paths)
