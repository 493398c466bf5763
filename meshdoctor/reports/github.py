"""Findings as workflow commands of GitHub Actions: annotations at file and line."""

from __future__ import annotations

from meshdoctor.model.findings import Diagnosis, Finding, Status
from meshdoctor.model.text import plain
from meshdoctor.reports.places import where

_LEVELS = {Status.FAIL: "error", Status.ERROR: "error", Status.WARN: "warning", Status.UNKNOWN: "notice"}


def findings(found: Diagnosis) -> str:
    """One command a finding, then the count as a notice."""
    lines = [_command(f) for f in found.findings]
    counts = found.coverage
    said = f"{counts.rules} checks: {counts.fail} failed, {counts.warn} warned, {counts.unknown} unknown"
    more = "".join(
        f", {n} findings {word}" for n, word in ((len(found.suppressed), "suppressed"), (found.known, "known before")) if n
    )
    return "\n".join([*lines, f"::notice title=meshdoctor::{_data(said + more)}"]) + "\n"


def _command(finding: Finding) -> str:
    level = "notice" if finding.status is Status.WARN and finding.severity == "info" else _LEVELS[finding.status]
    unknown = "UNKNOWN: " if finding.status is Status.UNKNOWN else ""
    names = " ".join(dict.fromkeys(n for n in (finding.problem or finding.code, *finding.codes) if n))
    properties = {
        "file": finding.file,
        "line": finding.line,
        "col": finding.column,
        "title": f"{names} {finding.title}",
    }
    said = ",".join(f"{k}={_property(str(v))}" for k, v in properties.items() if v)
    place = "" if finding.file else where(finding)
    return f"::{level} {said}::{_data(f'{unknown}{finding.subject}{place}: {finding.summary}')}"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
