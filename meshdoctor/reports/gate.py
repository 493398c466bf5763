"""The gate as text and JSON: the verdict first, then each question with its answer."""

from __future__ import annotations

import textwrap
from typing import Any

from meshdoctor.model.findings import Status
from meshdoctor.model.gate import Gate, GateCheck
from meshdoctor.model.text import plain
from meshdoctor.reports.text import STATUS, ago

SCHEMA = "meshdoctor.gate/v1"
WORDS = {
    Status.PASS: "open: nothing speaks against it",
    Status.SKIPPED: "open: there is nothing to judge",
    Status.WARN: "open, with warnings",
    Status.UNKNOWN: "not known: not enough could be seen",
    Status.FAIL: "closed",
    Status.ERROR: "not known: a check failed",
}
INDENT = 14


def as_json(found: Gate) -> dict[str, Any]:
    """`meshdoctor.gate/v1`, ready for `encode`."""
    return {"schema": SCHEMA} | {name: getattr(found, name) for name in found.__struct_fields__}


def text(found: Gate, *, width: int = 100) -> str:
    """The verdict, what it compares with, and every question."""
    where = ", ".join(found.namespaces) or "all namespaces"
    lines = [f"{STATUS[found.verdict][0]} Gate {WORDS[found.verdict]} ({plain(where)})"]
    if found.before:
        lines.append(f"  compared with {found.before:%Y-%m-%d %H:%M:%S}Z, {ago(found.before, found.observed_at)} ago")
    lines.append("")
    for check in found.checks:
        lines += _check(check, width)
    lines += [f"note: {plain(note, 400)}" for note in found.notes]
    seconds = f"{found.seconds.collect:.1f} s to collect, {found.seconds.rules:.1f} s to judge"
    return "\n".join([*lines, "", f"{plain(found.cluster.context) or 'cluster'}: {seconds}"]) + "\n"


def _check(check: GateCheck, width: int) -> list[str]:
    lines = [f"{STATUS[check.status][0]} {check.status:<8} {check.id:<8} {check.title}"]
    pad = " " * INDENT
    lines += textwrap.wrap(plain(check.says, 600), width, initial_indent=pad, subsequent_indent=pad)
    if check.status in (Status.FAIL, Status.WARN, Status.UNKNOWN):
        lines += [f"{pad}$ {plain(e.command)}" for e in check.evidence[:2] if e.command]
    return lines
