"""RE2, the regular expressions of Istio, Envoy and the API server, by Python's: what differs is told or translated."""

from __future__ import annotations

import functools
import re

_POSIX = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t\n\v\f\r ",
    "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
    "cntrl": r"\x00-\x1f\x7f",
    "print": " -~",
    "graph": "!-~",
    "ascii": r"\x00-\x7f",
}
_PARTS = re.compile(
    r"""(?P<quoted>\\Q.*?(?:\\E|$))
      | (?P<posix>\[:\^?[a-z]+:\])
      | (?P<property>\\[pP](?:\{\^?\w+\}|\w))
      | (?P<escape>\\(?:x\{[0-9a-fA-F]+\}|.))
      | (?P<flags>\(\?[imsU]+\))
      | (?P<group>\(\?(?:P?<(?![=!])|[imsU-]*[:)]|.))
      | (?P<repeat>\{\d+(?:,\d*)?\}[+]?|[*+?]\+|\*\*|\+\*)
      | (?P<end>\$)
      | (?P<bracket>[\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_MAX_REPEAT = 1000


class NotRE2(ValueError):
    """RE2 would not compile this expression."""


@functools.lru_cache(2048)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as RE2 reads it. Raises NotRE2 with the reason."""
    flags, translated = _translated(pattern)
    try:
        return re.compile(f"(?{flags}){translated}" if flags else translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as why:
        raise NotRE2(str(why)) from why


def _translated(pattern: str) -> tuple[str, str]:
    flags, out, in_class, at = "", [], False, 0
    for match in _PARTS.finditer(pattern):
        out.append(pattern[at : match.start()])
        at = match.end()
        word, what = match.group(), match.lastgroup
        if what == "bracket":
            in_class, word = _bracket(word, in_class, pattern, match.start())
        elif what == "flags" and not in_class:
            flags, word = flags + "".join(f for f in word[2:-1] if f in "ims" and f not in flags), ""
        elif what == "end":
            word = "$" if in_class else r"\Z" if "m" not in flags else "$"
        elif what in _KINDS:
            word = word if in_class and what in ("group", "repeat") else _KINDS[what](word, in_class)
        out.append(word)
    return flags, "".join((*out, pattern[at:]))


def _bracket(word: str, in_class: bool, pattern: str, at: int) -> tuple[bool, str]:
    if word == "[":
        return True, r"\[" if in_class else "["
    first = pattern[:at].endswith(("[", "[^"))  # `[]a]` holds a bracket
    return (True, r"\]") if in_class and first else (False, "]" if in_class else r"\]")


def _posix(word: str, in_class: bool) -> str:
    name = word[2:-2]
    if not in_class or name.lstrip("^") not in _POSIX or name.startswith("^"):
        raise NotRE2(f"invalid character class range: {word}")
    return _POSIX[name]


def _property(_word: str, in_class: bool) -> str:
    return r"\w" if in_class else "[^\x00]"  # wider than the script or category: it only has to compile


def _escape(word: str, in_class: bool) -> str:
    if word.startswith(r"\x{"):
        return re.escape(chr(min(int(word[3:-1], 16), 0x10FFFF)))
    if word[1:].isdigit() and word[1] != "0" and not in_class:
        raise NotRE2(f"invalid escape sequence: {word} (RE2 has no back-references)")
    if word in (r"\z", r"\Z"):
        if word == r"\Z":
            raise NotRE2(r"invalid escape sequence: \Z")
        return r"\Z"
    if word == r"\C":
        return r"[\s\S]"
    if word[1:].isalpha() and word[1] not in "aftnrvxAbBdDsSwWz0":
        raise NotRE2(f"invalid escape sequence: {word}")
    return word


def _group(word: str, _in_class: bool) -> str:
    if word.startswith("(?<"):
        if word == "(?<":
            return "(?P<"
    elif word.startswith("(?P<"):
        return word
    elif re.fullmatch(r"\(\?[imsU-]*[:)]", word):
        kept = word.replace("U", "")
        return "(?:" if kept in ("(?-:", "(?:") else "" if kept == "(?)" else kept
    raise NotRE2(f"invalid or unsupported Perl syntax: {word} (RE2 has no look-around)")


def _repeat(word: str, _in_class: bool) -> str:
    if word[0] != "{" or word.endswith("+"):
        raise NotRE2(f"invalid nested repetition operator: {word}")
    if any(int(n) > _MAX_REPEAT for n in re.findall(r"\d+", word)):
        raise NotRE2(f"invalid repeat count: {word}")
    return word


def _quoted(word: str, _in_class: bool) -> str:
    return re.escape(word[2:].removesuffix(r"\E"))


_KINDS = {
    "posix": _posix,
    "property": _property,
    "escape": _escape,
    "group": _group,
    "repeat": _repeat,
    "quoted": _quoted,
}


def searches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text."""
    return compiled(pattern).search(text) is not None
