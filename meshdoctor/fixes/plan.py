"""From a finding to one write: which remedy fits, what it makes of the live object, and what that is sent as."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml

from meshdoctor.fixes import paths
from meshdoctor.fixes.case import Case, NoRemedy, value_of
from meshdoctor.fixes.owner import Owner, owner_of
from meshdoctor.fixes.patch import Object, Operation, difference, ours
from meshdoctor.fixes.place import Place
from meshdoctor.kube.writing import Write
from meshdoctor.model.findings import Finding
from meshdoctor.model.remedies import Remedy
from meshdoctor.model.subject import Subject

WORD = re.compile(r"\$\{(\w+)\}")
RESTARTED = "spec.template.metadata.annotations[kubectl.kubernetes.io/restartedAt]"


class Plan(msgspec.Struct, kw_only=True):
    """One write, with all that is to be said before it. `before` is None for a creation, `after` for a deletion."""

    remedy: Remedy
    finding: Finding
    place: Place
    before: Object | None
    after: Object | None
    write: Write
    steps: tuple[str, ...]  # what it does, in words
    owner: Owner | None = None
    reach: tuple[str, ...] = ()  # whom it touches

    @property
    def target(self) -> Subject:
        return self.place.subject

    @property
    def title(self) -> str:
        return self.remedy.fix.title

    @property
    def risk(self) -> str:
        return self.remedy.fix.risk

    @property
    def is_high(self) -> bool:
        """Whether consent has to be typed."""
        return self.risk == "high" or self.remedy.fix.kind == "last_resort"

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The JSON patch of it, without the precondition."""
        if self.before is None or self.after is None:
            return ()
        return tuple(difference(ours(self.before), ours(self.after)))


def target_of(case: Case, remedy: Remedy) -> Subject | None:
    """The object that a remedy changes; None where it makes one. Raises NoRemedy where it does not fit."""
    for condition in remedy.when:
        value_of(case, condition)
    if remedy.create:
        return None
    found = value_of(case, remedy.target) if remedy.target else case.subject
    if not isinstance(found, Subject):
        raise NoRemedy("There is no one object to change.")
    return found


def made(case: Case, remedy: Remedy) -> Object:
    """The object that a remedy makes."""
    text = WORD.sub(lambda m: str(value_of(case, m[1])), remedy.create)
    thing: Object = yaml.safe_load(text)
    return thing


def changed(case: Case, remedy: Remedy) -> Object:
    """The live object with the remedy applied. Raises NoRemedy where it does not fit, or changes nothing."""
    after = copy.deepcopy(case.live)
    settings = {**remedy.set, **({RESTARTED: "${now}"} if remedy.restart else {})}
    try:
        for path in remedy.remove:
            paths.drop(after, paths.steps(_filled(case, path)))
        for path, value in settings.items():
            paths.put(after, paths.steps(_filled(case, path)), _filled(case, value))
    except paths.NoPlace as why:
        raise NoRemedy(f"The object has no {why}.") from why
    if ours(after) == ours(case.live):
        raise NoRemedy("The object is so already.")
    return after


def _filled(case: Case, value: Any) -> Any:
    """A value with its words: one that is a word alone keeps the word's type."""
    if isinstance(value, dict):
        return {k: _filled(case, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(case, v) for v in value]
    if not isinstance(value, str):
        return value
    if alone := WORD.fullmatch(value):
        return value_of(case, alone[1])
    return WORD.sub(lambda m: str(value_of(case, m[1])), value)


def planned(case: Case, remedy: Remedy, place: Place) -> Plan:
    """The plan of a remedy for a live object."""
    if remedy.create:
        new = made(case, remedy)
        write = Write(verb="create", path=place.collection, body=new)
        steps: tuple[str, ...] = (f"create {place.subject}",)
        return Plan(remedy=remedy, finding=case.finding, place=place, before=None, after=new, write=write, steps=steps)
    before, after = case.live, None
    meta = before["metadata"]
    if remedy.delete:
        body = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options = {**body, "preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}}
        write = Write(verb="delete", path=place.path, body=options)
        steps = (f"delete {place.subject}",)
    else:
        after = changed(case, remedy)
        operations = difference(ours(before), ours(after))
        write = Write(verb="patch", path=place.path, body=[precondition(meta["resourceVersion"]), *operations])
        steps = tuple(sentences(operations, before))
    return Plan(
        remedy=remedy,
        finding=case.finding,
        place=place,
        before=before,
        after=after,
        write=write,
        steps=steps,
        owner=owner_of(before),
    )


def precondition(version: str) -> Operation:
    """What makes the API server answer 409 where the object was changed since it was read."""
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": version}


def sentences(operations: Iterable[Operation], before: Object) -> Iterable[str]:
    """Operations in words."""
    for operation in operations:
        way = tuple(int(p) if p.isdigit() else p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:])
        where = paths.shown(way)
        was = paths.get(before, way) if paths.has(before, way) else None
        if operation["op"] == "remove":
            yield f"remove {where}{_short(was)}"
        elif operation["op"] == "add":
            yield f"add {where}:{_short(operation['value'])}"
        else:
            yield f"set {where}:{_short(was)} →{_short(operation['value'])}"


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if isinstance(value, (dict, list)) else str(value)
    return f" {text if len(text) <= 60 else text[:57] + '…'}" if value is not None else ""
