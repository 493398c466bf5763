"""What of a policy only a caller's identity can match."""

from __future__ import annotations

import re

from meshdoctor.model.security import AuthorizationPolicy

PRINCIPAL = re.compile(r"^[^/]+/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)$")
OF_IDENTITY = ("source.namespace", "source.principal", "connection.sni")


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
