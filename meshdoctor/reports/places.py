"""Where a finding is, in words."""

from __future__ import annotations

from meshdoctor.model.findings import Finding


def location(finding: Finding) -> str:
    """`file:line:column` as far as it is known; empty for what is in no file."""
    parts = (finding.file, finding.line, finding.column)
    return ":".join(str(p) for p in parts[: parts.index(None) if None in parts else 3])


def where(finding: Finding) -> str:
    """The path of a field and its place, to be put behind an object's name."""
    path = f" {finding.path}" if finding.path else ""
    place = location(finding)
    return f"{path} ({place})" if place else path
