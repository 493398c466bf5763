"""The exit code of a diagnosis: the same in every format."""

from __future__ import annotations

from meshdoctor.model.findings import Diagnosis, Status

OK, WARNED, FAILED, NOT_SEEN, USAGE, INTERRUPTED = 0, 1, 2, 3, 64, 130


def exit_code(found: Diagnosis, *, strict: bool = False) -> int:
    """2 any FAIL; else 3 where the verdict needed a source that could not be read; else 1 with --strict and any WARN; else 0."""
    statuses = {f.status for f in found.findings}
    if Status.FAIL in statuses:
        return FAILED
    if found.coverage.unknown or Status.UNKNOWN in statuses:
        return NOT_SEEN
    if strict and Status.WARN in statuses:
        return WARNED
    return OK
