"""`meshdoctor bundle diff A B`: what changed in objects, and which findings came and went."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from meshdoctor.bundle.differences import ObjectChange, objects, one_sided
from meshdoctor.bundle.opening import open_bundle
from meshdoctor.bundling import diagnose_recording, without
from meshdoctor.commands.session import run_async
from meshdoctor.model.findings import Finding, Status
from meshdoctor.model.text import plain

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
MOST = 12  # fields shown of one object


def run(arguments: argparse.Namespace) -> int:
    """Print the differences; 2 where the second has a fault that the first has not, else 0."""
    before, after = open_bundle(Path(arguments.before)), open_bundle(Path(arguments.after))
    changes = objects(before.recording.answers, after.recording.answers)
    sided = one_sided(before.recording.answers, after.recording.answers)
    was, now = (run_async(diagnose_recording(o.recording, f"bundle/{o.path.name}", arguments.namespace)) for o in (before, after))
    came, went = without(now, was), without(was, now)
    if arguments.output == "json":
        told: dict[str, Any] = {
            "schema": "meshdoctor.bundle-diff/v1",
            "before": {"file": arguments.before, "recorded_at": before.recording.recorded_at},
            "after": {"file": arguments.after, "recorded_at": after.recording.recorded_at},
            "objects": changes,
            "only_in_one": sided,
            "findings": {"new": came, "gone": went},
        }
        print(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())
    else:
        head = f"{before.recording.recorded_at:%Y-%m-%d %H:%M:%S} -> {after.recording.recorded_at:%Y-%m-%d %H:%M:%S} UTC"
        lines = [head, "", *_findings(came, went), "", *_objects(changes)]
        lines += [f"? only in one of the two: {', '.join(sided)}"] if sided else []
        print("\n".join(plain(line, 400) for line in lines))
    return 2 if any(f.status is Status.FAIL for f in came) else 0


def _findings(came: list[Finding], went: list[Finding]) -> list[str]:
    lines = [f"Findings: {len(came)} new, {len(went)} gone"]
    lines += [
        f"  {sign} {f.problem or f.code}  {f.subject}: {f.summary}" for sign, some in (("+", came), ("-", went)) for f in some
    ]
    return lines


def _objects(changes: list[ObjectChange]) -> list[str]:
    lines = [f"Objects: {', '.join(f'{sum(c.change == word for c in changes)} {word}' for word in SIGNS)}"]
    for change in changes:
        lines.append(f"  {SIGNS[change.change]} {change.subject}")
        for field in change.fields[:MOST]:
            lines.append(f"      {field.path}: {_value(field.before)} -> {_value(field.after)}")
        if len(change.fields) > MOST:
            lines.append(f"      and {len(change.fields) - MOST} more fields")
    return lines


def _value(value: str | None) -> str:
    return "(none)" if value is None else value
