"""What changed between two bundles: objects by kind and name, fields by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import Object, kind_name, name_of, recorded_lists
from meshdoctor.model.subject import Subject

# What changes by itself all the time and tells nothing.
_NOISE = frozenset(
    {
        "resourceVersion", "managedFields", "generation", "observedGeneration", "lastHeartbeatTime", "lastProbeTime",
        "lastTransitionTime", "lastUpdateTime", "uid", "creationTimestamp", "renewTime",
    }
)  # fmt: skip
_QUIET = frozenset({"events", "leases"})
MARK = "<redacted:"
LONGEST = 120
MOST_FIELDS = 40


class FieldChange(msgspec.Struct, frozen=True):
    """One field; None where it is not there. Long values are cut."""

    path: str
    before: str | None
    after: str | None


class ObjectChange(msgspec.Struct, frozen=True):
    """One object that came, went or changed."""

    subject: Subject
    change: Literal["added", "removed", "changed"]
    fields: tuple[FieldChange, ...] = ()


def objects(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> list[ObjectChange]:
    """The changes, by kind, namespace and name. Kinds that only one of the two has are left out: nothing is known of them."""
    old, new = _by_kind(before), _by_kind(after)
    found: list[ObjectChange] = []
    for key in sorted(old.keys() & new.keys()):
        was, now = old[key], new[key]
        for place in sorted(was.keys() | now.keys()):
            subject = Subject(group=key[0], kind=key[1], namespace=place[0], name=place[1])
            if place not in was or place not in now:
                found.append(ObjectChange(subject, "added" if place in now else "removed"))
            elif fields := tuple(_fields(was[place], now[place])):
                found.append(ObjectChange(subject, "changed", fields[:MOST_FIELDS]))
    return found


def one_sided(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> list[str]:
    """Kinds that only one of the two bundles holds."""
    return sorted(kind for _, kind in _by_kind(before).keys() ^ _by_kind(after).keys())


def _by_kind(answers: Mapping[str, Answer]) -> dict[tuple[str, str], dict[tuple[str, str], Object]]:
    found: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
    for listed in recorded_lists(answers).values():
        place = listed.place
        if listed.failed is None and place.plural not in _QUIET:
            kind = kind_name(place, listed.head) if listed.head.kind else place.plural
            found.setdefault((place.group, kind), {}).update({name_of(item): item for item in listed.items()})
    return found


def _fields(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if key not in _NOISE:
                yield from _fields(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (was, now) in enumerate(zip(before, after, strict=True)):
            yield from _fields(was, now, f"{path}[{number}]")
    elif before != after and not (str(before).startswith(MARK) and str(after).startswith(MARK)):  # each bundle has marks of its own
        yield FieldChange(path, _shown(before), _shown(after))


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
