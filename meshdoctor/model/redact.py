"""Secrets never reach disk, log or screen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MASK = "<redacted>"
# signs, one of which is in whatever a pattern takes out, by a character that is then there as well ("" always is)
_RULES: tuple[tuple[dict[str, tuple[str, ...]], re.Pattern[str], str], ...] = (
    (
        {"": ("private key",)},
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        MASK,
    ),
    ({".": ("eyj",)}, re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (
        dict.fromkeys(":=", ("authorization",)),
        re.compile(r"(?i)(authorization\"?\s*[:=]\s*\"?)(?!bearer|basic)[^\s\"][^\r\n\"]*"),
        rf"\1{MASK}",
    ),
    ({":": ("-u",)}, re.compile(r"(\s(?:-u|--user)[ =]?)[^\s:]+:\S+"), rf"\1{MASK}"),
    (
        {"": ("akia", "asia"), "_": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "-": ("xox",)},
        re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        MASK,
    ),
    ({"": ("bearer", "basic")}, re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {MASK}"),
    (
        dict.fromkeys(":=", ("client-key-data", "password", "passwd", "secret", "token", "api")),
        re.compile(
            r"(?i)(\"?(?:client-key-data|(?<![a-z_-])[a-z_-]*(?:password|passwd|secret|token|api[_-]?key))\"?\s*[:=]\s*\"?)[^\s\",}]{4,}"
        ),
        rf"\1{MASK}",
    ),
    ({":": ("://",)}, re.compile(r"(?i)(https?://)[^/\s:@]+:[^/\s@]+@"), rf"\1{MASK}@"),
    ({":": ("cookie",)}, re.compile(r"(?i)((?:set-)?cookie:\s*)\S.*"), rf"\1{MASK}"),
)
_SIGNS = tuple(  # a character is found ten times as fast as a word
    (character, tuple((sign, number) for number, (signs, _, _) in enumerate(_RULES) for sign in signs.get(character, ())))
    for character in ("", ".", ":", "=", "_", "-")
)


def redact(text: str) -> str:
    """Text without private keys, JSON web tokens, credentials, passwords and cookies."""
    for number in _suspected(text):
        _, pattern, replacement = _RULES[number]
        text = pattern.sub(replacement, text)
    return text


def _suspected(text: str) -> Iterable[int]:
    """The rules of which a sign is in the text: nearly always none."""
    if not text.isascii():
        return range(len(_RULES))  # letters of other alphabets count as i, k and s where case does not matter
    lower = text.lower()
    found: set[int] | None = None
    for character, signs in _SIGNS:  # plain loops: texts of tens of thousands of findings come through here
        if character in lower:
            for sign, number in signs:
                if sign in lower:
                    found = (found or set()) | {number}
    return sorted(found) if found else ()


def is_free_of_signs(text: str) -> bool:
    """Whether `redact` surely leaves a text as it is, and any part of it."""
    return not _suspected(text)


_SECRET_KEY = re.compile(r"(?i)password|passwd|secret_?key|token|api[_-]?key|client-key-data|authorization|cookie")


def masked(value: Any, key: str = "") -> Any:
    """Plain data (of JSON) with every text in it, keys too, without secrets; what a secret's name leads to is one."""
    if isinstance(value, str):
        return MASK if value and _SECRET_KEY.search(key) else redact(value)
    if isinstance(value, dict):
        named = value.get("name")  # a variable or header: {name: DB_PASSWORD, value: ...}
        return {redact(k): masked(v, named if k == "value" and isinstance(named, str) else k) for k, v in value.items()}
    return [masked(v, key) for v in value] if isinstance(value, (list, tuple)) else value
