"""Where things stand in a bundle: as troubleshoot.sh's support bundles have them, so that sbctl reads it too."""

from __future__ import annotations

import hashlib
import re

from meshdoctor.bundle.paths import Place, place_of, split

ROOT = "cluster-resources"
_TROUBLESHOOT = {
    "pods": "pods", "services": "services", "events": "events", "limitranges": "limitranges", "namespaces": "namespaces",
    "nodes": "nodes", "serviceaccounts": "serviceaccounts", "resourcequotas": "resource-quota", "deployments.apps": "deployments",
    "replicasets.apps": "replicasets", "statefulsets.apps": "statefulsets", "daemonsets.apps": "daemonsets",
    "jobs.batch": "jobs", "cronjobs.batch": "cronjobs", "poddisruptionbudgets.policy": "pod-disruption-budgets",
    "customresourcedefinitions.apiextensions.k8s.io": "custom-resource-definitions", "configmaps": "configmaps",
}  # fmt: skip
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 80


def list_path(place: Place, namespace: str) -> str:
    """The file of a list's objects of one namespace; of all, for "" and for kinds without namespaces."""
    inside = f"/{_safe(namespace)}" if namespace else ""
    known = _TROUBLESHOOT.get(place.resource)
    if known is None:
        known = f"custom-resources/{_safe(place.resource)}"
    return f"{ROOT}/{known}{inside}.json"


def is_wrapped(place: Place) -> bool:
    """Whether troubleshoot keeps the kind as a list object; custom resources are bare arrays there."""
    return place.resource in _TROUBLESHOOT


def answer_path(key: str, body: bytes) -> str:
    """The file of one answer. What it ends in keeps it apart from a folder: `/api` is answered, and so is `/api/v1`."""
    ending = ".json" if body[:1] in (b"{", b"[") else ".txt"  # Envoy calls its JSON plain text
    source, _, rest = key.partition(" ")
    if source == "pod":
        where, _, target = rest.partition(" GET ")
        pod, _, port = where.rpartition(":")
        namespace, _, name = pod.partition("/")
        return f"mesh/pods/{_safe(namespace)}/{_safe(name)}/{_safe(port)}{_named(target)}{ending}"
    target = rest.removeprefix("GET ")
    path, pairs = split(target)
    place = place_of(path)
    if place is not None and place.sub == "log":
        given = dict(pairs)
        previous = "-previous" if given.get("previous") == "true" else ""
        container = given.get("container", "log")
        return f"{ROOT}/pods/logs/{_safe(place.namespace)}/{_safe(place.name)}/{_safe(container)}{previous}.log"
    return f"mesh/answers{_named(target)}{ending}"


def _named(target: str) -> str:
    """A file name for a path with its query; long ones end in a digest."""
    path, _, query = target.partition("?")
    name = "/" + "/".join(_safe(part) for part in path.strip("/").split("/"))
    if query:
        digest = hashlib.sha256(query.encode()).hexdigest()[:8]
        name += f"-{_safe(query)[:LONGEST]}-{digest}" if len(query) > LONGEST or _safe(query) != query else f"-{query}"
    return name


def _safe(part: str) -> str:
    cleaned = _UNSAFE.sub("-", part).strip("-")[:200]
    return f"_{cleaned}" if cleaned in ("", ".", "..") else cleaned
