"""istiod's desired configuration of a proxy against what its Envoy has, resource by resource.

istiod prints protobuf's own JSON (`dynamicActiveClusters`), Envoy the fields' names (`dynamic_active_clusters`): names are
compared without underscores and in small letters. Source: istio.io, `istioctl proxy-status POD`, which compares the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

State = Literal["same", "differs", "missing", "extra"]
PLACES = {  # lists of a dump: kind of resource, and where in an item the resource is
    "dynamicactiveclusters": ("cluster", ("cluster",)),
    "dynamicwarmingclusters": ("cluster", ("cluster",)),
    "dynamiclisteners": ("listener", ("activestate", "listener")),
    "dynamicrouteconfigs": ("route", ("routeconfig",)),
    "dynamicendpointconfigs": ("endpoints", ("endpointconfig",)),
}
MOST = 6  # places of one resource that are told
LONGEST = 80


class Place(msgspec.Struct, frozen=True):
    """One place where a resource differs; a side that has nothing there is empty."""

    path: str
    desired: str
    actual: str


class Compared(msgspec.Struct, frozen=True):
    """One resource: `missing` at Envoy, `extra` there, or the places that differ."""

    kind: str
    name: str
    state: State
    places: tuple[Place, ...] = ()


def compare(desired: Any, actual: Any) -> tuple[Compared, ...]:
    """Every resource of two config dumps, those that differ first. Kinds of which istiod tells nothing are left out."""
    wanted, found = resources(desired), resources(actual)
    kinds = {kind for kind, _ in wanted}
    made = []
    for kind, name in sorted({*wanted, *(key for key in found if key[0] in kinds)}):
        one, other = wanted.get((kind, name)), found.get((kind, name))
        if one is None or other is None:
            made.append(Compared(kind, name, "missing" if other is None else "extra"))
        else:
            places = tuple(_places(one, other))
            made.append(Compared(kind, name, "differs" if places else "same", places[:MOST]))
    return tuple(sorted(made, key=lambda c: c.state == "same"))


def resources(dump: Any) -> dict[tuple[str, str], Any]:
    """The resources of a config dump by kind and name."""
    found: dict[tuple[str, str], Any] = {}
    configs = _plain(dump).get("configs") if isinstance(dump, dict) else None
    for section in configs if isinstance(configs, list) else ():
        for key, items in section.items() if isinstance(section, dict) else ():
            if key in PLACES and isinstance(items, list):
                kind, steps = PLACES[key]
                for item in items:
                    thing = _inside(item, steps)
                    name = thing.get("name") or thing.get("clustername") if isinstance(thing, dict) else None
                    if isinstance(name, str):
                        found[kind, name] = thing
    return found


def _inside(item: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k).replace("_", "").lower(): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _places(one: Any, other: Any, path: str = "") -> Iterator[Place]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from _places(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif (left := _by_name(one)) and (right := _by_name(other)):
        for name in dict.fromkeys((*left, *right)):
            yield from _places(left.get(name), right.get(name), f"{path}[{name}]")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _places(left, right, f"{path}[{number}]")
    elif one != other:
        yield Place(path, _word(one), _word(other))


def _by_name(value: Any) -> dict[str, Any]:
    """A list whose items have names of their own, by these; empty for any other."""
    named = [v["name"] for v in value if isinstance(v, dict) and isinstance(v.get("name"), str)] if isinstance(value, list) else []
    return dict(zip(named, value, strict=True)) if named and len({*named}) == len(named) == len(value) else {}


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return f"{len(value)} entries"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
