"""Makes a bundle of what a client was answered: redact, write within the budget, look through it once more."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import msgspec

from meshdoctor.bundle import compatible, contents, scanner, writer
from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.manifest import Manifest
from meshdoctor.bundle.recording import Recording
from meshdoctor.bundle.redaction.pseudonyms import Pseudonyms
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.seal import Seal
from meshdoctor.bundle.store import Store
from meshdoctor.bundle.tiers import Tier
from meshdoctor.bundle.unpack import Limits
from meshdoctor.bundle.writer import Piece, Writer
from meshdoctor.model.errors import MeshdoctorError
from meshdoctor.model.sources import Source

MUST = ("README.md", "redaction/report.json")


class Leaked(MeshdoctorError):
    """A secret was found in the finished bundle; it was not written."""


class Content(msgspec.Struct, kw_only=True):
    """What goes into a bundle: redacted already. `extras` are files for people, by path."""

    answers: dict[str, Answer]
    redactor: Redactor
    pseudonyms: Pseudonyms | None
    extras: dict[str, bytes]
    ranks: Sequence[str]
    scope: Sequence[str]
    tier: Tier
    context: str
    recorded_at: datetime
    seconds: float
    sources: Sequence[Source]
    notes: Sequence[str]
    partial: dict[str, tuple[str, ...]] = {}  # lists that were shortened before they came here


def redacted(
    answers: Mapping[str, Answer],
    redactor: Redactor,
    pseudonyms: Pseudonyms | None,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> dict[str, Answer]:
    """Every answer without secrets. A value that was removed anywhere is removed everywhere, also from what came before.

    `progress` is told how many answers are done, of how many.
    """
    kept = {}
    for number, (key, answer) in enumerate(answers.items()):
        progress(number, len(answers))
        kept[key] = redactor.answer(key, answer)
    again = {key: msgspec.structs.replace(answer, body=redactor.again(key, answer.body)) for key, answer in kept.items()}
    if pseudonyms is None:
        return again
    pseudonyms.learn(again)
    return {pseudonyms.text(key): msgspec.structs.replace(a, body=pseudonyms.body(a.body)) for key, a in again.items()}


def write(path: Path, content: Content, seal: Seal | None) -> tuple[int, Manifest]:
    """Write the file; its size in bytes, and its manifest. Raises NotWritten, and Leaked where a secret survived."""
    made: list[Manifest] = []

    def fill(into: Writer) -> Manifest:
        for piece in _always(content):
            into.add(piece, must=piece.path in MUST)
        partial, left = contents.fill(into, content.answers, content.ranks, content.scope)
        made.append(manifest(content, content.partial | partial, left))
        return made[0]

    def check(archive: BinaryIO) -> None:
        leaks = scanner.scan(archive, content.redactor.marks.known, Limits())
        if leaks:
            shown = "; ".join(f"{leak.what} in {leak.path}" for leak in leaks[:3])
            more = f" and {len(leaks) - 3} more" if len(leaks) > 3 else ""
            raise Leaked(
                f"The bundle was not written: looking through it once more found {shown}{more}.",
                "The redaction missed it; nothing was left on disk.",
                "Leave the namespace out with -n, and tell us the kind of file, not the secret.",
            )

    size = writer.write(path, content.tier.bytes, fill, check, seal)
    return size, made[0]


def measure(content: Content) -> tuple[int, Manifest]:
    """The size that the file would have, and its manifest; nothing is written."""
    with open(os.devnull, "w+b") as nowhere:
        into = Writer(nowhere, content.tier.bytes)
        for piece in _always(content):
            into.add(piece, must=piece.path in MUST)
        partial, left = contents.fill(into, content.answers, content.ranks, content.scope)
        return into.size, msgspec.structs.replace(manifest(content, content.partial | partial, left), files=tuple(into.files))


def _always(content: Content) -> list[Piece]:
    """What every bundle has, however small."""
    marks = content.redactor.marks
    report = [{"file": file, "kind": kind, "count": count} for (file, kind), count in sorted(marks.counts.items())]
    extras = content.extras | {"redaction/report.json": msgspec.json.format(msgspec.json.encode(report), indent=1)}
    pseudonyms = content.pseudonyms
    found = [
        Piece(path=path, body=pseudonyms.body(body) if pseudonyms else body, part="extra")
        for path, body in ((p, content.redactor.again(p, content.redactor.body(b))) for p, b in extras.items())
    ]
    return [*found, *compatible.pieces(Store(Recording(answers=content.answers)))]


def manifest(content: Content, partial: dict[str, tuple[str, ...]], left: list[str]) -> Manifest:
    """The manifest without its files."""
    shown: Callable[[str], str] = content.pseudonyms.text if content.pseudonyms else str
    sources = [
        msgspec.structs.replace(s, name=shown(s.name), reason=shown(s.reason) if s.reason else None, command=None)
        for s in content.sources
    ]
    return Manifest(
        tool=f"meshdoctor {version('meshdoctor')}",
        tier=content.tier.name,
        context=shown(content.context),
        recorded_at=content.recorded_at,
        seconds=round(content.seconds, 2),
        title=f"{shown(content.context)} at {content.recorded_at:%Y-%m-%d %H:%M:%S} UTC",
        namespaces=tuple(shown(n) for n in content.scope),
        pseudonyms=content.pseudonyms is not None,
        code_kept=content.redactor.keeps_code,
        budget_bytes=content.tier.bytes,
        budget_seconds=content.tier.seconds,
        sources=tuple(sources),
        partial=partial,
        left_out=(*content.notes, *(shown(line) for line in left)),
        redactions=dict(sorted(_totals(content.redactor).items())),
    )


def _totals(redactor: Redactor) -> dict[str, int]:
    totals: dict[str, int] = {}
    for (_, kind), count in redactor.marks.counts.items():
        totals[kind] = totals.get(kind, 0) + count
    return totals
