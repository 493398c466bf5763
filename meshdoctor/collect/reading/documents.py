"""Text to documents: multi-document YAML, JSON, JSON after JSON. One document that does not parse leaves the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from meshdoctor.collect.reading.builder import DEEPEST, Document, Refused, build

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)  # at the start of a line it ends whatever came before, even a string
_CONTENT = re.compile(r"^[^\S\n]*[^\s#%]", re.MULTILINE)  # a line that is neither empty nor a comment nor a directive
_PLACED = 2_000_000  # JSON longer than this goes without places: finding them takes longer than all the rules


def documents(text: str) -> Iterator[Document | Refused]:
    """Every document of a text, and in place of one that does not parse what is wrong with it."""
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        found = _json(text)
        if found is not None:
            yield from found
            return
    for part, line in _parts(text):
        try:
            yield from build(part, line)
        except Refused as why:
            yield why


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """The text cut at its `---` lines, each part with the line it begins at."""
    starts = [m.start() for m in _SEPARATOR.finditer(text)]
    begin, line = 0, 1
    for end in (*starts, len(text)):
        if _CONTENT.search(text, begin, end):
            yield text[begin:end], line
        line += text.count("\n", begin, end)
        begin = end


def _json(text: str) -> list[Document | Refused] | None:
    """JSON values one after another; None where it is not JSON."""
    decoder = json.JSONDecoder(strict=False)
    found: list[Document | Refused] = []
    place = _past_space(text, 0)
    while place < len(text):
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        found.append(_placed(value, text[place:end], text.count("\n", 0, place) + 1))
        place = _past_space(text, end)
    return found


def _past_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in "\ufeff \t\r\n":
        place += 1
    return place


def _placed(value: Any, text: str, line: int) -> Document | Refused:
    if _deeper(value):
        return Refused(f"nested deeper than {DEEPEST} levels", line, 1)
    if "\\ud" in text.lower():
        value = _without_surrogates(value)
    if len(text) > _PLACED:
        return Document(value, {"": (line, 1)})
    try:
        first = next(build(text, line), None)
    except Refused:  # JSON that YAML takes for something else
        first = None
    return Document(value, first.places, first.repeated) if first else Document(value, {"": (line, 1)})


def _deeper(value: Any) -> bool:
    """Whether a value is nested deeper than YAML may be."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        level = [c for v in level if isinstance(v, (dict, list)) for c in (v.values() if isinstance(v, dict) else v)]
        depth += 1
    return bool(level)


def _without_surrogates(value: Any) -> Any:
    """A JSON value without halves of characters, which no output could encode."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return [_without_surrogates(v) for v in value] if isinstance(value, list) else value
