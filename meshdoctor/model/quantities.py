"""Quantities of Kubernetes (`250m`, `1Gi`, `2e3`) as exact numbers."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?(?:\d{1,18}(?:\.\d{0,9})?|\.\d{1,9}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?")
_SUFFIXES = {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "k": Fraction(1000)}
_SUFFIXES |= {letter: Fraction(1000 ** (i + 2)) for i, letter in enumerate("MGTPE")}
_SUFFIXES |= {f"{letter}i": Fraction(1024 ** (i + 1)) for i, letter in enumerate("KMGTPE")}


def quantity(text: str) -> Fraction | None:
    """The number that a quantity stands for; None where it is none."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    number = Fraction(match[1])
    if match[3]:
        return number * Fraction(10) ** int(match[3])
    return number * _SUFFIXES.get(match[2] or "", Fraction(1))
