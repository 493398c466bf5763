"""Places in an object: `spec.http[0].fault`, `metadata.labels[istio.io/rev]`."""

from __future__ import annotations

import re
from typing import Any

Steps = tuple[str | int, ...]

_STEP = re.compile(r"\[(?:'([^']*)'|\"([^\"]*)\"|([^\]]*))\]|([^.\[\]]+)")


class NoPlace(LookupError):
    """The object has no such place."""


def steps(path: str) -> Steps:
    """The path's steps; a number in brackets is a place in a list, anything else there a key."""
    found: list[str | int] = []
    for match in _STEP.finditer(path):
        quoted = match[1] if match[1] is not None else match[2]
        word = quoted if quoted is not None else match[3] if match[3] is not None else match[4]
        found.append(int(word) if match[3] is not None and word.isdigit() else word)
    return tuple(found)


def pointer(path: Steps) -> str:
    """The same as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def shown(path: Steps) -> str:
    """The same as people write it."""
    text = ""
    for step in path:
        plain = isinstance(step, str) and re.fullmatch(r"[\w-]+", step)
        text += f".{step}" if plain else f"[{step}]"
    return text.removeprefix(".")


def get(thing: Any, path: Steps) -> Any:
    """What is there; a word where there is a list is the `name` of one of its items. Raises NoPlace."""
    for step in path:
        try:
            thing = thing[_place(thing, step)]
        except (KeyError, IndexError, TypeError) as why:
            raise NoPlace(shown(path)) from why
    return thing


def _place(thing: Any, step: str | int) -> Any:
    if isinstance(thing, list) and isinstance(step, str):
        return next((i for i, item in enumerate(thing) if isinstance(item, dict) and item.get("name") == step), step)
    return step


def has(thing: Any, path: Steps) -> bool:
    """Whether there is anything there."""
    try:
        get(thing, path)
    except NoPlace:
        return False
    return True


def put(thing: Any, path: Steps, value: Any) -> None:
    """Set what is there; objects on the way are made, lists are only entered or, one past the end, lengthened. Raises NoPlace."""
    *way, last = path
    for step in way:
        enters = isinstance(thing, dict) and isinstance(step, str)
        thing = thing.setdefault(step, {}) if enters else get(thing, (step,))
    if isinstance(thing, dict):
        thing[last] = value
    elif isinstance(thing, list) and (last == len(thing) or last == "-"):
        thing.append(value)
    elif isinstance(thing, list) and isinstance(last, int) and last < len(thing):
        thing[last] = value
    else:
        raise NoPlace(shown(path))


def drop(thing: Any, path: Steps) -> None:
    """Remove what is there, and the maps that are empty without it, below the top two levels. Raises NoPlace."""
    *way, last = path
    holder = get(thing, tuple(way))
    if not has(holder, (last,)):
        raise NoPlace(shown(path))
    del holder[last]
    if holder == {} and len(way) > 1 and isinstance(way[-1], str):
        drop(thing, tuple(way))
