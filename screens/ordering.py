"""How cells sort: states the worst first, ages and sizes by what they measure, the rest as people count."""

from __future__ import annotations

import re

WORST_FIRST = "✖▲◐?●○"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "B": 1.0, "kB": 1e3, "MB": 1e6, "%": 1.0}
_MEASURE = re.compile(r"([\d,]+(?:\.\d+)?) (ms|s|m|h|d|B|kB|MB|%)")
_PIECES = re.compile(r"\d+(?:\.\d+)?|[^\d]+")

Key = tuple[int, float, tuple[tuple[int, float, str], ...]]


def key_of(cell: str) -> Key:
    """What a cell sorts by: its state, what it measures, then its text with numbers as numbers."""
    state = WORST_FIRST.find(cell[:1]) if cell else -1
    text = cell[1:].strip() if state >= 0 else cell.strip()
    measures = _MEASURE.findall(text)
    is_measure = bool(measures) and not _MEASURE.sub("", text).strip()
    total = sum(float(number.replace(",", "")) * UNITS[unit] for number, unit in measures) if is_measure else 0.0
    pieces = () if is_measure else tuple(_piece(p) for p in _PIECES.findall(text.replace(",", "")))
    return state, total, pieces


def _piece(text: str) -> tuple[int, float, str]:
    return (0, float(text), "") if text[:1].isdecimal() and text.isascii() else (1, 0.0, text)
