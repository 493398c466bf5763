"""Builds values and the places of their fields from YAML events, without recursion: no input can exhaust the stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from meshdoctor.collect.reading.scalars import meaning
from meshdoctor.model.manifest import Place

Parser: Callable[[str], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML without libyaml: slower, the same events
DEEPEST = 100
TEMPLATE = "a template must be rendered first (`helm template ... | meshdoctor check -`)"
SPARE = 100_000  # values that aliases may add beyond one for each character of the text
_BY_MEANING = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}


class Refused(Exception):
    """Text that is no YAML we take: what is wrong, and where (line and column from 1)."""

    def __init__(self, says: str, line: int, column: int) -> None:
        self.says, self.line, self.column = says, line, column
        super().__init__(f"{says} (line {line}, column {column})")


class Document(msgspec.Struct):
    """One YAML document: its value, and line and column of each path in it."""

    value: Any
    places: dict[str, Place]
    repeated: list[str] = []  # paths of keys that a mapping has twice; the later value is kept


class _Frame:
    """A mapping or list that is being filled."""

    __slots__ = ("anchor", "before", "key", "merged", "path", "value")

    def __init__(self, value: dict[str, Any] | list[Any], path: str, anchor: str | None, before: int) -> None:
        self.value, self.path, self.anchor, self.before = value, path, anchor, before
        self.key: str | None = None
        self.merged: list[Any] = []  # what `<<` brought in


def build(text: str, first_line: int = 1) -> Iterator[Document]:
    """The documents of YAML text; raises Refused. `first_line` is the line of the file that the text begins at."""
    try:
        parser = Parser(text)
        while (event := parser.get_event()) is not None:
            if isinstance(event, DocumentStartEvent):
                yield _Builder(parser, first_line, len(text) + SPARE).document()
    except yaml.MarkedYAMLError as why:
        raise _refused(why, text, first_line) from why
    except (yaml.reader.ReaderError, UnicodeError) as why:
        raise _unacceptable(text, first_line) from why


class _Builder:
    def __init__(self, parser: Any, first_line: int, budget: int) -> None:
        self._parser, self._first, self._budget = parser, first_line, budget
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}  # value and size; None while it is still open
        self._count = 0
        self._root: Any = None
        self._made = Document(None, {})

    def document(self) -> Document:
        """Read events to the end of the document."""
        while not isinstance(event := self._parser.get_event(), DocumentEndEvent):
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, MappingStartEvent):
                self._open({}, event)
            elif isinstance(event, SequenceStartEvent):
                self._open([], event)
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                self._close()
            elif isinstance(event, AliasEvent):
                self._alias(event)
        self._made.value = self._root
        return self._made

    def _scalar(self, event: Any) -> None:
        tag = event.tag
        plain = event.implicit[0] if tag is None else tag in _BY_MEANING
        value = meaning(event.value) if plain else event.value
        self._count += 1
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        if self._wants_key():
            self._take_key(_as_key(value) if value is None or isinstance(value, bool) else event.value, event)
        else:
            self._take(value, event)

    def _open(self, value: dict[str, Any] | list[Any], event: Any) -> None:
        if self._wants_key():
            self._refuse(f"a mapping or a list is the key of a mapping; {TEMPLATE}", event)
        if len(self._stack) >= DEEPEST:
            self._refuse(f"nested deeper than {DEEPEST} levels", event)
        self._count += 1
        if event.anchor:
            self._anchors[event.anchor] = None
        self._take(value, event, _Frame(value, self._path(), event.anchor, self._count - 1))

    def _close(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.value, dict):
            for more in frame.merged:
                for key, value in more.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.value, self._count - frame.before)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._refuse(f"alias *{event.anchor} has no anchor", event)
        known = self._anchors[event.anchor]
        if known is None:
            self._refuse(f"anchor &{event.anchor} contains itself", event)
        value, size = known
        self._count += size
        if self._count > self._budget:
            self._refuse("aliases expand to far more than the file holds", event)
        if self._wants_key():
            if isinstance(value, (dict, list)):
                self._refuse("a mapping or a list is the key of a mapping", event)
            self._take_key(_as_key(value), event)
        else:
            self._take(value, event)

    def _wants_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].key is None and isinstance(self._stack[-1].value, dict)

    def _path(self) -> str:
        """Where the value that comes next goes."""
        if not self._stack:
            return ""
        top = self._stack[-1]
        if isinstance(top.value, list):
            return f"{top.path}[{len(top.value)}]"
        return f"{top.path}.{top.key}" if top.path else str(top.key)

    def _take_key(self, key: str, event: Any) -> None:
        top = self._stack[-1]
        top.key = key
        path = self._path()
        if key in top.value:
            self._made.repeated.append(path)
        mark = event.start_mark
        self._made.places[path] = (mark.line + self._first, mark.column + 1)

    def _take(self, value: Any, event: Any, frame: _Frame | None = None) -> None:
        """Put a value where it goes; with a frame, go on inside it."""
        top = self._stack[-1] if self._stack else None
        if top is None or isinstance(top.value, list):
            mark = event.start_mark
            self._made.places[self._path()] = (mark.line + self._first, mark.column + 1)
        if top is None:
            self._root = value
        elif isinstance(top.value, list):
            top.value.append(value)
        elif top.key == "<<" and getattr(event, "style", None) not in ("'", '"'):
            self._merge(top, value, event)
            top.key = None
        else:
            top.value[str(top.key)] = value
            top.key = None
        if frame is not None:
            self._stack.append(frame)

    def _merge(self, top: _Frame, value: Any, event: Any) -> None:
        """`<<: *base` or `<<: [*one, *two]`: keys that are not there yet, taken when the mapping ends."""
        self._made.places.pop(f"{top.path}.<<" if top.path else "<<", None)
        if isinstance(value, dict):
            top.merged.append(value)
        elif isinstance(value, list) and not value and isinstance(event, SequenceStartEvent):
            top.merged.append(_Later(value))
        else:
            self._refuse("<< takes a mapping or a list of mappings", event)

    def _refuse(self, says: str, event: Any) -> NoReturn:
        mark = event.start_mark
        raise Refused(says, mark.line + self._first, mark.column + 1)


class _Later:
    """A list of mappings behind `<<`, read by the time its mapping ends."""

    def __init__(self, mappings: list[Any]) -> None:
        self._mappings = mappings

    def items(self) -> Iterator[tuple[str, Any]]:
        for each in self._mappings:
            if isinstance(each, dict):
                yield from each.items()


def _as_key(value: Any) -> str:
    """A key that is no string, as JSON writes it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(why: yaml.MarkedYAMLError, text: str, first_line: int) -> Refused:
    mark = why.problem_mark or why.context_mark
    says = " ".join(str(part) for part in (why.problem, why.context) if part) or "does not parse"
    if mark is None:
        return Refused(says, first_line, 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "cannot start any token" in says and line[mark.column : mark.column + 1] == "\t":
        says = "a tab where YAML takes only spaces"
    elif "{{" in line:
        says += f"; {TEMPLATE}"
    return Refused(says, mark.line + first_line, mark.column + 1)


def _unacceptable(text: str, first_line: int) -> Refused:
    """The first character that YAML does not allow."""
    for index, character in enumerate(text):
        if not _allowed(ord(character)):
            before = text[:index]
            line = before.count("\n")
            return Refused(
                f"character U+{ord(character):04X} is not allowed", line + first_line, index - (before.rfind("\n") + 1) + 1
            )
    return Refused("a character that is not allowed", first_line, 1)


def _allowed(code: int) -> bool:
    return code in (0x09, 0x0A, 0x0D, 0x85) or 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF
