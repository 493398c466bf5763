"""The rights that a full look needs, and the smallest role that grants them."""

from __future__ import annotations

import msgspec
import yaml

from meshdoctor.model import kinds


class Right(msgspec.Struct, frozen=True):
    """One verb on one resource, and what it is for. `namespaced`: it may be granted in one namespace alone."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    why: str = ""
    namespaced: bool = True

    @property
    def name(self) -> str:
        whole = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{whole}/{self.subresource}" if self.subresource else whole


def needed_rights() -> tuple[Right, ...]:
    """List and watch of each kind, logs, and a way into pods."""
    found = [
        Right("list", k.GROUP, k.PLURAL, why="that kind is not seen", namespaced=k.NAMESPACED)
        for k in kinds.LISTED + kinds.METADATA_ONLY
    ]
    found.append(Right("get", "", "configmaps", why="mesh config and root certificate are read from the proxies only"))
    found.append(
        Right(
            "get",
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            why="in which versions objects are stored is not seen",
            namespaced=False,
        )
    )
    found.append(Right("get", "", "pods", "log", "access logs: what fails now is not seen"))
    found.append(Right("create", "", "pods", "portforward", "istiod and the proxies are asked by exec instead, if that is allowed"))
    found.append(Right("get", "", "pods", "portforward", "istiod and the proxies are asked by exec instead, if that is allowed"))
    return tuple(found)


def role() -> str:
    """A ClusterRole in YAML. It reads names of Secrets only through metadata, which Kubernetes cannot grant apart."""
    groups: dict[str, list[str]] = {}
    for kind in kinds.LISTED:
        groups.setdefault(kind.GROUP, []).append(kind.PLURAL)
    rules: list[dict[str, list[str]]] = [
        {"apiGroups": [group], "resources": sorted(set(plurals)), "verbs": ["get", "list", "watch"]}
        for group, plurals in groups.items()
    ]
    rules.append({"apiGroups": [""], "resources": ["configmaps", "pods/log"], "verbs": ["get"]})
    rules.append({"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]})
    document = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "meshdoctor"},
        "rules": rules,
    }
    return yaml.safe_dump(document, sort_keys=False)
