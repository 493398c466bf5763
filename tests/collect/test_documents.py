"""Text to documents: places, several documents, JSON, and text that is hostile."""

from __future__ import annotations

import time
from typing import Any

import pytest

from meshdoctor.collect.reading.builder import Document, Refused
from meshdoctor.collect.reading.documents import documents


def values(text: str) -> list[Any]:
    return [d.value for d in documents(text) if isinstance(d, Document)]


def refused(text: str) -> list[tuple[str, int, int]]:
    return [(d.says, d.line, d.column) for d in documents(text) if isinstance(d, Refused)]


def one(text: str) -> Document:
    (document,) = documents(text)
    assert isinstance(document, Document)
    return document


def test_each_field_has_its_place() -> None:
    places = one("# hosts\nspec:\n  http:\n  - route:\n    - {weight: 1}\n    -\n      weight: 2\n").places
    assert places[""] == (2, 1)
    assert places["spec.http"] == (3, 3)
    assert places["spec.http[0]"] == (4, 5)
    assert places["spec.http[0].route[0].weight"] == (5, 8)
    assert places["spec.http[0].route[1].weight"] == (7, 7)


def test_keys_with_dots_and_slashes_are_written_as_they_are() -> None:
    assert one("metadata:\n  annotations:\n    a.io/b: x\n").places["metadata.annotations.a.io/b"] == (3, 5)


def test_places_count_from_the_beginning_of_the_file() -> None:
    _, second = documents("a: 1\n---\n# more\nb: 2\n")
    assert isinstance(second, Document)
    assert second.places["b"] == (4, 1)


def test_a_document_that_does_not_parse_leaves_the_others() -> None:
    text = "a: 1\n---\nb: 'x\n---\nc: 3\n"
    assert values(text) == [{"a": 1}, {"c": 3}]
    assert [line for _, line, _ in refused(text)] == [4]


@pytest.mark.parametrize("text", ["", "\n", "# only words\n", "---\n", "---\n---\n# x\n", "%YAML 1.1\n---\n"])
def test_no_document(text: str) -> None:
    assert [v for v in values(text) if v is not None] == []
    assert refused(text) == []


def test_marks_and_line_ends_of_windows() -> None:
    assert values("\ufeffa: 1\r\nb: 2\r\n---\r\nc: 3\r\n") == [{"a": 1, "b": 2}, {"c": 3}]


def test_json_with_places_also_several_values_in_a_row() -> None:
    first, second = documents('{"a": {"b": 1}}\n{"c": "\\ud83d\\ude00"}\n')
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.value, first.places["a.b"]) == ({"a": {"b": 1}}, (1, 8))
    assert second.value == {"c": "😀"}


def test_half_a_character_in_json_can_still_be_printed() -> None:
    str(values('{"a": "\\ud800"}')[0]["a"]).encode()


def test_aliases_and_merged_mappings() -> None:
    text = "base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\nmany:\n  <<: [*base, {c: 4}]\n"
    assert values(text) == [{"base": {"a": 1, "b": 2}, "more": {"b": 3, "a": 1}, "many": {"a": 1, "b": 2, "c": 4}}]


def test_a_key_written_twice_is_told_and_the_last_value_kept() -> None:
    document = one("a:\n  b: 1\n  b: 2\n")
    assert (document.value, document.repeated, document.places["a.b"]) == ({"a": {"b": 2}}, ["a.b"], (3, 3))


def test_keys_that_are_no_strings_are_written_as_json_writes_them() -> None:
    assert values("true: a\n1: b\n1.5: c\n~: d\n") == [{"true": "a", "1": "b", "1.5": "c", "null": "d"}]


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("a: &a [*a]\n", "contains itself", 1),
        ("a:\n  b: *c\n", "no anchor", 2),
        ("a:\n\tb: 1\n", "a tab", 2),
        ("a: 1\nb: {{ .Values.b }}\n", "template", 2),
        ("a: [1\n", "expected", 2),
        ("a: \x07\n", "U+0007", 1),
        ("a: 1\n...\nb: 2\n", "document start", 3),
        ("[" * 100_000, "nested deeper", 1),
        ("{a: " * 100_000, "nested deeper", 1),
        ("- " * 10_000, "nested deeper", 1),
        ('{"a":' * 500 + "1" + "}" * 500, "nested deeper", 1),
        ("a:\n  <<: text\n", "<<", 2),
    ],
)
def test_what_is_refused_and_where(text: str, says: str, line: int) -> None:
    (told,) = refused(text)
    assert says in told[0]
    assert told[1] == line


def test_aliases_that_expand_for_ever_are_refused_at_once() -> None:
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
    began = time.process_time()
    (told,) = refused("a0: &a0 [x, x]\n" + levels)
    assert "expand" in told[0]
    assert time.process_time() - began < 2
