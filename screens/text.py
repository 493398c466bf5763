"""The one door for text from outside: cleaned, cut to cells, wrapped. What leaves it is never parsed as markup."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from meshdoctor.model.text import plain

ROLES = ("dim", "strong", "bad", "warn", "ok", "unknown", "head", "key")
"""What a text may be besides plain. Colour means state only; `key` is a key to press."""

GLYPHS: dict[str, tuple[str, str]] = {
    "FAIL": ("✖", "bad"),
    "ERROR": ("✖", "bad"),
    "WARN": ("▲", "warn"),
    "OK": ("●", "ok"),
    "PASS": ("●", "ok"),
    "UNKNOWN": ("?", "unknown"),
    "SKIPPED": ("○", "dim"),
    "absent": ("○", "dim"),
    "partly": ("◐", "warn"),
}
"""A state's glyph and role. The word itself always stands beside them."""


GLUE = "\u00a0"
BREAKS = ",;|&/.:={?"  # after these a long word may go on in the next line
_POD = re.compile(r"([^/]*/)?(.+)-[a-z0-9]{6,10}-([a-z0-9]{5})")
_QUOTED = re.compile(r"'[^'\n]{1,40}'|\"[^\"\n]{1,40}\"")
_FLAG = re.compile(r"(?<= )(--?[A-Za-z][\w-]*|[|>]) ([^ -][^ ]{0,39})(?= |$)")
_HOST = re.compile(r"(…/)?((?=.*[a-z])[a-z0-9*-]+(?:\.[a-z0-9-]+)+)(:\d+)?")


class Run(NamedTuple):
    """A piece of a line: its text, and what it means."""

    text: str
    role: str = ""


Line = Sequence[Run]


def width_of(text: str) -> int:
    """How many cells a clean text takes."""
    return len(text) if text.isascii() else cell_len(text)


def clean(text: object, width: int = 400) -> str:
    """Text from outside made harmless, and no longer than a screen can show."""
    return plain(text, max(width, 8) * 2)


def badge(state: str, word: str | None = None) -> Run:
    """Glyph and word of a state: `✖ FAIL`."""
    glyph, role = GLYPHS.get(state, ("?", "unknown"))
    said = state if word is None else word
    return Run(f"{glyph} {said}".rstrip(), role)


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells; what is left out at the end shows as `…`."""
    if width_of(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    return set_cell_size(text, width - 1).rstrip() + "…"


@functools.lru_cache(maxsize=8192)  # a table cuts the same names at every refresh, and to several widths to choose one
def cut_name(text: str, width: int) -> str:
    """A name in at most `width` cells: its namespace goes first, then its middle, never what tells it apart.

    A host or a kind with its group is told apart by how it begins, so its end goes.
    """
    if width_of(text) <= width:
        return text
    kind, _, rest = text.rpartition(" ")
    mark = f"{kind} "
    if len(kind.strip()) == 1 and width_of(mark) + 8 <= width:  # a glyph, indented perhaps, is no kind
        return mark + cut_name(rest, width - width_of(mark))
    for shorter in _shorter(kind, rest):
        if width_of(shorter) <= width:
            return shorter
        text = shorter
    named = _HOST.fullmatch(text)
    if named is None:
        return _without_middle(text, width)
    lead, host, port = named.groups("")
    room = width - width_of(lead) - width_of(port)
    return f"{lead}{cut(host, room)}{port}" if room >= 5 else _without_middle(text, width)


def is_pod(text: str) -> bool:
    """Whether a name ends as those of pods do, in two hashes."""
    return _POD.fullmatch(text) is not None


def _shorter(kind: str, rest: str) -> Iterator[str]:
    """Ever shorter forms of a name: without its ReplicaSet's hash, its namespace, its kind."""
    place, slash, name = rest.partition("/")
    pod = _POD.fullmatch(rest)
    if kind:
        if slash:
            yield f"{kind} …/{name}"
        if slash or " " not in kind:
            yield f"…/{name}" if slash else f"… {rest}"
    if pod:
        if not kind:
            yield f"{pod[1] or ''}{pod[2]}-…{pod[3]}"
        if pod[1]:
            yield f"…/{pod[2]}-…{pod[3]}"
    elif not kind and slash and place != "…":
        yield f"…/{name}"


