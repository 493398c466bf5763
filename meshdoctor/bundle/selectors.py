"""Label and field selectors as the API server understands them."""

from __future__ import annotations

import re
from collections.abc import Callable

from meshdoctor.bundle.lists import Object

Matches = Callable[[Object], bool]
_IN = re.compile(r"\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*")
_EQUAL = re.compile(r"\s*([^!=\s]+)\s*(==|=|!=)\s*([^\s=]*)\s*")
_EXISTS = re.compile(r"\s*(!?)\s*([^!=,\s()]+)\s*")


def matcher(label_selector: str, field_selector: str) -> Matches:
    """Whether an object fits both. Raises ValueError where one cannot be parsed."""
    tests = [_label(part) for part in re.split(r",(?![^(]*\))", label_selector) if part.strip()]
    tests += [_field(part) for part in field_selector.split(",") if part.strip()]
    return lambda thing: all(test(thing) for test in tests)


def _labels(thing: Object) -> dict[str, str]:
    return (thing.get("metadata") or {}).get("labels") or {}


def _label(part: str) -> Matches:
    if found := _IN.fullmatch(part):
        key, wanted, inside = found[1], {v.strip() for v in found[3].split(",")}, found[2] == "in"
        if inside:
            return lambda thing: key in _labels(thing) and _labels(thing)[key] in wanted
        return lambda thing: _labels(thing).get(key) not in wanted
    if found := _EQUAL.fullmatch(part):
        key, operator, value = found.groups()
        return lambda thing: (_labels(thing).get(key) == value) == (operator != "!=")
    if found := _EXISTS.fullmatch(part):
        wanted_there, key = not found[1], found[2]
        return lambda thing: (key in _labels(thing)) == wanted_there
    raise ValueError(f"unable to parse requirement: {part.strip()!r}")


def _field(part: str) -> Matches:
    found = _EQUAL.fullmatch(part)
    if found is None:
        raise ValueError(f"invalid selector: {part.strip()!r}; can't understand")
    path, operator, value = found.groups()
    return lambda thing: (_at(thing, path) == value) == (operator != "!=")


def _at(thing: Object, path: str) -> str:
    value: object = thing
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
