"""Plain scalars as kubectl reads them."""

from __future__ import annotations

import pytest

from meshdoctor.collect.reading.scalars import meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("12", 12),
        ("-0x1F", -31),
        ("010", 8),
        ("0o17", 15),
        ("1_000", 1000),
        ("0x", "0x"),
        ("08", "08"),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("-", "-"),
        ("9" * 30, 1e30),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_what_a_scalar_means(text: str, value: object) -> None:
    assert meaning(text) == value
    assert type(meaning(text)) is type(value)
