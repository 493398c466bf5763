"""Findings that somebody decided not to hear of: hidden while agreed, listed always, back when the time is over."""

from __future__ import annotations

import pytest

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.reading.given import read_text
from meshdoctor.diagnosis import judge
from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Diagnosis, Status
from meshdoctor.triage import suppressions_file
from meshdoctor.triage.suppress import Suppression, parse, suppress
from tests.conftest import NOW

BAD = """
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {istio-injection: enabled, istio.io/rev: canary}
  annotations: {%s}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: injector, labels: {app: sidecar-injector, istio.io/rev: default}}
"""
KNOWN = {"INJ-004", "MD0104", "MD5400"}


def judged(annotations: str = "", *written: Suppression) -> Diagnosis:
    mesh = mesh_of_manifests(read_text(BAD % annotations, name="f.yaml"), now=NOW)
    return suppress(judge(mesh), mesh, written)


def hidden(found: Diagnosis) -> list[str | None]:
    return [s.finding.problem for s in found.suppressed]


def shown(found: Diagnosis) -> list[str | None]:
    return [f.problem for f in found.findings if f.status is Status.FAIL]


def of_file(text: str) -> tuple[Suppression, ...]:
    return suppressions_file.read(text.encode(), "s.toml", KNOWN)


def test_without_a_suppression_it_is_said() -> None:
    assert (shown(judged()), hidden(judged())) == (["INJ-004"], [])


@pytest.mark.parametrize("code", ["INJ-004", "md0104", "IST0101, MD0104", "*"])
def test_an_annotation_hides_by_any_of_its_names(code: str) -> None:
    found = judged(f'meshdoctor.dev/ignore: "{code}; reason=migration; until=2026-08-01"')
    assert (shown(found), hidden(found)) == ([], ["INJ-004"])
    check = next(c for c in found.checks if c.problem == "INJ-004")
    assert (check.status, found.coverage.fail, found.causes) == (Status.SKIPPED, 0, ())


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("INJ-004; reason=migration; until=2026-07-31", "ended on 2026-07-31"),
        ("INJ-004", "no reason"),
        ("INJ-004; reason=x; until=soon", "no date"),
        ("INJ-004; because=x", "neither reason nor until"),
        ("; reason=x", "no code"),
    ],
)
def test_what_expired_or_is_wrong_hides_nothing_and_is_said(annotation: str, said: str) -> None:
    found = judged(f'meshdoctor.dev/ignore: "{annotation}"')
    assert (shown(found), hidden(found)) == (["INJ-004"], [])
    assert any(said in note for note in found.notes)


def test_another_code_hides_nothing() -> None:
    assert shown(judged('meshdoctor.dev/ignore: "INJ-005; reason=x"')) == ["INJ-004"]


def test_annotations_of_other_tools_hide_what_those_tools_say() -> None:
    codes = next(f.codes for f in judged().findings if f.problem == "INJ-004")
    theirs = [c for c in codes if c.startswith("IST")]
    assert hidden(judged("galley.istio.io/analyze-suppress: '*'")) == ["INJ-004"] * bool(theirs)
    assert hidden(judged(f"galley.istio.io/analyze-suppress: '{','.join(theirs)}'")) == ["INJ-004"] * bool(theirs)
    assert hidden(judged("kiali.io/ignore-validations: ''")) == ["INJ-004"] * any(c.startswith("KIA") for c in codes)
    assert hidden(judged("galley.istio.io/analyze-suppress: IST9999")) == []


@pytest.mark.parametrize(
    ("fields", "hides"),
    [
        ('code = "INJ-004"\nsubject = "Namespace sh*"', True),
        ('code = ["MD5400", "MD0104"]\nuntil = 2026-08-01', True),
        ('code = "*"\nsubject = "shop"', True),
        ('code = "INJ-004"\nsubject = "Namespace other"', False),
        ('code = "INJ-004"\nuntil = 2026-07-31', False),
    ],
)
def test_a_file_hides_by_code_and_object(fields: str, hides: bool) -> None:
    found = judged("", *of_file(f'[[ignore]]\nreason = "agreed"\n{fields}\n'))
    assert hidden(found) == ["INJ-004"] * hides


@pytest.mark.parametrize(
    "text",
    [
        '[[ignore]]\ncode = "INJ-004"\n',
        '[[ignore]]\ncode = "INJ-004"\nreason = " "\n',
        '[[ignore]]\ncode = "INJ-999"\nreason = "x"\n',
        '[[ignore]]\ncode = "INJ-004"\nreason = "x"\nuntil = "soon"\n',
        '[[ignore]]\ncode = "INJ-004"\nreason = "x"\nfor = "all"\n',
        "ignore = [",
    ],
)
def test_a_file_that_does_not_fit_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match=r"s\.toml"):
        of_file(text)


def test_what_could_not_be_seen_is_never_hidden() -> None:
    route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: b}\nspec: {hosts: [a], http: [{route: [{destination: {host: x}}]}]}\n"
    mesh = mesh_of_manifests(read_text(route), now=NOW)
    found = suppress(judge(mesh), mesh, of_file('[[ignore]]\ncode = "*"\nreason = "all"\n'))
    assert {f.status for f in found.findings} == {Status.UNKNOWN}


def test_a_reason_with_an_equals_sign() -> None:
    made = parse("INJ-004; reason=a=b", "x")
    assert isinstance(made, Suppression)
    assert made.reason == "a=b"
