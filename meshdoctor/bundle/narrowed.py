"""What Envoy would answer to a narrower question than the one that was recorded: `filter` of `/clusters`, `resource`
with `name_regex` of `/config_dump`, and `/ready`, which tells the state of `/server_info`.

Source: envoyproxy.io, "Administration interface".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.paths import Pairs

NAMES = {  # where the name of a resource is
    "dynamic_listeners": ("name",),
    "dynamic_route_configs": ("route_config", "name"),
    "dynamic_active_clusters": ("cluster", "name"),
    "dynamic_endpoint_configs": ("endpoint_config", "cluster_name"),
}
Recorded = Mapping[tuple[str, Pairs], Answer]


def narrowed(recorded: Recorded, path: str, pairs: Pairs) -> Answer | None:
    """The answer out of a wider one of the same pod; None where none was recorded that has it."""
    given = dict(pairs)
    try:
        if path == "/clusters" and given.keys() == {"format", "filter"}:
            return _clusters(recorded, given)
        if path == "/ready" and not given:
            return _ready(recorded.get(("/server_info", ())))
        if path == "/config_dump" and given.keys() <= {"resource", "name_regex", "include_eds"}:
            return _resources(recorded, given.get("resource", ""), given.get("name_regex", ""))
    except (re.error, msgspec.DecodeError, RecursionError):
        return None
    return None


def _ready(info: Answer | None) -> Answer | None:
    if info is None or info.status != 200:
        return info
    told = msgspec.json.decode(info.body)
    state = str(told.get("state", "LIVE")) if isinstance(told, dict) else "unknown"
    return Answer(200 if state == "LIVE" else 503, "text/plain", f"{state}\n".encode())


def _clusters(recorded: Recorded, given: Mapping[str, str]) -> Answer | None:
    whole = recorded.get(("/clusters", (("format", given["format"]),)))
    if whole is None or whole.status != 200 or given["format"] != "json":
        return whole
    wanted, told = re.compile(given["filter"]), msgspec.json.decode(whole.body)
    kept = [c for c in told.get("cluster_statuses", ()) if wanted.search(str(c.get("name", "")))]
    return _answer({"cluster_statuses": kept})


def _resources(recorded: Recorded, resource: str, pattern: str) -> Answer | None:
    if resource not in NAMES:
        return None
    wanted = re.compile(pattern)
    for (path, pairs), answer in recorded.items():
        given = dict(pairs)
        masks = given.get("mask", resource).split(",")
        if path != "/config_dump" or answer.status != 200 or "name_regex" in given or resource not in masks:
            continue
        if given.get("resource", resource) == resource and (items := _items(answer.body, given, resource)) is not None:
            return _answer({"configs": [i for i in items if not pattern or wanted.fullmatch(_name(i, resource))]})
    return None


def _items(body: bytes, given: Mapping[str, str], resource: str) -> list[Any] | None:
    """The resources of that kind in a dump; None where it is of other kinds."""
    configs = msgspec.json.decode(body).get("configs", [])
    if "resource" in given:
        return None if "mask" in given else configs
    found = list(_lists(configs, resource))
    return [item for items in found for item in items] if found or "mask" in given else None


def _lists(configs: list[Any], resource: str) -> Iterator[list[Any]]:
    return (section[resource] for section in configs if isinstance(section.get(resource), list))


def _name(item: Any, resource: str) -> str:
    for key in NAMES[resource]:
        item = item.get(key) if isinstance(item, dict) else None
    return str(item or "")


def _answer(value: Any) -> Answer:
    return Answer(200, "application/json", msgspec.json.encode(value))
