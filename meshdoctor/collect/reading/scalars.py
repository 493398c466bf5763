"""What a plain YAML scalar means, as kubectl reads it: YAML 1.1 without dates and without base 60."""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_ODD = re.compile(r"([-+]?)\.(?:(inf|Inf|INF)|nan|NaN|NAN)", re.ASCII)
_BASES = {"b": 2, "x": 16, "o": 8}
_STARTS = frozenset("-+.0123456789")
_LONGEST = 400  # longer than any number that means something


def meaning(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS or len(text) > _LONGEST:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if "_" not in text and _FLOAT.fullmatch(text) and not _octal_like(text):
        return float(text)
    if odd := _ODD.fullmatch(text):
        return float(f"{odd[1]}inf") if odd[2] else float("nan")
    return text


def _integer(text: str) -> Scalar:
    digits = text.replace("_", "").lstrip("+-")
    if not digits or digits in ("0b", "0x", "0o"):
        return text
    base = 10
    if digits[0] == "0" and len(digits) > 1:
        base = _BASES.get(digits[1], 8)
        digits = digits[2:] if digits[1] in _BASES else digits[1:]
    if not digits:
        return text
    value = int(digits, base)
    if value >= 1 << 64:
        return float(value)  # as JSON numbers of that size are read
    return -value if text[0] == "-" else value


def _octal_like(text: str) -> bool:
    """`08` is no number in YAML 1.1: neither octal nor decimal."""
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits.isdigit()
