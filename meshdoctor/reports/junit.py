"""Findings as JUnit XML: one test case a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from meshdoctor.model.findings import Check, Diagnosis, Finding, Status
from meshdoctor.model.text import plain
from meshdoctor.reports.places import where

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def findings(found: Diagnosis, *, strict: bool = False) -> str:
    """A test suite: a FAIL is a failure (with `strict` a WARN too), what could not be seen is skipped, never passed."""
    by_code: dict[str, list[Finding]] = {}
    for finding in found.findings:
        by_code.setdefault(finding.code, []).append(finding)
    suite = ET.Element("testsuite", name="meshdoctor", timestamp=f"{found.observed_at:%Y-%m-%dT%H:%M:%S}")
    for check in found.checks:
        _case(suite, check, by_code.get(check.code, []), strict=strict)
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.set("tests", str(len(found.checks)))
    for name, tag in counts.items():
        suite.set(name, str(sum(case.find(tag) is not None for case in suite)))
    suite.set("time", f"{found.seconds.rules:.3f}")
    root = ET.Element("testsuites", suite.attrib)
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, check: Check, findings: list[Finding], *, strict: bool) -> None:
    name = _text(f"{check.problem or check.code} {check.title}")
    case = ET.SubElement(suite, "testcase", classname=f"meshdoctor.{check.code}", name=name, time="0")
    failing = (Status.FAIL, Status.WARN) if strict else (Status.FAIL,)
    failed = [f for f in findings if f.status in failing]
    if failed and failed[0].file:
        case.set("file", _text(failed[0].file))
    if failed:
        _said(case, "failure", failed[0].summary, failed, type=failed[0].severity)
    elif errors := [f for f in findings if f.status is Status.ERROR]:
        _said(case, "error", errors[0].summary, errors, type="error")
    elif unknown := [f for f in findings if f.status is Status.UNKNOWN]:
        _said(case, "skipped", f"UNKNOWN: {unknown[0].summary}", unknown)
    elif check.status is Status.SKIPPED:
        _said(case, "skipped", check.reason or "there is none", ())
    if warned := [f for f in findings if f.status is Status.WARN and f not in failed]:
        ET.SubElement(case, "system-out").text = _lines(warned)


def _said(case: ET.Element, tag: str, message: str, findings: Iterable[Finding], **more: str) -> None:
    element = ET.SubElement(case, tag, {"message": _text(message), **more})
    element.text = _lines(findings) or None


def _lines(findings: Iterable[Finding]) -> str:
    return "\n".join(_text(f"{f.status} {f.subject}{where(f)}: {f.summary}") for f in findings)


def _text(value: str) -> str:
    return _NOT_XML.sub("", plain(value, 1000))