def _without_middle(text: str, width: int) -> str:
    if width < 5:
        return cut(text, width)
    suffix = len(text) - text.rfind("-")
    tail = min(max(suffix, width // 3), (width - 1) * 2 // 3)
    head = set_cell_size(text, width - 1 - tail)
    return f"{head}…{_last_cells(text, tail)}"


def _last_cells(text: str, width: int) -> str:
    end = text[-width:]
    while width_of(end) > width:
        end = end[1:]
    return end


def common_prefix(names: Iterable[str]) -> str:
    """What several names begin with, up to a boundary: what can be cut of a column without loss."""
    several = set(names)
    prefix = _shared_start(min(several), max(several)) if len(several) > 1 else ""
    edge = max(prefix.rfind(mark) for mark in "-/. ")
    return prefix[: edge + 1] if edge >= 3 else ""


def _shared_start(one: str, other: str) -> str:
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:same]


def glued(text: str) -> str:
    """Text whose words stay in one line: `0.8 s` and `95 % sure` do not break."""
    return text.replace(" ", GLUE)


def shell(command: str) -> str:
    """A command whose lines break between its arguments: a flag stays with its value, short quoted text in one piece."""
    command = _QUOTED.sub(lambda found: glued(found[0]), command)
    return _FLAG.sub(rf"\1{GLUE}\2", command)


def wrap(text: str, width: int) -> list[str]:
    """A clean text in lines of at most `width` cells, broken at spaces where it can be."""
    width = max(width, 1)
    lines, line, used = [], "", 0
    for word in text.split(" "):
        size = width_of(word)
        if line and used + 1 + size <= width:
            line, used = f"{line} {word}", used + 1 + size
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, width) if size > width else [word]
        lines.extend(full)
        used = width_of(line)
    return [*lines, line]


def _broken(word: str, width: int) -> list[str]:
    """A word longer than a line in pieces: after a mark where the last half of the line has one, else where the line ends."""
    pieces = []
    while width_of(word) > width:
        piece = chop_cells(word[:width], width)[0] or word[:1]
        edge = max(piece.rfind(mark) for mark in BREAKS) + 1
        piece = piece[:edge] if width_of(piece[:edge]) * 2 > width else piece
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word]


def age(seconds: float | None) -> str:
    """A short age: `0.8 s`, `12 s`, `4 m`, `3 h`, `9 d`; nothing where it is not known."""
    if seconds is None:
        return ""
    seconds = max(seconds, 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit, until in ((1, "s", 120), (60, "m", 7200), (3600, "h", 172800)):
        if seconds < until:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86400)} d"


def duration(seconds: float) -> str:
    """A duration to the second where seconds matter: `2 m 53 s`, `3 h 4 m`, `9 d`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s" if whole % 60 else f"{whole // 60} m"
    if whole < 172800:
        minutes = whole % 3600 // 60
        return f"{whole // 3600} h {minutes} m" if minutes else f"{whole // 3600} h"
    return f"{whole // 86400} d"


def moment(when: datetime, now: datetime) -> str:
    """A time on the operator's clock; with its date where it was another day."""
    local, today = when.astimezone(), now.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 finding`, `3 findings`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(bytes_: int) -> str:
    """`820 B`, `14 kB`, `2.9 MB`."""
    if bytes_ < 1000:
        return f"{bytes_} B"
    return f"{bytes_ / 1_000_000:.1f} MB" if bytes_ >= 1_000_000 else f"{bytes_ / 1000:.0f} kB"
