"""Patches between two states: they do what they say, and what takes them back restores all that is ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdoctor.fixes import paths
from meshdoctor.fixes.diff import manifest, unified
from meshdoctor.fixes.patch import applied, difference, digest
from meshdoctor.model.subject import Subject

KEYS = st.text("ab/~0", max_size=2)
VALUES = st.recursive(
    st.none() | st.text(max_size=2) | st.integers(2, 9), lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=3)
)


@given(VALUES, VALUES)
def test_a_difference_makes_one_state_into_the_other(before: Any, after: Any) -> None:
    assert applied({"spec": before}, difference({"spec": before}, {"spec": after})) == {"spec": after}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("spec.http[0].fault", "/spec/http/0/fault"),
        ("metadata.labels[istio.io/rev]", "/metadata/labels/istio.io~1rev"),
        ("metadata.annotations['a.b/c']", "/metadata/annotations/a.b~1c"),
    ],
)
def test_paths_as_findings_have_them(path: str, pointer: str) -> None:
    assert paths.pointer(paths.steps(path)) == pointer


def test_items_of_lists_are_found_by_their_name() -> None:
    webhooks = {"webhooks": [{"name": "a.b.io", "failurePolicy": "Ignore"}]}
    paths.put(webhooks, paths.steps("webhooks[a.b.io].failurePolicy"), "Fail")
    assert webhooks["webhooks"][0]["failurePolicy"] == "Fail"


def test_maps_that_are_empty_without_what_is_removed_go_with_it() -> None:
    rule = {"spec": {"host": "x", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}}
    paths.drop(rule, paths.steps("spec.trafficPolicy.tls"))
    assert rule == {"spec": {"host": "x"}}


def test_what_controllers_and_the_server_note_is_not_ours() -> None:
    one = {
        "metadata": {"name": "x", "resourceVersion": "1", "annotations": {"deployment.kubernetes.io/revision": "4"}},
        "spec": {"a": 1},
    }
    other = {"metadata": {"name": "x", "resourceVersion": "9"}, "spec": {"a": 1}, "status": {"ready": 1}}
    assert digest(one) == digest(other)
    assert digest(one) != digest({**one, "spec": {"a": 2}})


def test_a_diff_shows_no_secret_and_no_control_character() -> None:
    before = {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {"name": "x"},
        "spec": {"password": "canary-4711", "evil": "\x1b[31mred"},
    }
    lines = "\n".join(unified(before, None, Subject(kind="X", name="x")))
    assert "canary-4711" not in lines
    assert "\x1b" not in lines


def test_a_manifest_is_what_a_repository_holds() -> None:
    live = {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {"name": "x", "uid": "u", "managedFields": []},
        "spec": {"a": 1},
        "status": {},
    }
    assert manifest(live) == "apiVersion: v1\nkind: X\nmetadata:\n  name: x\nspec:\n  a: 1\n"
