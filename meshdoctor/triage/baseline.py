"""A former result as baseline: only what is new since is reported, the rest is counted."""

from __future__ import annotations

import msgspec

from meshdoctor.model.errors import UsageError
from meshdoctor.model.findings import Diagnosis
from meshdoctor.triage.leave_out import leave_out


class _Known(msgspec.Struct):
    id: str


class _Former(msgspec.Struct):
    findings: list[_Known]


def known_ids(raw: bytes, name: str) -> frozenset[str]:
    """The ids of the findings in the JSON of a former `check` or `diagnose`."""
    try:
        return frozenset(f.id for f in msgspec.json.decode(raw, type=_Former).findings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise UsageError(f"The baseline {name} is no former result: {why}.", do="Make one with `check -o json > FILE`.") from why


def new_since(found: Diagnosis, known: frozenset[str]) -> Diagnosis:
    """The findings that the baseline has not; `known` counts the others."""
    old = [f for f in found.findings if f.id in known]
    left = leave_out(found, old, "all its findings are in the baseline")
    return msgspec.structs.replace(left, known=len(old))
