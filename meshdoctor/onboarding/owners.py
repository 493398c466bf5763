"""Who answers for a namespace: what it says itself, else what writes its objects."""

from __future__ import annotations

from collections.abc import Iterable

from meshdoctor.model.base import KubernetesObject
from meshdoctor.model.cluster import Namespace
from meshdoctor.model.text import plain
from meshdoctor.onboarding.scope import Scope

PEOPLE = ("owner", "team", "contact", "on-call", "oncall", "owned-by", "squad", "maintainer")
"""The last part of a label or annotation that names people, whatever its prefix (`example.com/team`)."""

TOOLS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "meta.helm.sh/release-name": "Helm",
}
CONTROLLERS = {"kube-controller-manager", "kubelet", "kube-apiserver", "istiod", "pilot-discovery"}


def people(namespace: Namespace) -> tuple[str, str] | None:
    """(who, where it is written), as labels and annotations of the namespace name people."""
    for where, pairs in (("labels", namespace.labels), ("annotations", namespace.annotations)):
        for wanted in PEOPLE:
            for key, value in sorted(pairs.items()):
                if key.rpartition("/")[2].lower() == wanted and value:
                    return plain(value, 100), f"metadata.{where}[{key}]"
    return None


def owner(scope: Scope) -> tuple[str, str] | None:
    """(who, where that is written): people where any are named, else the tool that manages it, else who wrote it last."""
    named = people(scope.namespace)
    if named is not None:
        return named
    things: tuple[KubernetesObject, ...] = (scope.namespace, *(u.thing for u in scope.units))
    return _tool(things) or _writer(things)


def _tool(things: Iterable[KubernetesObject]) -> tuple[str, str] | None:
    for thing in things:
        for key, tool in TOOLS.items():
            value = thing.annotations.get(key) or thing.labels.get(key)
            if value:
                return f"{tool} {plain(value, 80)}", f"{thing.subject} {key}"
    return None


def _writer(things: Iterable[KubernetesObject]) -> tuple[str, str] | None:
    for thing in things:
        fields = thing.metadata.managed_fields
        written = [(m.time, m.manager) for m in fields if m.time and m.manager not in CONTROLLERS and not m.subresource]
        _, manager = max(written, default=(None, ""))
        if manager:
            return f"written with {plain(manager, 60)}", f"{thing.subject} metadata.managedFields"
    return None
