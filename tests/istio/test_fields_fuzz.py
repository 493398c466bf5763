"""Whatever stands in a file, its judgement ends and fails nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshdoctor.istio.fields.judged import JUDGES, faults_of
from meshdoctor.istio.schema.definitions import groups, packaged
from meshdoctor.model.manifest import Manifest
from meshdoctor.model.subject import Subject

KINDS = [(g, k) for g, kinds in groups().items() for k in kinds]
WORDS = st.sampled_from(["", "*", "a", "5s", "unix://", "*.a.org", "HTTP", "NONE", "a/b", "{**}", "[", "80", "%", "~", "\x00é"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=6))
ANYTHING = st.recursive(SCALARS, lambda x: st.lists(x, max_size=2) | st.dictionaries(WORDS, x, max_size=2), max_leaves=4)


def shaped(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that have the fields of a schema, and now and then something else instead."""
    if not isinstance(schema, dict) or depth > 7:
        return ANYTHING
    made = _shaped(schema, depth)
    return st.one_of(made, made, made, ANYTHING)


def _shaped(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    fields, items, others = schema.get("properties"), schema.get("items"), schema.get("additionalProperties")
    if fields:
        return st.fixed_dictionaries({}, optional={n: _later(f, depth) for n, f in fields.items()})
    if items:
        return st.lists(_later(items, depth), max_size=2)
    if isinstance(others, dict):
        return st.dictionaries(WORDS, _later(others, depth), max_size=2)
    if schema.get("enum"):
        return st.sampled_from(schema["enum"])
    scalars: dict[str, st.SearchStrategy[Any]] = {"string": WORDS, "integer": st.integers(-1, 70000), "boolean": st.booleans()}
    return scalars.get(schema.get("type", ""), ANYTHING)


def _later(schema: Any, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: shaped(schema, depth + 1))


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_no_object_makes_the_judgement_fail(group: str, kind: str) -> None:
    definition = packaged(group, kind)
    assert definition is not None
    version, schema = next(iter(definition.versions.items()))
    spec = schema["properties"].get("spec", {})

    @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
    @given(spec=shaped(spec), metadata=ANYTHING)
    def run(spec: Any, metadata: Any) -> None:
        body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": spec}
        for fault in faults_of(Manifest(subject=Subject(kind=kind), api_version="", body=body)):
            assert fault.says

    run()


@settings(max_examples=100, database=None)
@given(body=st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec"]), ANYTHING))
def test_nor_does_anything_else(body: dict[str, Any]) -> None:
    list(faults_of(Manifest(subject=Subject(), api_version="", body=body)))


def test_every_kind_of_istio_has_a_judge() -> None:
    assert {(g, k) for g, k in KINDS if g.endswith("istio.io")} == set(JUDGES)
