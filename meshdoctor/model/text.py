"""Text from a cluster is hostile: what may be shown of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_LONGEST = 4000


def plain(text: object, limit: int = _LONGEST) -> str:
    """The text without terminal escapes, control characters and bidi overrides, cut at `limit` characters.

    Line breaks and tabs become spaces. It is not markup-escaped: give it to widgets as plain text, never as markup.
    """
    raw = str(text)
    if len(raw) <= limit and raw.isascii() and raw.isprintable():
        return raw  # nearly always, and nothing to do
    cut = raw[: limit * 2] if len(raw) > limit * 2 else raw
    # a long text is plain nearly always as well: looked at as a whole, not character by character
    clean = cut if cut.isascii() and cut.isprintable() else "".join(_shown(c) for c in _ESCAPES.sub("", cut))
    return clean if len(clean) <= limit and len(raw) <= limit * 2 else clean[: limit - 1] + "…"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 pod`, `3 pods`; `many` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def some(names: Iterable[object], most: int) -> str:
    """`a, b and 3 more`: at most so many by name."""
    those = [str(name) for name in names]
    return ", ".join(those[:most]) + (f" and {len(those) - most} more" if len(those) > most else "")


def _shown(character: str) -> str:
    if character in "\n\r\t\v\f":
        return " "
    if character.isascii():
        return character if " " <= character <= "~" else ""
    # Cc control, Cf format (bidi overrides, zero width), Cs surrogates, Co private use, Zl and Zp line separators
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} else character
