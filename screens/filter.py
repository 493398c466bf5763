"""The filter behind `/`: words that must all occur, `!` for the inverse, `/regex/`, and typed terms such as `ns=shop`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

Test = Callable[[str, Mapping[str, str]], bool]
BY_PREFIX = {"problem", "code", "name", "pod", "version"}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. `flaw` says what is wrong with it; the flawed term is left out, so it never hides everything."""

    text: str = ""
    tests: tuple[Test, ...] = ()
    flaw: str = ""

    def keeps(self, words: str, fields: Mapping[str, str]) -> bool:
        """Whether a row with these (lower-case) words and fields stays."""
        return all(test(words, fields) for test in self.tests)


def parse(text: str, known: frozenset[str] = frozenset()) -> Filter:
    """The filter of a typed text. `known` are the fields that the rows have: `a=b` with another `a` is a word."""
    tests, flaw = [], ""
    for term in text.split():
        negated = term.startswith("!") and len(term) > 1
        try:
            test = _term(term[1:] if negated else term, known)
        except re.error as error:
            flaw = f"bad regex {term}: {error}"
            continue
        tests.append(_inverse(test) if negated else test)
    return Filter(text, tuple(tests), flaw)


def _inverse(test: Test) -> Test:
    return lambda words, fields: not test(words, fields)


def _term(term: str, known: frozenset[str]) -> Test:
    if len(term) > 1 and term.startswith("/"):
        pattern = re.compile(term[1:].removesuffix("/"), re.IGNORECASE)
        return lambda words, fields: pattern.search(words) is not None
    name, equals, value = term.partition("=")
    field, wanted = name.lower(), value.lower()
    if equals and field in known:
        if not wanted:
            return lambda words, fields: True
        if field in BY_PREFIX:
            return lambda words, fields: fields.get(field, "").lower().startswith(wanted)
        return lambda words, fields: fnmatchcase(fields.get(field, "").lower(), wanted)
    word = term.lower()
    return lambda words, fields: word in words
