"""A bundle as a list of parts: kinds, pods that answered, logs; with state, size, and what was removed from each."""

from __future__ import annotations

import msgspec

from meshdoctor.bundle.inspection import Inspection, Kind, inspect
from meshdoctor.bundle.manifest import File
from meshdoctor.bundle.opening import Opened
from meshdoctor.bundle.paths import place_of, split
from meshdoctor.model.sources import Source, SourceState

KIND, POD, LOG, MORE = "kind", "pod", "log", "more"
WHATS = (KIND, POD, LOG, MORE)
SCHEMAS = "schemas of kubectl explain"
TABLES = "tables of kubectl get"
OTHER = "other answers"
NOT_HERE = "is not in the bundle"
FOR_PEOPLE = "for people and other tools"


class Part(msgspec.Struct, kw_only=True):
    """One part. `what` is one of WHATS; `objects` is None where none are counted, `why` says why it is not there or not whole."""

    what: str
    name: str
    state: SourceState = SourceState.LIVE
    age_s: float | None = None
    objects: int | None = None
    files: list[File] = []
    why: str = ""

    @property
    def bytes(self) -> int:
        """Of its files, unpacked."""
        return sum(file.bytes for file in self.files)


class Removed(msgspec.Struct, frozen=True):
    """How many values of one kind were removed from one file."""

    file: str
    kind: str
    count: int


class Inside(msgspec.Struct, frozen=True):
    """What a bundle holds, what was removed and what is wrong with it."""

    told: Inspection
    parts: tuple[Part, ...]
    removed: tuple[Removed, ...]


def inside(opened: Opened) -> Inside:
    """The parts of an opened bundle: those that are missing first, then kinds, pods, logs by name."""
    told = inspect(opened)
    found = {(KIND, kind.name): _of_kind(kind) for kind in told.kinds}
    manifest = opened.manifest
    for source in manifest.sources if manifest else ():
        _take_source(found, source)
    for file in manifest.files if manifest else ():
        what, name = _part_of(file)
        found.setdefault((what, name), Part(what=what, name=name)).files.append(file)
    if manifest is None:
        found |= {(POD, pod): Part(what=POD, name=pod) for pod in told.pods}
    parts = sorted(found.values(), key=_place)
    return Inside(told, tuple(parts), _removed(opened))


def _place(part: Part) -> tuple[int, int, str]:
    """What could not be read or is not whole, what is there, what nobody asked for, and what the cluster does not have."""
    if part.state is SourceState.ABSENT or part.objects == 0:
        rank = 3
    elif part.why == NOT_HERE:
        rank = 2
    else:
        rank = int(part.state is SourceState.LIVE and not part.why)
    return rank, WHATS.index(part.what), part.name


def _of_kind(kind: Kind) -> Part:
    some = "" if kind.namespaces is None else f"of {len(kind.namespaces)} namespaces only: {', '.join(kind.namespaces)}"
    state = SourceState.LIVE if kind.objects is not None else SourceState.ERROR
    if kind.objects is None and kind.why == "answered 404":
        state = SourceState.ABSENT
    if kind.objects is None and kind.why == "answered 403":
        state = SourceState.DENIED
    return Part(what=KIND, name=kind.name, state=state, objects=kind.objects, why=kind.why or some)


def _take_source(found: dict[tuple[str, str], Part], source: Source) -> None:
    """A source says how it was read; kinds have their group in the name of the part, and not in that of the source."""
    part = next((p for p in found.values() if source.name in (p.name, p.name.partition(".")[0])), None)
    if part is None:
        if source.state is SourceState.LIVE:
            return
        part = found.setdefault((MORE, source.name), Part(what=MORE, name=source.name, state=source.state))
    part.age_s = source.age_s
    if source.state is not SourceState.LIVE:
        part.state, part.why = source.state, part.why or source.reason or ""


def _part_of(file: File) -> tuple[str, str]:
    """What a file is part of: one of WHATS, and a name."""
    if file.part == "extra":
        return MORE, FOR_PEOPLE
    if file.key.startswith("pod "):
        return POD, file.key.removeprefix("pod ").partition(":")[0]
    path = split(file.key.removeprefix("api GET "))[0]
    place = place_of(path)
    if place is None:
        return MORE, SCHEMAS if path.startswith("/openapi/") else OTHER
    if place.sub == "log":
        return LOG, f"{place.namespace}/{place.name}"
    return (MORE, TABLES) if "includeObject" in file.key else (KIND, place.resource)


def _removed(opened: Opened) -> tuple[Removed, ...]:
    body = opened.extras.get("redaction/report.json", b"[]")
    try:
        found = msgspec.json.decode(body, type=tuple[Removed, ...])
    except msgspec.DecodeError:
        return ()
    return tuple(sorted(found, key=lambda r: (-r.count, r.kind, r.file)))
