"""Says which kinds the recorded API server serves: as it said, and whatever was laid over the recording."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import known_kind, namespaced
from meshdoctor.bundle.paths import Place, place_of
from meshdoctor.bundle.statuses import json_answer
from meshdoctor.bundle.store import Store
from meshdoctor.model import kinds

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = ["get", "list", "watch"]
Json = dict[str, Any]


def discovery(store: Store, path: str, accept: str) -> Answer | None:
    """The answer for `/api`, `/apis` and what is below them down to a version; None for any other path."""
    path = path.rstrip("/")
    if path in ("/api", "/apis"):
        recorded = store.recorded(path, ())
        if recorded is not None and not _aggregated(recorded):
            return recorded
        groups = _groups(store, path)
        if "apidiscovery.k8s.io" in accept:
            body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups}
            return json_answer(body, content_type=AGGREGATED)
        return json_answer(_versions(groups) if path == "/api" else _plain_groups(groups))
    parts = path.strip("/").split("/")
    if parts[0] not in ("api", "apis") or len(parts) > (2 if parts[0] == "api" else 3):
        return None
    return store.recorded(path, ()) or _below(_groups(store, f"/{parts[0]}"), parts)


def _aggregated(answer: Answer) -> bool:
    return answer.status == 200 and b"APIGroupDiscoveryList" in answer.body[:400]


def _below(groups: list[Json], parts: list[str]) -> Answer | None:
    name = parts[1] if parts[0] == "apis" else ""
    group = next((g for g in groups if g["metadata"].get("name", "") == name), None)
    if group is None:
        return None
    if parts[0] == "apis" and len(parts) == 2:
        return json_answer({"kind": "APIGroup", "apiVersion": "v1", **_plain_group(group)})
    version = next((v for v in group["versions"] if v["version"] == parts[-1]), None)
    return json_answer(_resources(name, version)) if version is not None else None


def _groups(store: Store, root: str) -> list[Json]:
    """Aggregated discovery: the recorded groups, with the kinds that only the lists show."""
    recorded = store.recorded(root, ())
    told = msgspec.json.decode(recorded.body).get("items") if recorded is not None and _aggregated(recorded) else None
    served = list(_served(store))
    known = {(place.group, place.plural) for place, _ in served} | {(k.GROUP, k.PLURAL) for k in kinds.ALL}
    groups: list[Json] = [_held(group, known) for group in told or []]
    for place, kind in served:
        if place.root.startswith(f"{root}/"):
            _add(groups, place, kind)
    return groups


def _held(group: Json, known: set[tuple[str, str]]) -> Json:
    """A group without the kinds that nobody reads and of which nothing was recorded: kubectl would ask for them in vain."""
    name = group["metadata"].get("name", "")
    versions = [
        {
            **v,
            "resources": [
                r for r in v.get("resources") or () if (name, r.get("resource")) in known or "list" not in r.get("verbs", ())
            ],
        }
        for v in group.get("versions") or ()
    ]
    return {**group, "versions": versions}


def _served(store: Store) -> Iterable[tuple[Place, str]]:
    """The places whose kinds are served: those that were listed, or whose listing was denied or did not come to its end."""
    for collection in store.collections.values():
        if collection.failed is None or collection.failed.status in (403, 500):
            yield collection.place, collection.kind
    for unseen, _ in store.unseen.values():
        known = known_kind(unseen)
        if known is not None:
            yield unseen, known.KIND
    for path in store.single_paths():
        place = place_of(path)
        if place is not None and place.name and not place.sub:
            yield place, store.kind_of_single(path)


def _add(groups: list[Json], place: Place, kind: str) -> None:
    version_name = place.root.rpartition("/")[2]
    group = next((g for g in groups if g["metadata"].get("name", "") == place.group), None)
    if group is None:
        group = {"metadata": {"name": place.group} if place.group else {}, "versions": []}
        groups.append(group)
    version = next((v for v in group["versions"] if v["version"] == version_name), None)
    if version is None:
        version = {"version": version_name, "resources": [], "freshness": "Current"}
        group["versions"].append(version)
    if all(r["resource"] != place.plural for r in version["resources"]):
        resource = {
            "resource": place.plural,
            "responseKind": {"group": place.group, "version": version_name, "kind": kind},
            "scope": "Namespaced" if namespaced(place) else "Cluster",
            "singularResource": kind.lower(),
            "verbs": VERBS,
        }
        version["resources"].append(resource)


def _versions(groups: list[Json]) -> Json:
    versions = [v["version"] for g in groups for v in g["versions"]]
    return {"kind": "APIVersions", "versions": versions or ["v1"], "serverAddressByClientCIDRs": []}


def _plain_groups(groups: list[Json]) -> Json:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_plain_group(g) for g in groups]}


def _plain_group(group: Json) -> Json:
    name = group["metadata"].get("name", "")
    versions = [{"groupVersion": f"{name}/{v['version']}", "version": v["version"]} for v in group["versions"]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: Json) -> Json:
    name = f"{group}/{version['version']}" if group else version["version"]
    resources = []
    for told in version["resources"]:
        kind = (told.get("responseKind") or {}).get("kind", "")
        common = {"namespaced": told.get("scope") == "Namespaced", "kind": kind}
        singular = {"singularName": told.get("singularResource", ""), "verbs": told.get("verbs", VERBS)}
        resources.append({"name": told["resource"], **common, **singular})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}
