"""Objects inside text: the copy that `kubectl apply` keeps in an annotation, and the data of a Secret that a log prints.

A controller's log shows an object as JSON, as JSON in a field of JSON (quotes escaped once or more often), or as Go prints a
map, without quotes. The copy is one JSON object in all of them: its end is where its braces close.
"""

from __future__ import annotations

import re

from meshdoctor.bundle.redaction.marks import Marks

_START = re.compile(
    r"(?:last-applied-configuration|applied-configuration|kapp\.k14s\.io/original|objectset\.rio\.cattle\.io/applied)"
    r"[\\\"'\s:=|>-]{1,60}(?=\{(?!\s*\}))"
)
_SECRET = re.compile(r"\bkind\\*[\"']?\s*[:=]\s*\\*[\"']?Secret\b")
_DATA = re.compile(r"\b(?:data|stringData)\\*[\"']?\s*[:=]\s*(?=\{(?!\s*\}))")
_TOKEN = re.compile(r"\\*\"|[{}]")
LONGEST = 1_500_000  # characters that a copy may have: an object has at most 1.5 MB


def clean_applied(text: str, marks: Marks) -> str:
    """Text with a mark in the place of every such copy. One that has no end goes to the end of its line."""
    return _without(text, _START, "last-applied", marks)


def clean_secrets(text: str, marks: Marks) -> str:
    """Text whose lines name a Secret, without that Secret's data."""
    if _SECRET.search(text) is None:
        return text
    lines = text.split("\n")
    return "\n".join(_without(line, _DATA, "secret-data", marks) if _SECRET.search(line) else line for line in lines)


def _without(text: str, start: re.Pattern[str], kind: str, marks: Marks) -> str:
    kept: list[str] = []
    at = 0
    while (found := start.search(text, at)) is not None:
        end = _end(text, found.end())
        kept += [text[at : found.end()], marks.put(kind, text[found.end() : end], certain=False)]
        at = end
    return "".join([*kept, text[at:]]) if kept else text


def _end(text: str, start: int) -> int:
    """Where the JSON object that begins at `start` ends."""
    depth, quoted, level = 0, False, -1
    for token in _TOKEN.finditer(text, start, start + LONGEST):
        mark = token[0]
        if mark[-1] == '"':
            slashes = len(mark) - 1
            if level < 0:
                level = slashes
            if _delimits(slashes, level):
                quoted = not quoted
        elif not quoted:
            depth += 1 if mark == "{" else -1
            if depth == 0:
                return token.end()
    line = text.find("\n", start)
    return len(text) if line < 0 else line


def _delimits(slashes: int, level: int) -> bool:
    """Whether a quote after so many backslashes begins or ends a string, where the first quote had `level` of them."""
    while level > 0:
        if slashes % 2 == 0:
            return True  # less escaped than the copy: the text around it ends here
        slashes, level = (slashes - 1) // 2, (level - 1) // 2
    return slashes % 2 == 0
