"""Findings as Markdown, for a comment on a change. No text of the mesh can become markup, a link or a mention."""

from __future__ import annotations

import re

from meshdoctor.model.findings import Diagnosis, Finding, Status, Suppressed
from meshdoctor.model.text import plain
from meshdoctor.reports.places import location
from meshdoctor.reports.preview_markdown import preview_lines
from meshdoctor.reports.preview_words import added_first

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~&$^=.])")
_JOINER = "\u2060"  # invisible; keeps `@name`, `#1` and `://` from becoming mentions and links
_LINKED = re.compile(r"@|#|://|(?i:www)")
_MOST = 200  # a comment has 65,536 characters


def findings(found: Diagnosis) -> str:
    """A line of counts, a table of findings worst first, and what was suppressed."""
    counts = found.coverage
    parts = [f"**meshdoctor**: {counts.fail} failed, {counts.warn} warned, {counts.unknown} unknown of {counts.rules} checks"]
    if found.known:
        parts[0] += f"; {found.known} findings known before"
    if found.changes is not None:
        parts += preview_lines(found.changes, escaped)
    shown = added_first(found)[:_MOST]
    before = set(found.changes.findings.same) if found.changes else set()
    if shown:
        parts += ["", "| | code | object | place | what |", "| --- | --- | --- | --- | --- |", *(_row(f, before) for f in shown)]
    else:
        parts += ["", "No finding."]
    if len(found.findings) > _MOST:
        parts += ["", f"and {len(found.findings) - _MOST} more (`-o json` has them all)"]
    if found.suppressed:
        parts += ["", f"<details><summary>{len(found.suppressed)} suppressed</summary>", ""]
        parts += [*(_suppressed(s) for s in found.suppressed[:_MOST]), "", "</details>"]
    if found.notes:
        parts += ["", *(f"- {escaped(n)}" for n in found.notes[:_MOST])]
    return "\n".join(parts) + "\n"


def _row(finding: Finding, before: set[str]) -> str:
    status = finding.status if finding.status is not Status.WARN else f"{finding.status} {finding.severity}"
    status = f"{status}, as before" if finding.id in before else str(status)
    codes = ", ".join((finding.problem or finding.code, *finding.codes))
    path = f" {finding.path}" if finding.path else ""
    cells = (status, codes, f"{finding.subject}{path}", location(finding), finding.summary)
    return f"| {' | '.join(escaped(c) for c in cells)} |"


def _suppressed(item: Suppressed) -> str:
    until = f" until {item.until}" if item.until else ""
    return f"- {escaped(f'{item.finding.code} {item.finding.subject}: {item.reason}{until}, by {item.by}')}"


def escaped(text: object) -> str:
    """Text that Markdown shows as it is."""
    joined = _LINKED.sub(lambda m: m[0] + _JOINER if m[0] != "://" else f":{_JOINER}//", plain(text, 1000))
    return _MARKUP.sub(r"\\\1", joined)
