"""Findings as one static page: no script, nothing fetched, every text escaped."""

from __future__ import annotations

from html import escape

from meshdoctor.model.findings import Diagnosis, Finding
from meshdoctor.model.text import plain
from meshdoctor.reports.places import location
from meshdoctor.reports.preview_html import preview_html
from meshdoctor.reports.preview_words import added_first

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .4rem .6rem; border-top: 1px solid #d0d7de }
code { font-size: 90% }
.FAIL, .ERROR { color: #b42318 }
.WARN { color: #8a5a00 }
.UNKNOWN { color: #6f42c1 }
.dim { color: #57606a }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117 }
  td, th { border-color: #30363d }
  .FAIL, .ERROR { color: #ff7b72 }
  .WARN { color: #e3b341 }
  .UNKNOWN { color: #d2a8ff }
  .dim { color: #8d96a0 }
}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>meshdoctor</title><style>{style}</style></head><body>
<h1>{headline}</h1>
<p class="dim">{about}</p>
{changes}
{findings}
{suppressed}
{notes}
</body></html>
"""


def findings(found: Diagnosis) -> str:
    """The page."""
    counts = found.coverage
    headline = f"{len(found.findings)} findings" if found.findings else "No finding"
    about = (
        f"{found.cluster.context or 'manifests'}, {found.observed_at:%Y-%m-%d %H:%M:%S} UTC: {counts.rules} checks, "
        f"{counts.pass_} passed, {counts.fail} failed, {counts.warn} warned, {counts.unknown} unknown, "
        f"{counts.skipped} skipped, {counts.error} errors"
    )
    known = f"; {found.known} findings known before" if found.known else ""
    return _PAGE.format(
        style=_STYLE,
        headline=headline,
        about=_safe(about + known),
        changes=preview_html(found.changes, _safe) if found.changes else "",
        findings=_table(added_first(found), set(found.changes.findings.same) if found.changes else set()),
        suppressed=_suppressed(found),
        notes="".join(f"<p class='dim'>{_safe(n)}</p>\n" for n in found.notes),
    )


def _table(findings: tuple[Finding, ...], before: set[str]) -> str:
    if not findings:
        return ""
    head = "<tr><th>status</th><th>code</th><th>object</th><th>what</th></tr>"
    return f"<table>{head}\n{''.join(_row(f, before) for f in findings)}</table>"


def _row(finding: Finding, before: set[str]) -> str:
    known = "<br>as before" if finding.id in before else ""
    codes = ", ".join((finding.problem or finding.code, *finding.codes))
    place = location(finding)
    where = "".join(f"<br><code class='dim'>{_safe(t)}</code>" for t in (finding.path, place) if t)
    why = f"<br><span class='dim'>{_safe(finding.why)}</span>" if finding.why else ""
    proof = "".join(f"<br><code class='dim'>$ {_safe(e.command)}</code>" for e in finding.evidence if e.command)
    return (
        f"<tr><td class='{_safe(finding.status)}'>{_safe(finding.status)}<br>{_safe(finding.severity)}{known}</td>"
        f"<td>{_safe(codes)}</td>"
        f"<td>{_safe(finding.subject)}{where}</td><td><b>{_safe(finding.title)}</b><br>{_safe(finding.summary)}{why}{proof}</td></tr>\n"
    )


def _suppressed(found: Diagnosis) -> str:
    if not found.suppressed:
        return ""
    items = "".join(
        f"<li>{_safe(s.finding.code)} {_safe(s.finding.subject)}: {_safe(s.finding.summary)} "
        f"<span class='dim'>({_safe(s.reason)}{f', until {s.until}' if s.until else ''}, by {_safe(s.by)})</span></li>\n"
        for s in found.suppressed
    )
    return f"<h2>{len(found.suppressed)} suppressed</h2><ul>{items}</ul>"


def _safe(text: object) -> str:
    return escape(plain(text), quote=True)
