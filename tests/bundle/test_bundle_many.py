"""A bundle of a mesh with very many findings stays small, says what it does not tell, and is looked over as closely as any."""

from __future__ import annotations

import io
import json
import random
import re

import pytest

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import recorded_lists, written
from meshdoctor.bundle.recording import Recorder
from meshdoctor.bundle.redaction.marks import Marks
from meshdoctor.bundle.redaction.redactor import Redactor
from meshdoctor.bundle.redaction.values import Cleaner
from meshdoctor.bundle.scanner import _runs, scan
from meshdoctor.bundle.tiers import T0
from meshdoctor.bundle.unpack import Limits
from meshdoctor.bundle.writer import member
from meshdoctor.bundling import MOST_FINDINGS, Looked, Wanted, content
from meshdoctor.model.findings import Cause, Cluster, Diagnosis, Finding, Status
from meshdoctor.model.subject import Subject
from meshdoctor.reports.shortened import shortened
from tests.bundle.planted import answers, word
from tests.bundle.recorded import AT


def found(counts: dict[str, int]) -> Diagnosis:
    """A diagnosis with so many findings of each code, each a cause; the causes stand in the opposite order."""
    subjects = [
        (code, Subject(kind="Pod", namespace="shop", name=f"p{n:04}")) for code, count in counts.items() for n in range(count)
    ]
    findings = [
        Finding(id=f"{code}{s.name}", code=code, status=Status.FAIL, severity="high", subject=s, problem="XDS-003")
        for code, s in subjects
    ]
    causes = [
        Cause(
            problem="XDS-003", code=f.code, title="t", summary="s", confidence=0.9, severity="high", subject=f.subject, finding=f.id
        )
        for f in reversed(findings)
    ]
    return Diagnosis(cluster=Cluster(), observed_at=AT, findings=tuple(findings), causes=tuple(causes))


def test_the_first_of_each_code_are_kept_and_the_rest_is_counted() -> None:
    whole = found({"MD0403": 5, "MD1903": 2})
    short = shortened(whole, 3)
    assert [f.id for f in short.diagnosis.findings if f.code == "MD0403"] == ["MD0403p0002", "MD0403p0003", "MD0403p0004"]
    assert {c.finding for c in short.diagnosis.causes} == {f.id for f in short.diagnosis.findings}
    assert (short.findings, short.causes) == ({"MD0403": 2}, {"MD0403": 2})
    assert shortened(whole, 5).diagnosis == whole


def test_a_bundle_says_which_findings_it_does_not_tell() -> None:
    made = content(
        Looked(Recorder(), [], found=found({"MD0403": MOST_FINDINGS + 7, "MD1903": 4}), at=AT),
        Wanted(tier=T0),
        lambda says, done: None,
    )
    told = json.loads(made.extras["findings.json"])
    assert len(told["findings"]) == MOST_FINDINGS + 4
    assert told["left_out"] == {"findings": {"MD0403": 7}, "causes": {"MD0403": 7}}
    assert [n for n in made.notes if "findings.json" in n and "7 of MD0403" in n]


def test_a_bundle_with_few_findings_has_them_all() -> None:
    made = content(Looked(Recorder(), [], found=found({"MD0403": 3}), at=AT), Wanted(tier=T0), lambda says, done: None)
    assert len(json.loads(made.extras["findings.json"])["findings"]) == 3
    assert made.notes == []


def test_a_text_that_was_harmless_elsewhere_is_removed_where_its_name_says_secret() -> None:
    cleaner = Cleaner(Marks())
    harmless = {"note": word(1), "args": [word(1)], "annotations": {"note": word(1)}}
    assert cleaner.value(harmless) == harmless
    again = {
        "password": word(1),
        "args": ["--password", word(1)],
        "annotations": {"password": word(1)},
        "env": [{"name": "A", "value": word(1)}],
    }
    assert word(1) not in json.dumps(cleaner.value(again))


def test_a_list_is_redacted_object_by_object_as_it_is_at_once() -> None:
    lists = [a.body for a in answers().values() if a.body[:1] == b"{" and "items" in json.loads(a.body)]
    assert len(lists) > 3
    for body in lists:
        one_by_one, at_once = Redactor(), Redactor()
        at_once.marks._key = one_by_one.marks._key
        more = json.loads(at_once.body(json.dumps(json.loads(body) | {"more": 1}).encode()))  # no list of the API
        assert json.loads(one_by_one.body(body)) | {"more": 1} == more
        assert one_by_one.marks.counts == at_once.marks.counts


def test_objects_are_written_as_they_are_read() -> None:
    body = b'{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"namespace":"a","name":"x"}}, {}, {"metadata":null},{"kind":"Own","metadata":{"namespace":"b"}}]}'
    listed = recorded_lists({"api GET /api/v1/pods": Answer(200, "application/json", body)})["/api/v1/pods"]
    assert [json.loads(item) for _, item in written(listed)] == listed.items()
    assert [namespace for namespace, _ in written(listed)] == ["a", "", "", "b"]


@pytest.mark.parametrize(
    "text",
    [
        '{"items":[{"kind":"Secret","data":{"a":"b"}}]}', '{"kind":"\\u0053ecret","data":{"a":"b"}}',
        json.dumps({"log": json.dumps({"kind": "Secret", "data": {"a": "b"}})}),
        '{"log":"{\\u0022kind\\u0022:\\u0022Secret\\u0022,\\u0022data\\u0022:{\\u0022a\\u0022:1}}"}',
        '2026 got {"kind": "Secret", "data": {"a": "b"}}', '{"k":{"kty":"RSA","d":"abc"}}',
    ],
)  # fmt: skip
def test_the_data_of_a_secret_is_found_however_it_is_written(text: str) -> None:
    assert scan(io.BytesIO(member("a.json", text.encode())), (), Limits())


def test_long_runs_are_found_as_by_an_expression() -> None:
    chance = random.Random(7)
    for _ in range(300):
        text = "".join(chance.choice('aB9+/_=-é✖ "') * chance.choice((1, 1, 13, 39, 40, 41)) for _ in range(12))
        assert list(_runs(text)) == re.findall(r"[A-Za-z0-9+/_=-]{40,}", text)
