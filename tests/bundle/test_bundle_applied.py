"""Objects that logs and messages print: copies of what was applied, and the data of Secrets, however often they are escaped."""

from __future__ import annotations

import io
import json

import pytest

from meshdoctor.bundle.redaction.marks import Marks
from meshdoctor.bundle.redaction.texts import clean_log
from meshdoctor.bundle.scanner import scan
from meshdoctor.bundle.unpack import Limits
from meshdoctor.bundle.writer import member
from tests.bundle.planted import word

NAME = "kubectl.kubernetes.io/last-applied-configuration"
APPLIED = json.dumps(
    {"kind": "VirtualService", "spec": {"x": 'quote " brace } slash \\', "regex": "a{2}\\\\", "h": word(1)}}, separators=(",", ":")
)
OBJECT = {"metadata": {"annotations": {NAME: APPLIED + "\n", "other": "kept"}}, "after": "kept too"}
STAMP = "2026-03-01T11:59:58.000000000Z "


def escaped(times: int) -> str:
    """A line of JSON, inside so many fields of JSON."""
    line = json.dumps(OBJECT)
    for _ in range(times):
        line = json.dumps({"level": "error", "msg": line, "tail": "kept last"})
    return line


LINES = {
    "json": escaped(0),
    "json in json": escaped(1),
    "json in json in json": escaped(2),
    "zap": "2026-03-01T11:59:58.1Z\terror\tkube\tfailed to convert object\t" + json.dumps({"object": OBJECT}) + " kept too kept",
    "klog": f'E0301 11:59:58.1 1 reflector.go:200] "Unhandled Error" err="cannot decode {escaped(0)}" kept',
    "go map": f"error kube tombstone &Deployment{{Annotations:map[string]string{{{NAME}: {APPLIED}\n,other: kept,}},}} kept",
    "go syntax": f'map[string]string{{"{NAME}":{json.dumps(APPLIED)}, "other":"kept"}}',
    "yaml": f"annotations:\n  {NAME}: |\n    {APPLIED}\n  other: kept",
    "patch": f"PATCH body: {json.dumps([{'op': 'add', 'path': '/x', 'value': OBJECT}])} kept",
}


def leaks(text: str) -> list[str]:
    return [leak.what for leak in scan(io.BytesIO(member("a.log", text.encode())), (), Limits())]


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_copy_in_a_log_line_goes_and_the_rest_of_the_line_stays(line: str) -> None:
    text = f"{STAMP}{line}\n{STAMP}next line\n"
    kept = clean_log(text, Marks())
    assert leaks(text)
    assert leaks(kept) == []
    assert "VirtualService" not in kept
    assert word(1) not in kept
    assert "kept" in kept.splitlines()[0] + kept.splitlines()[-2]
    assert kept.endswith(f"{STAMP}next line\n")


def test_json_that_held_a_copy_is_json_still() -> None:
    assert json.loads(clean_log(escaped(1), Marks()))["tail"] == "kept last"
    inner = json.loads(json.loads(clean_log(escaped(1), Marks()))["msg"])
    assert inner["metadata"]["annotations"]["other"] == "kept"


def test_a_copy_that_breaks_off_goes_to_the_end_of_its_line() -> None:
    cut = escaped(1)
    text = f"{STAMP}{cut[: cut.index('brace')]}\n{STAMP}next line\n"
    kept = clean_log(text, Marks())
    assert "VirtualService" not in kept
    assert kept.endswith(f"\n{STAMP}next line\n")
    assert leaks(kept) == []


def test_the_name_of_the_annotation_alone_is_no_copy() -> None:
    line = '"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}},"f:spec":{}'
    assert clean_log(line, Marks()) == line
    assert leaks(line) == []
    prose = "last-applied-configuration is missing {retry}"
    assert clean_log(prose, Marks()) == prose


@pytest.mark.parametrize("times", [0, 1, 2])
def test_the_data_of_a_secret_in_a_log_line_goes(times: int) -> None:
    line = json.dumps({"kind": "Secret", "data": {"value": "c2hvcnQ="}, "type": "Opaque"})
    for _ in range(times):
        line = json.dumps({"msg": line})
    text = f"{STAMP}info kube got {line}\n"
    kept = clean_log(text, Marks())
    assert leaks(text) == ["the data of a Secret"]
    assert leaks(kept) == []
    assert "c2hvcnQ=" not in kept
    assert "Opaque" in kept
