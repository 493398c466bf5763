"""Findings as SARIF 2.1.0, for code scanning."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import quote

import msgspec

from meshdoctor.model.findings import Diagnosis, Finding, Status, Suppressed
from meshdoctor.model.pages import advice, pages
from meshdoctor.model.text import plain

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "warning", "info": "note"}


def findings(found: Diagnosis) -> str:
    """A log of one run: the rules that said something, their results, and what failed as notifications."""
    said = [f for f in found.findings if f.status is not Status.ERROR]
    everything = [*said, *(s.finding for s in found.suppressed)]
    rules = list(dict.fromkeys(f.code for f in everything))
    by_code = {f.code: f for f in reversed(everything)}
    results = [_result(f, rules) for f in said] + [_suppressed(s, rules) for s in found.suppressed]
    run = {
        "tool": {
            "driver": {
                "name": "meshdoctor",
                "semanticVersion": version("meshdoctor"),
                "rules": [_rule(by_code[code]) for code in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": f"{found.observed_at:%Y-%m-%dT%H:%M:%SZ}",
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": plain(f.summary)}, "associatedRule": {"id": f.code}}
                    for f in found.findings
                    if f.status is Status.ERROR
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=1).decode() + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    names = [n for n in (finding.problem, *finding.codes) if n]
    rule: dict[str, Any] = {
        "id": finding.code,
        "shortDescription": {"text": finding.title or finding.code},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {"tags": ["istio", *names], "problem.severity": _severity(finding)},
    }
    words, page = advice(finding.code, finding.problem), pages().get(finding.problem or "")
    if words is not None:
        text = f"{words.means}\n\nDo: {words.do}" + (f"\n\nVerify: {page.verify}" if page else "")
        rule["fullDescription"] = {"text": words.means}
        rule["help"] = {"text": text, "markdown": text}
    if page is not None and page.docs and page.docs[0].startswith("https://"):
        rule["helpUri"] = page.docs[0]
    return rule


def _severity(finding: Finding) -> str:
    return {"error": "error", "warning": "warning", "note": "recommendation"}[_LEVELS[finding.severity]]


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rules.index(finding.code),
        "message": {"text": plain(f"{finding.subject}: {finding.summary}")},
        "locations": [_location(finding)],
        "partialFingerprints": {"meshdoctor/v1": finding.id},
    }
    if finding.status is Status.UNKNOWN:
        result |= {"kind": "open", "level": "none"}
    else:
        result |= {"kind": "fail", "level": _LEVELS[finding.severity]}
    return result


def _location(finding: Finding) -> dict[str, Any]:
    name = plain(str(finding.subject))
    place: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name + (f" {finding.path}" if finding.path else "")}]}
    if finding.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file)}}
        if finding.line:
            physical["region"] = {"startLine": finding.line} | ({"startColumn": finding.column} if finding.column else {})
        place["physicalLocation"] = physical
    return place


def _uri(file: str) -> str:
    """A relative path stays relative, so that code scanning finds it in the repository."""
    path = quote(file.removeprefix("./").replace("\\", "/"), errors="replace")
    return f"file://{path}" if path.startswith("/") else path


def _suppressed(item: Suppressed, rules: list[str]) -> dict[str, Any]:
    kind = "inSource" if item.by.startswith("annotation ") else "external"
    until = f" (until {item.until})" if item.until else ""
    why = {"kind": kind, "status": "accepted", "justification": plain(item.reason + until)}
    return _result(item.finding, rules) | {"suppressions": [why]}
