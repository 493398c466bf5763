"""From the text of a refused configuration to the Kubernetes object that put it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from meshdoctor.istio.authorization.scope import tokens_for
from meshdoctor.istio.authorization.tokens import provider_rule
from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Secret
from meshdoctor.model.envoyfilters import EnvoyFilter
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.networking import Gateway
from meshdoctor.model.workloads import Pod

# Which parts of an EnvoyFilter end up in which xDS type.
APPLIES = {
    "LDS": {"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"},
    "RDS": {"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"},
    "CDS": {"CLUSTER"},
    "EDS": {"CLUSTER"},
    "ECDS": {"EXTENSION_CONFIG"},
}
ELSEWHERE = ("jwks", "cannot bind", "permission denied", "failed to load certificate", "failed to load private key")
_WORD = re.compile(r"[A-Za-z0-9_.\-/]{4,}")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?")  # also of a duration: `-3s`


def culprit(mesh: Mesh, pod: Pod, kind: str, error: str, when: datetime | None) -> KubernetesObject | None:
    """The object that a refusal leads to; None where the text leads to none, or to several alike.

    EnvoyFilters that reach the pod and the refused type come first, by the words they share with the error, then the
    youngest; then a RequestAuthentication for JWKS errors, a Gateway for ports that cannot be bound, a Secret of its Gateways
    for certificates that do not load.
    """
    filters = [f for f in mesh[EnvoyFilter] if reaches(mesh, f, pod) and _applies(f, kind)]
    ranked = sorted(filters, key=lambda f: (-shared_words(f, error), -_stamp(f)))
    if ranked and (len(ranked) == 1 or shared_words(ranked[0], error) > shared_words(ranked[1], error)):
        if shared_words(ranked[0], error) or not _leads_elsewhere(error):
            return ranked[0]
    elif ranked and not _leads_elsewhere(error):
        return ranked[0]
    if "jwks" in error.lower():
        refused = provider_rule(tokens_for(mesh, pod), error)
        return refused.policy if refused else None
    if "bind" in error.lower():
        return _gateway_of_port(mesh, pod, error)
    if "certificate" in error.lower() or "private key" in error.lower():
        return _secret_of(mesh, pod, error)
    return None


def _leads_elsewhere(error: str) -> bool:
    text = error.lower()
    return any(word in text for word in ELSEWHERE)


def _stamp(thing: KubernetesObject) -> float:
    return thing.changed.timestamp() if thing.changed else 0.0


def reaches(mesh: Mesh, envoy_filter: EnvoyFilter, pod: Pod) -> bool:
    """Whether an EnvoyFilter is applied to a pod: its namespace or the root, and its selector."""
    if envoy_filter.namespace not in (pod.namespace, mesh.mesh_config.root_namespace) or envoy_filter.spec.target_refs:
        return False
    selector = envoy_filter.spec.workload_selector
    return not selector or selector.wanted.items() <= pod.labels.items()


def _applies(envoy_filter: EnvoyFilter, kind: str) -> bool:
    return any(p.apply_to in APPLIES.get(kind, set()) for p in envoy_filter.spec.config_patches)


def shared_words(envoy_filter: EnvoyFilter, error: str) -> int:
    """How many words and numbers of its patches stand in the error."""
    texts = [text for p in envoy_filter.spec.config_patches for text in _texts(p.patch)]
    words = {w for text in texts for w in _WORD.findall(text)}
    common = {"envoy", "type.googleapis.com", "typed_config", "value", "name", "INSERT_FIRST", "INSERT_BEFORE", "MERGE"}
    numbers = {n for text in texts for n in _NUMBER.findall(text)} & set(_NUMBER.findall(error))
    return sum(w in error for w in words - common) + len(numbers)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, (str, int, float)):
        yield str(value)


def _gateway_of_port(mesh: Mesh, pod: Pod, error: str) -> Gateway | None:
    ports = {int(n) for n in re.findall(r"[:_](\d{2,5})\b", error)}
    for gateway in mesh[Gateway]:
        if gateway.spec.selector.items() <= pod.labels.items() and any(s.port.number in ports for s in gateway.spec.servers):
            return gateway
    return None


def _secret_of(mesh: Mesh, pod: Pod, error: str) -> Secret | None:
    """The Secret of a Gateway's server that the error names, or the only one there is."""
    servers = [s for g in mesh[Gateway] if g.spec.selector.items() <= pod.labels.items() for s in g.spec.servers]
    names = dict.fromkeys(name for s in servers if s.tls for name in s.tls.credentials)
    named = [n for n in names if re.search(rf"(?<![\w.-]){re.escape(n)}(?![\w.-])", error)]
    chosen = named or list(names)
    return mesh[Secret].get(pod.namespace, chosen[0]) if len(chosen) == 1 else None
